"""WebSocket frames as bytes (RFC 6455 §5.2) and the handshake (§4.2). Reading them is `websocket`.

A server does not mask, so a frame is the same bytes for everybody: it is made once and shared.
"""

import base64
import binascii
from collections.abc import Iterator
from typing import Any, Final

from websockets.utils import accept_key

CONTINUATION, TEXT, BINARY = 0x0, 0x1, 0x2
CLOSE, PING, PONG = 0x8, 0x9, 0xA

# Close codes (RFC 6455 §7.4.1 and the IANA registry) that this server sends.
NORMAL: Final = 1000
GOING_AWAY: Final = 1001
PROTOCOL_ERROR: Final = 1002
INVALID_DATA: Final = 1007
POLICY_VIOLATION: Final = 1008
TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011

_FIN = 0x80


def text(payload: bytes) -> bytes:
    """A whole text message. The payload is UTF-8."""
    return header(TEXT, len(payload)) + payload


def binary(payload: bytes) -> bytes:
    """A whole binary message."""
    return header(BINARY, len(payload)) + payload


def pong(payload: bytes) -> bytes:
    """The answer to a ping, which has at most 125 bytes."""
    return header(PONG, len(payload)) + payload


def close(code: int, reason: str = "") -> bytes:
    """A close frame; the reason is cut to what a control frame holds (123 bytes)."""
    payload = code.to_bytes(2, "big") + reason.encode()[:123]
    return header(CLOSE, len(payload)) + payload


def header(opcode: int, length: int) -> bytes:
    """The bytes in front of an unmasked, unfragmented payload."""
    if length < 126:
        return bytes((_FIN | opcode, length))
    if length < 65536:
        return bytes((_FIN | opcode, 126)) + length.to_bytes(2, "big")
    return bytes((_FIN | opcode, 127)) + length.to_bytes(8, "big")


def split(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Walk over frames made here: opcode, start and end of each payload."""
    at = 0
    while at < len(data):
        length, start = data[at + 1], at + 2
        if length == 126:
            length, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
        elif length == 127:
            length, start = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
        yield data[at] & 0x0F, start, start + length
        at = start + length


def handshake(environ: dict[str, Any]) -> bytes:
    """The response that switches this request to WebSocket. Raises ValueError saying what is wrong.

    No extension and no subprotocol is ever agreed on, so there is no compression.
    """
    if environ["REQUEST_METHOD"] != "GET" or environ.get("SERVER_PROTOCOL") == "HTTP/1.0":
        raise ValueError("a WebSocket handshake is an HTTP/1.1 GET request")
    if environ.get("HTTP_UPGRADE", "").strip().lower() != "websocket":
        raise ValueError("the Upgrade header must say websocket")
    tokens = [token.strip().lower() for token in environ.get("HTTP_CONNECTION", "").split(",")]
    if "upgrade" not in tokens:
        raise ValueError("the Connection header must say Upgrade")
    if environ.get("HTTP_SEC_WEBSOCKET_VERSION", "").strip() != "13":
        raise ValueError("only version 13 of WebSocket is spoken here")
    key = environ.get("HTTP_SEC_WEBSOCKET_KEY", "").strip()
    try:
        nonce = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        nonce = b""
    if len(nonce) != 16:
        raise ValueError("Sec-WebSocket-Key must be 16 bytes in base64")
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n"
    ).encode()
