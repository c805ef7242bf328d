"""TLS for connections that one thread reads while another writes, as the Socket.IO client does.

OpenSSL wants one thread at a time on a connection. Python's `ssl` lets go of the interpreter's lock
while OpenSSL works and takes no other (https://github.com/python/cpython/issues/151508): now and
then a record is garbled and the line is lost, or the program crashes. Here the two take turns, and
wait for the network outside of their turns.
"""

import errno
import selectors
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH

T = TypeVar("T")


class TurnTakingSocket(ssl.SSLSocket):
    """One thread may receive while another sends. Only `recv`, `send` and `shutdown` are for that.

    Beneath its timeout, which works as usual, it never blocks.
    """

    _turn: threading.Lock
    _patience_seconds: float | None

    def do_handshake(self, block: bool = False) -> None:
        """As in ssl; from here on the two directions take turns."""
        super().do_handshake(block)
        self._turn = threading.Lock()
        self._patience_seconds = super().gettimeout()
        super().settimeout(0.0)

    def gettimeout(self) -> float | None:
        """How long `recv` and `send` wait, in seconds; None is for ever."""
        return self._patience_seconds if self._is_ready else super().gettimeout()

    def settimeout(self, value: float | None) -> None:
        """See `gettimeout`."""
        if self._is_ready:
            self._patience_seconds = value
        else:
            super().settimeout(value)

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """What has come, b"" at the end. Raises TimeoutError or another OSError."""
        return self._in_turn(lambda: super(TurnTakingSocket, self).recv(buflen, flags))

    def send(self, data: Any, flags: int = 0) -> int:
        """Send some of it and return how much. Raises TimeoutError or another OSError."""
        return self._in_turn(lambda: super(TurnTakingSocket, self).send(data, flags))

    def shutdown(self, how: int) -> None:
        """End the line at once; whoever waits in `recv` hears of it."""
        with self._turn if self._is_ready else nullcontext():
            super().shutdown(how)

    @property
    def _is_ready(self) -> bool:
        return hasattr(self, "_turn")

    def _in_turn(self, step: Callable[[], T]) -> T:
        patience = self._patience_seconds
        until = None if patience is None else time.monotonic() + patience
        while True:
            with self._turn:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    events = selectors.EVENT_READ
                except ssl.SSLWantWriteError:
                    events = selectors.EVENT_WRITE
            self._wait(events, until)

    def _wait(self, events: int, until: float | None) -> None:
        with selectors.DefaultSelector() as selector:
            try:
                selector.register(self, events)
            except ValueError:
                raise OSError(errno.EBADF, "the connection was closed") from None
            left = None if until is None else until - time.monotonic()
            if not selector.select(left) and left is not None:
                raise TimeoutError("timed out")


@lru_cache(maxsize=8)
def context(trusted: Path) -> ssl.SSLContext:
    """What checks certificates and takes turns: for the authorities in a file or folder.

    Those the system trusts are trusted, too. All are read once, since that takes 20 ms and more and
    many lines may come back at once. Raises OSError.
    """
    made = ssl.create_default_context()
    made.sslsocket_class = TurnTakingSocket
    if trusted.is_dir():
        made.load_verify_locations(capath=trusted)
    else:
        made.load_verify_locations(cafile=trusted)
    return made


def trusted_by_requests(url: str) -> Path:
    """The authorities a request to this address trusts: `REQUESTS_CA_BUNDLE`, or certifi's."""
    with requests.Session() as session:
        verify = session.merge_environment_settings(url, {}, None, True, None)["verify"]
    return Path(verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH)
