"""Socket.IO v5 packets and their JSON, strict in both directions.

`dumps` and `loads` make this module the `json` that python-socketio and python-engineio use.
Packets that break the protocol raise ValueError here; the connection is closed for it.
"""

import json
import re
from typing import Any, Final, NamedTuple

import msgspec

CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR, BINARY_EVENT, BINARY_ACK = range(7)

MAX_ATTACHMENTS: Final = 10
MAX_ID_DIGITS: Final = 18  # clients count from 0; more digits than this are not a counter

# Socket.IO v5, "Packet encoding": type [attachments "-"] [namespace ","] [id] [JSON]
_SHAPE = re.compile(r"([0-6])(?:(\d+)-)?(?:(/[^,]*)(?:,|$))?(\d*)(.*)", re.ASCII | re.DOTALL)

# Names the clients keep for themselves; a packet that carries one as an event is invalid.
RESERVED = frozenset(
    ("connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener")
)

encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_surrogate = re.compile("[\ud800-\udfff]")


class Packet(NamedTuple):
    """One packet of a client. `data` still holds placeholders when attachments are to follow."""

    kind: int
    namespace: str
    id: int | None
    data: Any
    attachments: int


def dumps(value: Any, **_: Any) -> str:
    """JSON text of the value, msgspec's Structs and Raw included. NaN and Infinity become null."""
    return encode(value).decode()


def loads(text: str | bytes, **_: Any) -> Any:
    """The value in the text. Raises ValueError: not JSON, nested too deep, or not finite."""
    try:
        return _decode(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
    except msgspec.DecodeError:
        # JavaScript strings may hold half a surrogate pair, written as \\udXXX, which RFC 8259 §8.2
        # leaves open. Closing over a broken emoji would make an outbox send it for ever.
        lowered = text.lower()
        half = "\\ud" in lowered if isinstance(lowered, str) else b"\\ud" in lowered
        if not half:
            raise
    try:
        return _whole(json.loads(text, parse_constant=_refuse, parse_float=_finite))
    except RecursionError:
        raise ValueError("nested too deep") from None


def parse(text: str) -> Packet:
    """Take a packet apart and check it against Socket.IO v5. Raises ValueError."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise ValueError("not a Socket.IO packet")
    kind = int(match[1])
    if (match[2] is not None) != (kind in (BINARY_EVENT, BINARY_ACK)):
        raise ValueError("attachments belong to binary packets, and only there")
    attachments = int(match[2]) if match[2] and len(match[2]) <= 2 else 0
    if match[2] and not 0 < attachments <= MAX_ATTACHMENTS:
        raise ValueError(f"a packet has 1 to {MAX_ATTACHMENTS} attachments")
    namespace = (match[3] or "/").partition("?")[0]
    if len(match[4]) > MAX_ID_DIGITS:
        raise ValueError("the packet id is too long")
    number = int(match[4]) if match[4] else None
    data = loads(match[5]) if match[5] else None
    _check(kind, number, data)
    return Packet(kind, namespace, number, data, attachments)


def check_event(data: Any) -> None:
    """An event is an array that starts with its name. Raises ValueError."""
    if not isinstance(data, list) or not data or not isinstance(data[0], str):
        raise ValueError("an event is an array that starts with a name")
    if data[0] in RESERVED:
        raise ValueError(f"{data[0]} is a reserved event")


def fill(data: Any, attachments: list[bytes]) -> Any:
    """Put the attachments where the placeholders are. Raises ValueError for a wrong one."""
    try:
        return _fill(data, attachments)
    except RecursionError:  # JSON may be nested deeper than we can follow
        raise ValueError("nested too deep") from None


def _fill(data: Any, attachments: list[bytes]) -> Any:
    if isinstance(data, list):
        return [_fill(item, attachments) for item in data]
    if isinstance(data, dict):
        if data.get("_placeholder") is True:
            number = data.get("num")
            if not isinstance(number, int) or not 0 <= number < len(attachments):
                raise ValueError("a placeholder without its attachment")
            return attachments[number]
        return {key: _fill(value, attachments) for key, value in data.items()}
    return data


def ack(number: bytes, value: Any) -> bytes:
    """The Engine.IO message that acknowledges an event of "/"; a tuple is several values."""
    if value is None:
        return b"43" + number + b"[]"
    if type(value) is tuple:
        return b"43" + number + encode(value)
    return b"43" + number + b"[" + encode(value) + b"]"


def _check(kind: int, number: int | None, data: Any) -> None:
    match kind:
        case _ if kind == CONNECT:
            if data is not None and not isinstance(data, dict):
                raise ValueError("CONNECT carries an object or nothing")
        case _ if kind == DISCONNECT:
            if data is not None:
                raise ValueError("DISCONNECT carries nothing")
        case _ if kind in (EVENT, BINARY_EVENT):
            check_event(data)
        case _ if kind in (ACK, BINARY_ACK):
            if not isinstance(data, list) or number is None:
                raise ValueError("an acknowledgement is an array with an id")
        case _:
            raise ValueError("clients do not send CONNECT_ERROR")


def _whole(value: Any) -> Any:
    """The value with the replacement character for every half of a surrogate pair."""
    if isinstance(value, str):
        return _surrogate.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    return value


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{digits} is out of range")
    return number
