"""One connection to the server, from connecting to its end. Coming back is done in room.py.

python-socketio's own reconnecting is off, and every connection is a client of its own: nothing of a
lost one is left behind. Its handlers run in threads of their own: events may overtake each other.
"""

import queue
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import urlsplit

import socketio
from socketio import exceptions

from flask_chat.client import tls
from flask_chat.client.errors import Refused, Unreachable


class Listener(Protocol):
    """Who hears what comes over a line. Called from threads of the Socket.IO client."""

    def welcomed(self, line: "Line", welcome: dict[str, Any]) -> None:
        """The first thing on a line."""

    def happened(self, line: "Line", event: dict[str, Any]) -> None:
        """An event of the log."""

    def line_changed(self, line: "Line") -> None:
        """Refused or lost: look at the line."""


class _PacketQueue(queue.Queue[Any]):
    """What the Engine.IO client is to send. None, the end of it, is only found by a waiting get.

    Its writer collects all that is there, and an end it finds behind a packet is forgotten: the
    loss of the line would be noticed half a minute later.
    """

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        with self.mutex:
            if not block and self.queue and self.queue[0] is None:
                raise queue.Empty
        return super().get(block, timeout)


class Line:
    """Tells a listener what comes in. `refusal` is set when the server did not want us."""

    def __init__(self, listener: Listener, patience_seconds: float) -> None:
        self.refusal: Refused | None = None
        self.is_welcomed = False
        self._is_lost = False
        self._listener = listener
        self._client = socketio.Client(
            reconnection=False, handle_sigint=False, request_timeout=patience_seconds
        )
        self._client.eio.queue = _PacketQueue()
        self._client.on("connect_error", self._refused)
        self._client.on("disconnect", self._disconnected)
        self._client.on("welcome", self._welcomed)
        self._client.on("event", lambda event: listener.happened(self, event))

    def open(self, url: str, auth: dict[str, Any]) -> None:
        """Connect; the welcome comes later. Raises Unreachable."""
        try:
            if urlsplit(url).scheme == "https":
                context = tls.context(tls.trusted_by_requests(url))
                self._client.eio.websocket_extra_options = {"sslopt": {"context": context}}
            self._client.connect(url, auth=auth, transports=["websocket"], wait=False)
        except (exceptions.ConnectionError, OSError, ValueError) as error:
            raise Unreachable(str(error)) from None

    @property
    def is_lost(self) -> bool:
        """Whether nothing will come over it any more."""
        return self._is_lost or self._client.eio.state != "connected"

    def emit(
        self, event: str, data: dict[str, Any], answered: Callable[[dict[str, Any]], None] | None
    ) -> None:
        """Send something, without waiting. Raises Unreachable when the line is known to be lost."""
        try:
            self._client.emit(event, data, callback=answered)
        except exceptions.SocketIOError as error:
            raise Unreachable(str(error)) from None

    def drop(self) -> None:
        """Close it on our side, without waiting for a word from the other."""
        self._is_lost = True
        if self._socket is not None:
            # Not `disconnect`: that waits seconds for an answer that a dead line never brings.
            self._socket.abort()

    def _welcomed(self, welcome: dict[str, Any]) -> None:
        self.is_welcomed = True
        self._listener.welcomed(self, welcome)

    def _refused(self, answer: Any = None) -> None:
        if isinstance(answer, dict):
            details = answer.get("data")
            self.refusal = Refused(details if isinstance(details, dict) else answer)
        self._is_lost = True
        self._listener.line_changed(self)

    def _disconnected(self, reason: str = "") -> None:
        self._is_lost = True
        if self._socket is not None:
            self._socket.shutdown()  # nobody reads from it any more
        self._listener.line_changed(self)

    @property
    def _socket(self) -> Any:
        return getattr(self._client.eio, "ws", None)
