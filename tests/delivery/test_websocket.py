"""RFC 6455 from the wrong side: frames no browser sends, cut, split and out of order."""

import os
import time

import pytest

from tests.delivery.raw import BINARY, CLOSE, PING, PONG, TEXT, Server, WebSocket, eventually, frame

HELLO = b'42["message","hello"]'
ECHO = '42["message-back","hello"]'


@pytest.fixture
def ws(engine: Server):
    with engine.opens() as socket:
        socket.text()
        yield socket


def test_frames_may_come_byte_by_byte(ws: WebSocket) -> None:
    for byte in frame(TEXT, HELLO):
        ws.raw(bytes((byte,)))
        time.sleep(0.001)

    assert ws.text() == ECHO


def test_many_frames_may_come_at_once(ws: WebSocket) -> None:
    ws.raw(frame(TEXT, HELLO) * 300)

    assert ws.texts(300) == [ECHO] * 300


def test_a_message_may_come_in_fragments(ws: WebSocket) -> None:
    ws.raw(frame(TEXT, HELLO[:5], fin=False) + frame(0, HELLO[5:9], fin=False))
    ws.raw(frame(0, b"", fin=False) + frame(0, HELLO[9:]))

    assert ws.text() == ECHO


def test_control_frames_may_come_between_fragments(ws: WebSocket) -> None:
    ws.raw(frame(TEXT, HELLO[:5], fin=False) + frame(PING, b"are you there"))
    assert ws.frame() == (PONG, b"are you there")
    ws.raw(frame(PONG, b"unasked") + frame(0, HELLO[5:]))

    assert ws.text() == ECHO


def test_a_character_may_be_split_between_fragments(ws: WebSocket) -> None:
    text = '42["message","Ω"]'.encode()
    ws.raw(frame(TEXT, text[:14], fin=False) + frame(0, text[14:]))

    assert ws.text() == '42["message-back","Ω"]'


@pytest.mark.parametrize("size", [0, 1, 100, 125, 126, 127, 1000, 65000])
def test_every_length_form_is_read(ws: WebSocket, size: int) -> None:
    ws.send(f'42["message","{"x" * size}"]')

    assert ws.text() == f'42["message-back","{"x" * size}"]'


def test_a_ping_is_answered_with_its_data(ws: WebSocket) -> None:
    data = os.urandom(125)
    ws.raw(frame(PING, data) + frame(PING, b""))

    assert ws.frame() == (PONG, data)
    assert ws.frame() == (PONG, b"")


PROTOCOL_ERRORS = {
    "unmasked": frame(TEXT, HELLO, masked=False),
    "unmasked and short": b"\x81\x00",
    "unmasked close": b"\x88\x00",
    "RSV1": frame(TEXT, HELLO, bits=0x40),
    "RSV2": frame(TEXT, HELLO, bits=0x20),
    "RSV3": frame(TEXT, HELLO, bits=0x10),
    "RSV1 on a ping": frame(PING, b"", bits=0x40),
    "opcode 3": frame(3, HELLO),
    "opcode 7": frame(7, HELLO),
    "opcode 11": frame(11, b""),
    "opcode 15": frame(15, b""),
    "long ping": frame(PING, b"x" * 126),
    "long close": frame(CLOSE, b"\x03\xe8" + b"x" * 124),
    "fragmented ping": frame(PING, b"x", fin=False),
    "continuation of nothing": frame(0, HELLO),
    "continuation of nothing, not the last": frame(0, HELLO, fin=False),
    "text within a fragmented text": frame(TEXT, HELLO[:5], fin=False) + frame(TEXT, HELLO),
    "binary within a fragmented text": frame(TEXT, HELLO[:5], fin=False) + frame(BINARY, b"x"),
    "16 bits for a short length": b"\x81\xfe\x00\x05" + bytes(9),
    "64 bits for a medium length": b"\x81\xff" + (1000).to_bytes(8, "big") + bytes(4),
    "the highest bit of a length": b"\x81\xff\x80" + bytes(7) + bytes(4),
    "close with one byte": frame(CLOSE, b"\x03"),
    "close with code 0": frame(CLOSE, b"\x00\x00"),
    "close with code 999": frame(CLOSE, (999).to_bytes(2, "big")),
    "close with code 1004": frame(CLOSE, (1004).to_bytes(2, "big")),
    "close with code 1005": frame(CLOSE, (1005).to_bytes(2, "big")),
    "close with code 1006": frame(CLOSE, (1006).to_bytes(2, "big")),
    "close with code 1015": frame(CLOSE, (1015).to_bytes(2, "big")),
    "close with code 2999": frame(CLOSE, (2999).to_bytes(2, "big")),
    "close with code 5000": frame(CLOSE, (5000).to_bytes(2, "big")),
}


@pytest.mark.parametrize("data", PROTOCOL_ERRORS.values(), ids=PROTOCOL_ERRORS.keys())
def test_a_protocol_error_is_closed_with_1002(ws: WebSocket, data: bytes) -> None:
    ws.raw(data)

    assert ws.close_code() == 1002


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 4999])
def test_a_close_frame_is_answered_with_its_code(ws: WebSocket, code: int) -> None:
    ws.raw(frame(CLOSE, code.to_bytes(2, "big") + b"that is all"))

    assert ws.frame() == (CLOSE, code.to_bytes(2, "big"))
    assert ws.frame() == (0, b"")


def test_a_close_frame_without_a_code_is_answered_alike(ws: WebSocket) -> None:
    ws.raw(frame(CLOSE, b""))

    assert ws.frame() == (CLOSE, b"")
    assert ws.frame() == (0, b"")


def test_what_follows_a_close_frame_is_ignored(ws: WebSocket) -> None:
    ws.raw(frame(TEXT, HELLO) + frame(CLOSE, b"\x03\xe8") + frame(TEXT, HELLO) * 2)

    assert ws.text() == ECHO
    assert ws.frame() == (CLOSE, b"\x03\xe8")
    assert ws.frame()[0] == 0


@pytest.mark.parametrize(
    "data",
    [
        frame(TEXT, b"4\xff\xfe"),
        frame(TEXT, b'40{"a":"\xed\xa0\x80"}'),
        frame(TEXT, b'42["message","\xc3"]'),
        frame(TEXT, b'42["message","\xc3', fin=False) + frame(0, b'"]'),
        frame(CLOSE, b"\x03\xe8\xff"),
    ],
)
def test_invalid_utf_8_is_closed_with_1007(ws: WebSocket, data: bytes) -> None:
    ws.raw(data)

    assert ws.close_code() == 1007


def test_a_message_beyond_the_limit_is_closed_by_its_header(ws: WebSocket) -> None:
    ws.raw(b"\x81\xff" + (200_000_000).to_bytes(8, "big") + os.urandom(4) + bytes(100))

    assert ws.close_code() == 1009


def test_fragments_that_grow_beyond_the_limit_are_closed(ws: WebSocket) -> None:
    ws.raw(frame(TEXT, b"4" + b"x" * 40_000, fin=False))
    ws.raw(frame(0, b"x" * 40_000, fin=False))

    assert ws.close_code() == 1009


def test_a_message_of_just_the_limit_is_taken(ws: WebSocket) -> None:
    around = len('42["message",""]')
    ws.send(f'42["message","{"x" * (65536 - around)}"]')

    assert len(ws.text()) == 65536 + len("-back")


def test_the_server_waits_for_the_answer_to_its_close_frame(ws: WebSocket) -> None:
    ws.send('421["bye"]')

    assert ws.texts(2) == ['431["bye"]', "41"]
    assert ws.frame()[0] == CLOSE
    assert ws.nothing_for(0.3)
    ws.raw(frame(CLOSE, b"\x03\xe8"))
    assert ws.frame() == (0, b"")


def test_a_client_that_never_answers_a_close_frame_is_dropped(engine: Server) -> None:
    with engine.opens() as ws:
        ws.text()
        ws.send('421["bye"]')
        ws.texts(2)
        before = engine.state()["wires"]

        eventually(lambda: engine.state()["wires"] == before - 1)


def test_a_reset_is_survived(engine: Server) -> None:
    import socket
    import struct

    with engine.opens() as ws:
        ws.text()
        ws.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with engine.opens() as ws:
        assert ws.text()
