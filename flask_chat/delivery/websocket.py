"""One WebSocket: its socket, what has come in, and what the kernel would not take yet.

Reading is RFC 6455 complete. A whole, small text frame, which is nearly every frame of a chat, takes
a short way; fragments, control frames and faults take the long one. Nothing in here waits: the
reactor calls `readable` and `writable` when the socket is ready.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final, Protocol

from . import frames

try:
    from websockets.speedups import apply_mask
except ImportError:  # no compiled wheel for this machine
    from websockets.utils import apply_mask

_CHUNK: Final = 65536  # bytes per read: what one socket may bring in before the others have a turn
_BATCH: Final = 64  # frames of one socket in a turn
_NEW_TEXT: Final = 0x81  # FIN and the text opcode
_OPCODES: Final = (frames.CONTINUATION, frames.TEXT, frames.BINARY)


class Stop(Exception):
    """Raised by a receiver that does not want this message yet. It is offered again on `resume`."""


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


class _Fault(Exception):
    """The client broke RFC 6455: the close code and reason it is told."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Wire:
    """A WebSocket connection after its handshake."""

    __slots__ = (
        "_fragments",
        "_keeper",
        "_queue",
        "_rest",
        "_sent",
        "closing",
        "fd",
        "receiver",
        "send",
        "reads",
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
        self._keeper = keeper
        self._rest = first  # received, but not a whole frame yet
        self._fragments: _Fragments | None = None
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
        if self._rest:
            data, self._rest = self._rest + data, b""
        self._take(data)

    def stop(self) -> None:
        """Read nothing more until `go_on`: those who handle it are behind."""
        if self.reads and self.fd >= 0:
            self.stopped, self.reads = True, False
            self._keeper.interest(self)

    def go_on(self) -> None:
        """Read again after `stop`."""
        if not self.reads and self.fd >= 0:
            self.reads = True
            self._keeper.interest(self)
            self._keeper.again(self)

    def resume(self) -> None:
        """Go on with what was left when reading stopped."""
        self.stopped = False
        data, self._rest = self._rest, b""
        if data:
            self._take(data)

    def _take(self, data: bytes) -> None:
        try:
            self._parse(data)
        except _Fault as fault:
            self.close(fault.code, fault.reason, "transport error", at_once=True)
        except ValueError as error:  # a packet that breaks Engine.IO or Socket.IO
            code = (
                frames.INVALID_DATA if isinstance(error, UnicodeError) else frames.POLICY_VIOLATION
            )
            self.close(code, "invalid packet", "parse error", at_once=True)

    def _parse(self, data: bytes) -> None:
        at, size, left = 0, len(data), _BATCH
        receiver, limit = self.receiver, self._keeper.packet_limit
        while size - at >= 6:
            if left == 0 or self.stopped:
                if self.reads:
                    self.stopped = True
                    self._keeper.again(self)
                break
            left -= 1
            second = data[at + 1]
            # the short way: FIN, text, masked, at most 64 KiB, no message half-done, all of it here
            if data[at] != _NEW_TEXT or second < 0x80 or second == 0xFF or self._fragments:
                end = self._any_frame(data, at)
                if end == 0:
                    break
                at = end
                receiver = self.receiver
                continue
            if second == 0xFE:
                length = data[at + 2] << 8 | data[at + 3]
                start = at + 8
                if length < 126:
                    raise _Fault(frames.PROTOCOL_ERROR, "length not in its shortest form")
            else:
                length = second & 0x7F
                start = at + 6
            if length > limit > 0:
                self._check_size(length)
            end = start + length
            if end > size:
                break
            if receiver is not None:
                try:
                    receiver.text(apply_mask(data[start:end], data[start - 4 : start]))
                except Stop:
                    self.stopped = True
                    break
                receiver = self.receiver
            at = end
        else:
            # fewer than six bytes: only a fault or the header of an unmasked frame shows so early
            if size - at >= 2:
                self._header(data, at)
        if at < size and self.fd >= 0:
            self._rest = data[at:]

    def _any_frame(self, data: bytes, at: int) -> int:
        """Take the frame at `at`, whatever it is. Gives its end, or 0 when it is not all here."""
        opcode, fin, length, start = self._header(data, at)
        if start == 0 or start + length > len(data):
            return 0
        end = start + length
        payload = apply_mask(data[start:end], data[start - 4 : start])
        try:
            if opcode >= frames.CLOSE:
                self._control(opcode, payload)
            elif fin and opcode != frames.CONTINUATION:
                self._deliver(opcode, payload)
            else:
                self._fragment(opcode, fin, payload)
        except Stop:
            self.stopped = True
            return 0
        return end

    def _header(self, data: bytes, at: int) -> tuple[int, bool, int, int]:
        """Opcode, FIN, length and start of the payload; a start of 0 when the header is not all here.

        Checks all that RFC 6455 §5.2 to §5.5 ask of a client's frame, before its payload is kept.
        """
        first, second = data[at], data[at + 1]
        opcode, fin, length = first & 0x0F, first >= 0x80, second & 0x7F
        if first & 0x70:
            raise _Fault(frames.PROTOCOL_ERROR, "reserved bits set")
        if second < 0x80:
            raise _Fault(frames.PROTOCOL_ERROR, "frame without mask")
        start = at + 6
        if opcode in (frames.CLOSE, frames.PING, frames.PONG):
            if not fin or length > 125:
                raise _Fault(frames.PROTOCOL_ERROR, "control frame too long or in fragments")
        elif opcode not in _OPCODES:
            raise _Fault(frames.PROTOCOL_ERROR, "reserved opcode")
        elif (opcode == frames.CONTINUATION) != (self._fragments is not None):
            raise _Fault(frames.PROTOCOL_ERROR, "fragment out of order")
        if length >= 126:
            width = 2 if length == 126 else 8
            if len(data) < at + 2 + width:
                return opcode, fin, 0, 0
            length = int.from_bytes(data[at + 2 : at + 2 + width], "big")
            if length < (126 if width == 2 else 65536) or length >> 63:
                raise _Fault(frames.PROTOCOL_ERROR, "length not in its shortest form")
            start += width
        if opcode < frames.CLOSE:
            self._check_size(length)
        return opcode, fin, length, start

    def _check_size(self, length: int) -> None:
        limit = self._keeper.packet_limit
        if limit and length + (self._fragments.size if self._fragments else 0) > limit:
            raise _Fault(frames.TOO_BIG, f"a message may have {limit} bytes")

    def _fragment(self, opcode: int, fin: bool, payload: bytes) -> None:
        """RFC 6455 §5.4: a message in parts."""
        if self._fragments is None:
            self._fragments = _Fragments(opcode)
        whole = self._fragments
        if fin:
            # kept until it is taken: Stop leaves this last frame to be offered again
            self._deliver(whole.opcode, b"".join((*whole.parts, payload)))
            self._fragments = None
        else:
            whole.parts.append(payload)
            whole.size += len(payload)

    def _deliver(self, opcode: int, payload: bytes) -> None:
        if self.receiver is None:
            return
        if opcode == frames.TEXT:
            self.receiver.text(payload)
        else:
            self.receiver.binary(payload)

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == frames.PING and not self.closing:
            self.write(frames.pong(payload))
        elif opcode == frames.CLOSE:
            self._closed_by_peer(payload)

    def _closed_by_peer(self, payload: bytes) -> None:
        """RFC 6455 §5.5.1 and §7.4: check the code, answer with the same, and end the connection."""
        code = int.from_bytes(payload[:2], "big") if payload else frames.NORMAL
        if len(payload) == 1 or not (code in _CLOSE_CODES or 3000 <= code <= 4999):
            raise _Fault(frames.PROTOCOL_ERROR, "invalid close code")
        try:
            payload[2:].decode()
        except UnicodeDecodeError:
            raise _Fault(frames.INVALID_DATA, "close reason is not UTF-8") from None
        if not self.closing:
            if self.receiver is not None:
                self.receiver.ending()
            self.closing = True
            self._put(frames.close(code) if payload else frames.header(frames.CLOSE, 0))
        self.drop("transport close")

    # Writing

    def write(self, data: bytes) -> None:
        """Send whole frames, or queue what the kernel does not take."""
        if not self.closing:
            self._put(data)

    def hold(self, data: bytes, sent: int) -> None:
        """Queue `data`, of which `sent` bytes are out already."""
        if self._queue is None:
            self._queue = deque()
            self._sent = sent
            self._keeper.interest(self)
        self._queue.append(data)
        self.unsent += len(data) - sent
        limit = self._keeper.backlog_limit
        if limit and self.unsent > limit and not self.closing:
            self._keeper.too_slow(self)

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
        self._keeper.interest(self)
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
        self._put(frames.close(code, reason))
        self._keeper.linger(self)
        self._tell(why)

    def drop(self, why: str) -> None:
        """End the TCP connection now."""
        if self.fd >= 0:
            self._keeper.forget(self)
            self.fd = -1
            self.sock.close()
            self._queue, self._rest, self._fragments = None, b"", None
        self.closing = True
        self._tell(why)

    def _put(self, data: bytes) -> None:
        sent = 0
        if self._queue is None:
            try:
                sent = self.send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError:
                self._keeper.broken(self)
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


class _Fragments:
    """A message of which not all parts have come."""

    __slots__ = ("opcode", "parts", "size")

    def __init__(self, opcode: int) -> None:
        self.opcode, self.size = opcode, 0
        self.parts: list[bytes] = []


# RFC 6455 §7.4.1 and the IANA registry: the codes below 3000 that may be on the wire.
_CLOSE_CODES = frozenset((1000, 1001, 1002, 1003, *range(1007, 1015)))
