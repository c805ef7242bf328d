"""Parsers against bytes nobody thought of: each reads them or refuses them in its own words.

Bounded by the number of examples, some ten seconds in all; FUZZ_EXAMPLES=100000 goes on for longer.
What is found belongs into an @example.
"""

import json
import os
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flask_chat.delivery import frames, packets, polling
from flask_chat.delivery.reading import Fault, parse
from flask_chat.delivery.websocket import Wire
from flask_chat.domain.codes import parse_code
from flask_chat.domain.errors import CodeInvalid, Invalid, TokenInvalid
from flask_chat.http_head import RefusedError, parse_head
from flask_chat.settings import Settings
from flask_chat.web import wire, wire_moderation
from flask_chat.web.proof_of_work import ProofsOfWork
from flask_chat.web.rates import networks, sender
from flask_chat.web.security_log import SecurityLog
from flask_chat.web.sites import Sites
from flask_chat.web.tokens import Tokens
from tests.delivery.raw import frame

EXAMPLES = settings(max_examples=int(os.environ.get("FUZZ_EXAMPLES", "100")))
LIMIT = 2000

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["\ud800", "\u202e", "__proto__"]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)
SHAPES = [
    wire.Auth,
    wire.CreateRoom,
    wire.JoinRoom,
    wire.PostMessage,
    wire.TypingChange,
    wire.HistoryRequest,
    wire.RemoveMessage,
    wire_moderation.ChangeRoom,
    wire_moderation.BanMember,
    wire_moderation.SetRole,
]


class Line:
    """A socket that swallows what is sent, and a keeper that does nothing."""

    packet_limit = LIMIT
    backlog_limit = 1_000_000

    def __init__(self) -> None:
        self.sent = b""
        self.fd = 99
        self.messages: list[tuple[bool, bytes]] = []

    def fileno(self) -> int:
        return self.fd

    def send(self, data: bytes) -> int:
        self.sent += data
        return len(data)

    def close(self) -> None:
        pass

    def text(self, payload: bytes) -> None:
        self.messages.append((False, payload))

    def binary(self, payload: bytes) -> None:
        self.messages.append((True, payload))

    def drained(self) -> None:
        pass

    ending = drained

    def lost(self, wire: Wire, reason: str) -> None:
        pass

    def nothing(self, *_: object) -> None:
        pass

    interest = linger = forget = too_slow = broken = nothing

    def again(self, wire: Wire) -> None:
        wire.stopped = False


def read(pieces: list[bytes]) -> tuple[Line, Wire, Fault | None]:
    """What comes of these pieces, read one after the other as the reactor does."""
    line = Line()
    connection = Wire(line, line, line)
    try:
        for piece in pieces:
            connection.rest += piece
            before = -1
            # as `resume` does, until what is left is not a whole frame
            while connection.rest and not connection.closing and before != len(connection.rest):
                before, data, connection.rest = len(connection.rest), connection.rest, b""
                parse(connection, data)
    except Fault as fault:
        return line, connection, fault
    return line, connection, None


frames_of_clients = st.builds(
    frame,
    opcode=st.integers(0, 15),
    payload=st.binary(max_size=300) | st.just(b"x" * LIMIT) | st.just(b"x" * (LIMIT + 1)),
    fin=st.booleans(),
    masked=st.integers(0, 9).map(bool),
    bits=st.sampled_from([0] * 9 + [0x10, 0x40]),
)


@EXAMPLES
@given(pieces=st.lists(st.binary(max_size=200) | frames_of_clients, max_size=12))
@example(pieces=[b"\x01\x80\x00\x00\x00\x00"] + [b"\x00\x80\x00\x00\x00\x00" * 50] * 20)
@example(pieces=[b"\x81\xff" + b"\xff" * 8])
def test_any_bytes_are_frames_or_a_fault(pieces: list[bytes]) -> None:
    line, connection, fault = read(pieces)

    assert fault is None or fault.code in (1002, 1007, 1009)
    assert all(len(payload) <= LIMIT for _, payload in line.messages)
    whole = connection.fragments
    if whole is not None:
        assert len(whole.parts) <= whole.size <= LIMIT


@EXAMPLES
@given(
    messages=st.lists(st.binary(max_size=400), max_size=8),
    cuts=st.lists(st.integers(0, 3000), max_size=30),
)
def test_frames_are_the_same_wherever_they_are_cut(messages: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(frame(frames.BINARY, message) for message in messages)
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[start:end] for start, end in pairwise(places)]

    line, _, fault = read(pieces)

    assert fault is None
    assert line.messages == [(True, message) for message in messages]


@EXAMPLES
@given(text=st.text() | st.from_regex(r"[0-9]{0,3}-?(/[a-z]*,)?[0-9]*[\[{].*"))
@example(text="2" + "[" * 50_000)
@example(text='2["a",' + "1" * 5000 + "]")
@example(text='2["a","\\ud800"]')
@example(text="2" + "9" * 20_000 + '["a"]')
def test_any_text_is_a_packet_or_refused(text: str) -> None:
    try:
        packet = packets.parse(text)
    except ValueError:
        return
    assert 0 <= packet.attachments <= packets.MAX_ATTACHMENTS
    assert packet.kind in range(7)


@EXAMPLES
@given(data=JSON, attachments=st.lists(st.binary(max_size=4), max_size=3))
def test_attachments_are_put_in_or_refused(data: Any, attachments: list[bytes]) -> None:
    try:
        packets.fill(data, attachments)
    except ValueError:
        pass


@pytest.mark.parametrize("depth", [300, 900, 5000])
def test_nesting_deeper_than_we_can_follow_is_refused(depth: int) -> None:
    nested: Any = {"_placeholder": True, "num": 0}
    for _ in range(depth):
        nested = [nested]

    try:
        packets.fill(nested, [b"x"])
    except ValueError:
        pass


@EXAMPLES
@given(payload=st.binary() | st.text().map(str.encode))
def test_any_payload_of_a_poll_is_packets_or_refused(payload: bytes) -> None:
    try:
        for is_binary, packet in polling.decode(payload):
            assert isinstance(packet, bytes)
            assert is_binary or packet in payload
    except ValueError:
        pass


@EXAMPLES
@given(data=st.binary(max_size=600) | st.text().map(str.encode))
@example(data=b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked")
@example(data=b"GET http://[ HTTP/1.1\r\nHost: a")
def test_any_bytes_are_a_head_or_refused(data: bytes) -> None:
    try:
        head = parse_head(data)
    except RefusedError:
        return
    assert head.target.startswith("/") or head.target == "*"
    assert not any("\r" in value or "\n" in value for _, value in head.headers)


@EXAMPLES
@given(shape=st.sampled_from(SHAPES), data=JSON)
def test_any_value_has_the_shape_or_is_invalid(shape: type, data: Any) -> None:
    try:
        wire.read(shape, data)
    except Invalid as refusal:
        json.dumps(msgspec.to_builtins(wire.error_body(refusal)))


@EXAMPLES
@given(
    shape=st.sampled_from(SHAPES),
    body=st.binary() | JSON.map(lambda value: json.dumps(value).encode()),
)
@example(shape=wire.JoinRoom, body=b"[" * 100_000)
@example(shape=wire.PostMessage, body=b'{"name":' + b"[" * 2000)
@example(shape=wire.PostMessage, body=b'{"text":"\\ud800"}')
@example(shape=wire.HistoryRequest, body=b'{"limit":1' + b"0" * 5000 + b"}")
def test_any_body_has_the_shape_or_is_invalid(shape: type, body: bytes) -> None:
    try:
        wire.read_json(shape, body)
    except Invalid:
        pass


@EXAMPLES
@given(query=st.dictionaries(st.sampled_from(["after", "before", "limit"]), st.text()))
@example(query={"limit": "1" * 5000})
@example(query={"after": "NaN"})
def test_any_query_has_the_shape_or_is_invalid(query: dict[str, str]) -> None:
    try:
        wanted = wire.read_query(wire.HistoryRequest, query)
    except Invalid:
        return
    assert 1 <= wanted.limit <= 100


@EXAMPLES
@given(typed=st.text() | st.from_regex(r".*/r/.*"))
def test_anything_typed_is_a_code_or_refused(typed: str) -> None:
    try:
        code = parse_code(typed)
    except CodeInvalid:
        return
    assert len(code) == 4
    assert code.isascii()
    assert code.isupper()


@EXAMPLES
@given(token=st.text() | st.from_regex(r"[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*"))
@example(token=".")
@example(token=".eJw.x")
@example(token="\ud800")
def test_no_text_is_a_token_by_chance(token: str) -> None:
    with pytest.raises(TokenInvalid):
        Tokens("k" * 32).read(token)


@EXAMPLES
@given(proof=st.text() | st.from_regex(r"[0-9]{1,3}\.[0-9a-f]{8}\.\w*\.\w*:[0-9]*"))
@example(proof="\ud800.0.x.y:1")
def test_no_text_is_a_proof_by_chance(proof: str) -> None:
    assert not ProofsOfWork("k" * 32, 1, lambda *_: True).accept(proof, "192.0.2.0/24")


@EXAMPLES
@given(host=st.text(), origin=st.text() | st.from_regex(r"https?://.*"))
@example(host="[::ffff:127.0.0.1]", origin="http://[::ffff:127.0.0.1]")
@example(host="[fe80::1%25eth0]", origin="http://[")
def test_no_text_is_a_host_or_an_origin_of_ours_by_chance(host: str, origin: str) -> None:
    sites = Sites(Settings(host="192.0.2.1"), SecurityLog())
    environ = {"HTTP_HOST": host, "wsgi.url_scheme": "http"}

    if sites.accepts(origin, environ):
        assert origin.lower() == f"http://{host}".lower()
        assert sites.knows_host(environ)


@EXAMPLES
@given(address=st.text() | st.ip_addresses().map(str))
@example(address="::ffff:192.0.2.1")
@example(address="fe80::1%eth0")
@example(address="")
def test_any_address_is_somewhere(address: str) -> None:
    assert isinstance(sender(address), str)
    assert all(isinstance(network, str) for network in networks(address))
