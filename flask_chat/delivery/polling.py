"""Long polling: Engine.IO v4 packets as the bodies of GET and POST.

It is the fall-back for networks that let no WebSocket through. A waiting GET is one greenlet of the
HTTP server, asleep on `Poll`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any, Final

from gevent import get_hub, socket
from gevent.event import Event

from . import frames

CLOSE, NOOP = b"1", b"6"
_SEPARATOR: Final = b"\x1e"
_UPGRADING_SECONDS: Final = 0.1  # how long a poll waits while a WebSocket is being tried


class Poll:
    """The polling side of a session: at most one GET waits, at most one POST is being read."""

    __slots__ = ("_event", "_last", "gone", "posting", "upgrading", "waiting")

    def __init__(self) -> None:
        self._event: Event | None = None
        self._last: bytes | None = None  # the packet a waiting GET is to be released with
        self.waiting = False
        self.posting = False
        self.upgrading = False  # a probe has been answered, so polls are kept short
        self.gone = False  # the client hung up while its GET was waiting

    def wait(self, environ: dict[str, Any]) -> bytes | None:
        """Wait for something to take. Gives the packet to answer with instead, or None."""
        self._event, self._last, self.waiting = Event(), None, True
        watch = _watch_hang_up(environ, self._hang_up)
        try:
            came = self._event.wait(_UPGRADING_SECONDS if self.upgrading else None)
        finally:
            self.waiting, self._event = False, None
            if watch is not None:
                watch.stop()
                watch.close()
        return self._last if came else NOOP

    def wake(self) -> None:
        """There is something to take."""
        if self._event is not None:
            self._event.set()

    def release(self, packet: bytes) -> None:
        """End a waiting GET with this packet."""
        if self._event is not None and self._last is None:
            self._last = packet
            self._event.set()

    def _hang_up(self) -> None:
        self.gone = True
        self.release(CLOSE)


def encode(kept: list[bytes]) -> bytes:
    """The payload for these frames: their packets, binary ones in base64."""
    packets = []
    for data in kept:
        for opcode, start, end in frames.split(data):
            packet = data[start:end]
            packets.append(b"b" + base64.b64encode(packet) if opcode == frames.BINARY else packet)
    return _SEPARATOR.join(packets)


def decode(payload: bytes) -> Iterator[tuple[bool, bytes]]:
    """The packets of a payload: whether it is binary, and its bytes. Raises ValueError."""
    for packet in payload.split(_SEPARATOR):
        if packet[:1] == b"b":
            try:
                yield True, base64.b64decode(packet[1:], validate=True)
            except binascii.Error:
                raise ValueError("not base64") from None
        else:
            yield False, packet


def _watch_hang_up(environ: dict[str, Any], act: Any) -> Any:
    """A watcher that calls `act` when the client hangs up; None when that cannot be known."""
    sock = environ.get("chat.socket") or environ.get("gunicorn.socket")
    if sock is None:
        sock = getattr(getattr(environ["wsgi.input"], "rfile", None), "raw", None)
        sock = getattr(sock, "_sock", None)
    raw = getattr(sock, "_sock", sock)
    if raw is None or not hasattr(raw, "recv") or not hasattr(raw, "fileno"):
        return None
    watcher = get_hub().loop.io(raw.fileno(), 1)

    def readable() -> None:
        try:
            over = not raw.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError:
            over = True
        watcher.stop()  # a next request sent ahead is not our business
        if over:
            act()

    watcher.start(readable)
    return watcher
