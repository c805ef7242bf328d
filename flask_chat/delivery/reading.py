"""Frames of clients, read as RFC 6455 asks for, from whatever bytes have come in.

A whole text frame, which is nearly every frame of a chat, takes a short way; fragments, control
frames and faults take the long one. The state between two reads is two fields of the wire.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from . import frames

try:
    from websockets.speedups import apply_mask
except ImportError:  # no compiled wheel for this machine
    from websockets.utils import apply_mask

if TYPE_CHECKING:
    from .websocket import Wire

_BATCH: Final = 64  # frames of one socket in a turn
_NEW_TEXT: Final = 0x81  # FIN and the text opcode
_OPCODES: Final = (frames.CONTINUATION, frames.TEXT, frames.BINARY)

# RFC 6455 §7.4.1 and the IANA registry: the codes below 3000 that may be on the wire.
_CLOSE_CODES = frozenset((1000, 1001, 1002, 1003, *range(1007, 1015)))


class Stop(Exception):
    """Raised by a receiver that does not want this message yet. It is offered again on `resume`."""


class Fault(Exception):
    """The client broke RFC 6455: the close code and reason it is told."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Fragments:
    """A message of which not all parts have come."""

    __slots__ = ("opcode", "parts", "size")

    def __init__(self, opcode: int) -> None:
        self.opcode, self.size = opcode, 0
        self.parts: list[bytes] = []


def parse(wire: Wire, data: bytes) -> None:
    """Give the receiver of the wire the messages in `data`; what is not whole is kept for later.

    Raises Fault for what RFC 6455 forbids, and ValueError for what the receiver does not accept.
    """
    at, size, left = 0, len(data), _BATCH
    receiver, limit = wire.receiver, wire.keeper.packet_limit
    while size - at >= 6:
        if left == 0 or wire.stopped:
            if wire.reads:
                wire.stopped = True
                wire.keeper.again(wire)
            break
        left -= 1
        second = data[at + 1]
        # the short way: FIN, text, masked, at most 64 KiB, no message half-done, all of it here
        if data[at] != _NEW_TEXT or second < 0x80 or second == 0xFF or wire.fragments:
            end = _any_frame(wire, data, at)
            if end == 0:
                break
            at = end
            receiver = wire.receiver
            continue
        if second == 0xFE:
            length = data[at + 2] << 8 | data[at + 3]
            start = at + 8
            if length < 126:
                raise Fault(frames.PROTOCOL_ERROR, "length not in its shortest form")
        else:
            length = second & 0x7F
            start = at + 6
        if length > limit > 0:
            _check_size(wire, length)
        end = start + length
        if end > size:
            break
        if receiver is not None:
            try:
                receiver.text(apply_mask(data[start:end], data[start - 4 : start]))
            except Stop:
                wire.stopped = True
                break
            receiver = wire.receiver
        at = end
    else:
        # fewer than six bytes: only a fault or the header of an unmasked frame shows so early
        if size - at >= 2:
            _header(wire, data, at)
    if at < size and wire.fd >= 0:
        wire.rest = data[at:]


def _any_frame(wire: Wire, data: bytes, at: int) -> int:
    """Take the frame at `at`, whatever it is. Gives its end, or 0 when it is not all here."""
    opcode, fin, length, start = _header(wire, data, at)
    if start == 0 or start + length > len(data):
        return 0
    end = start + length
    payload = apply_mask(data[start:end], data[start - 4 : start])
    try:
        if opcode >= frames.CLOSE:
            _control(wire, opcode, payload)
        elif fin and opcode != frames.CONTINUATION:
            _deliver(wire, opcode, payload)
        else:
            _fragment(wire, opcode, fin, payload)
    except Stop:
        wire.stopped = True
        return 0
    return end


def _header(wire: Wire, data: bytes, at: int) -> tuple[int, bool, int, int]:
    """Opcode, FIN, length and start of the payload; start 0 when the header is not all here.

    Checks all that RFC 6455 §5.2 to §5.5 ask of a client's frame, before its payload is kept.
    """
    first, second = data[at], data[at + 1]
    opcode, fin, length = first & 0x0F, first >= 0x80, second & 0x7F
    if first & 0x70:
        raise Fault(frames.PROTOCOL_ERROR, "reserved bits set")
    if second < 0x80:
        raise Fault(frames.PROTOCOL_ERROR, "frame without mask")
    start = at + 6
    if opcode in (frames.CLOSE, frames.PING, frames.PONG):
        if not fin or length > 125:
            raise Fault(frames.PROTOCOL_ERROR, "control frame too long or in fragments")
    elif opcode not in _OPCODES:
        raise Fault(frames.PROTOCOL_ERROR, "reserved opcode")
    elif (opcode == frames.CONTINUATION) != (wire.fragments is not None):
        raise Fault(frames.PROTOCOL_ERROR, "fragment out of order")
    if length >= 126:
        width = 2 if length == 126 else 8
        if len(data) < at + 2 + width:
            return opcode, fin, 0, 0
        length = int.from_bytes(data[at + 2 : at + 2 + width], "big")
        if length < (126 if width == 2 else 65536) or length >> 63:
            raise Fault(frames.PROTOCOL_ERROR, "length not in its shortest form")
        start += width
    if opcode < frames.CLOSE:
        _check_size(wire, length)
    return opcode, fin, length, start


def _check_size(wire: Wire, length: int) -> None:
    limit = wire.keeper.packet_limit
    if limit and length + (wire.fragments.size if wire.fragments else 0) > limit:
        raise Fault(frames.TOO_BIG, f"a message may have {limit} bytes")


def _fragment(wire: Wire, opcode: int, fin: bool, payload: bytes) -> None:
    """RFC 6455 §5.4: a message in parts."""
    if wire.fragments is None:
        wire.fragments = Fragments(opcode)
    whole = wire.fragments
    if fin:
        # kept until it is taken: Stop leaves this last frame to be offered again
        _deliver(wire, whole.opcode, b"".join((*whole.parts, payload)))
        wire.fragments = None
    elif payload:  # empty parts would grow the list without ever reaching the limit
        whole.parts.append(payload)
        whole.size += len(payload)


def _deliver(wire: Wire, opcode: int, payload: bytes) -> None:
    if wire.receiver is None:
        return
    if opcode == frames.TEXT:
        wire.receiver.text(payload)
    else:
        wire.receiver.binary(payload)


def _control(wire: Wire, opcode: int, payload: bytes) -> None:
    if opcode == frames.PING and not wire.closing:
        wire.write(frames.pong(payload))
    elif opcode == frames.CLOSE:
        _closed_by_peer(wire, payload)


def _closed_by_peer(wire: Wire, payload: bytes) -> None:
    """RFC 6455 §5.5.1, §7.4: check the code, answer with the same, end the connection."""
    code = int.from_bytes(payload[:2], "big") if payload else frames.NORMAL
    if len(payload) == 1 or not (code in _CLOSE_CODES or 3000 <= code <= 4999):
        raise Fault(frames.PROTOCOL_ERROR, "invalid close code")
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        raise Fault(frames.INVALID_DATA, "close reason is not UTF-8") from None
    if not wire.closing:
        if wire.receiver is not None:
            wire.receiver.ending()
        wire.closing = True
        wire.put(frames.close(code) if payload else frames.header(frames.CLOSE, 0))
    wire.drop("transport close")
