"""One WebSocket: its socket, what has come in, and what the kernel would not take yet.

`reading` makes messages of the bytes. Nothing in here waits: the reactor calls `readable` and
`writable` when the socket is ready.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final, Protocol

from . import frames
from .reading import Fault, Fragments, parse

_CHUNK: Final = 65536  # bytes per read: what one socket may bring in before the others have a turn


class Receiver(Protocol):
    """Who gets the messages of a wire."""

    def text(self, payload: bytes) -> None:
        """A text message, not yet checked to be UTF-8. May raise Stop, or ValueError to close."""

    def binary(self, payload: bytes) -> None:
        """A binary message. May raise Stop, or ValueError to close the connection."""

    def drained(self) -> None:
        """All that was queued is out."""

    def ending(self) -> None:
        """The other side closes: what is to be sent to it must be written now."""

    def lost(self, wire: Wire, reason: str) -> None:
        """The wire is closed or closing; nothing more will come. Called once."""


class Keeper(Protocol):
    """What a wire needs of the reactor."""

    packet_limit: int  # bytes of one message, 0 for none
    backlog_limit: int  # unsent bytes of one connection, 0 for none

    def interest(self, wire: Wire) -> None:
        """What `reads` and `writes` of the wire say has changed."""

    def again(self, wire: Wire) -> None:
        """Call `resume` in the next turn."""

    def linger(self, wire: Wire) -> None:
        """Drop the wire when the other side has not closed it within some seconds."""

    def forget(self, wire: Wire) -> None:
        """The socket is about to be closed."""

    def too_slow(self, wire: Wire) -> None:
        """More is unsent than allowed: the wire must be closed, soon."""

    def broken(self, wire: Wire) -> None:
        """Writing failed: the wire must be dropped, soon."""


class Wire:
    """A WebSocket connection after its handshake."""

    __slots__ = (
        "_queue",
        "_sent",
        "closing",
        "fd",
        "fragments",
        "keeper",
        "reads",
        "receiver",
        "rest",
        "send",
        "sock",
        "stopped",
        "unsent",
    )

    def __init__(self, sock: Any, keeper: Keeper, receiver: Receiver, first: bytes = b"") -> None:
        self.sock = sock
        self.fd: int = sock.fileno()
        self.send = sock.send  # for those who write straight; they hand the rest to `hold`
        self.receiver: Receiver | None = receiver
        self.closing = False  # our close frame is out: only the other side's is waited for
        self.unsent = 0  # bytes in the queue
        self.reads = True  # whether the reactor should tell when there is something to read
        self.stopped = False  # `resume` is to come before anything more is read
        self.keeper = keeper
        self.rest = first  # received, but not a whole frame yet
        self.fragments: Fragments | None = None
        self._queue: deque[bytes] | None = None  # unsent data; each entry starts with a new frame
        self._sent = 0  # bytes of the queue's first entry that are out

    @property
    def writes(self) -> bool:
        """Whether something waits for the socket to take bytes."""
        return self._queue is not None

    # Reading

    def readable(self) -> None:
        """Take in what is there, at most one chunk."""
        if self.stopped:
            return
        try:
            data = self.sock.recv(_CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self.drop("transport close")
            return
        if self.rest:
            data, self.rest = self.rest + data, b""
        self._take(data)

    def stop(self) -> None:
        """Read nothing more until `go_on`: those who handle it are behind."""
        if self.reads and self.fd >= 0:
            self.stopped, self.reads = True, False
            self.keeper.interest(self)

    def go_on(self) -> None:
        """Read again after `stop`."""
        if not self.reads and self.fd >= 0:
            self.reads = True
            self.keeper.interest(self)
            self.keeper.again(self)

    def resume(self) -> None:
        """Go on with what was left when reading stopped."""
        self.stopped = False
        data, self.rest = self.rest, b""
        if data:
            self._take(data)

    def _take(self, data: bytes) -> None:
        try:
            parse(self, data)
        except Fault as fault:
            self.close(fault.code, fault.reason, "transport error", at_once=True)
        except ValueError as error:  # a packet that breaks Engine.IO or Socket.IO
            code = (
                frames.INVALID_DATA if isinstance(error, UnicodeError) else frames.POLICY_VIOLATION
            )
            self.close(code, "invalid packet", "parse error", at_once=True)

    # Writing

    def write(self, data: bytes) -> None:
        """Send whole frames, or queue what the kernel does not take."""
        if not self.closing:
            self.put(data)

    def hold(self, data: bytes, sent: int) -> None:
        """Queue `data`, of which `sent` bytes are out already."""
        if self._queue is None:
            self._queue = deque()
            self._sent = sent
            self.keeper.interest(self)
        self._queue.append(data)
        self.unsent += len(data) - sent
        limit = self.keeper.backlog_limit
        if limit and self.unsent > limit and not self.closing:
            self.keeper.too_slow(self)

    def writable(self) -> None:
        """The kernel takes bytes again: send from the queue."""
        queue = self._queue
        while queue:
            data = memoryview(queue[0])[self._sent :]
            try:
                sent = self.send(data)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self.drop("transport close")
                return
            self.unsent -= sent
            if sent < len(data):
                self._sent += sent
                return
            queue.popleft()
            self._sent = 0
        self._queue = None
        self.keeper.interest(self)
        if self.receiver is not None:
            self.receiver.drained()

    def close(self, code: int, reason: str, why: str, *, at_once: bool = False) -> None:
        """Send a close frame and tell the receiver `why`.

        The frame goes behind everything queued, or with `at_once` behind the frame half sent. The
        socket stays until the other side has closed as well, or for some seconds (RFC 6455 §7.1.1).
        """
        if self.closing or self.fd < 0:
            return
        self.closing = True
        if at_once:
            self._cut_queue()
        self.put(frames.close(code, reason))
        self.keeper.linger(self)
        self._tell(why)

    def drop(self, why: str) -> None:
        """End the TCP connection now."""
        if self.fd >= 0:
            self.keeper.forget(self)
            self.fd = -1
            self.sock.close()
            self._queue, self.rest, self.fragments = None, b"", None
        self.closing = True
        self._tell(why)

    def put(self, data: bytes) -> None:
        sent = 0
        if self._queue is None:
            try:
                sent = self.send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError:
                self.keeper.broken(self)
                return
            if sent == len(data):
                return
        self.hold(data, sent)

    def _cut_queue(self) -> None:
        """Forget what is queued, except for the frame that is half out."""
        if not self._queue:
            return
        data, self.unsent = self._queue[0], 0
        self._queue.clear()
        for _, _, end in frames.split(data):
            if self._sent and end >= self._sent:
                self._queue.append(data[:end])
                self.unsent = end - self._sent
                break
        else:
            self._sent = 0

    def _tell(self, why: str) -> None:
        receiver, self.receiver = self.receiver, None
        if receiver is not None:
            receiver.lost(self, why)
