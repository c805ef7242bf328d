"""JSON and Socket.IO packets without a server."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from flask_chat.delivery import packets
from flask_chat.delivery.packets import Packet

values = some.recursive(
    some.none()
    | some.booleans()
    | some.integers(-(2**53), 2**53)
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.text(),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
    max_leaves=20,
)


@given(values)
def test_what_is_written_can_be_read(value: object) -> None:
    assert packets.loads(packets.dumps(value)) == value


@pytest.mark.parametrize(
    "text", ["NaN", "-Infinity", "1e999", '{"a":NaN,"b":"\\ud800"}', "", "[1,]"]
)
def test_what_json_does_not_know_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any ValueError will do
        packets.loads(text)


def test_nothing_that_is_not_json_is_written() -> None:
    assert packets.dumps([math.nan, math.inf]) == "[null,null]"


def test_structs_and_ready_json_can_be_written() -> None:
    class Point(msgspec.Struct):
        x: int

    assert packets.dumps({"a": Point(1), "b": msgspec.Raw(b"[2]")}) == '{"a":{"x":1},"b":[2]}'


@given(some.text(), some.booleans())
def test_half_surrogate_pairs_never_get_through(text: str, as_bytes: bool) -> None:
    broken = f'["{packets.dumps(text)[1:-1]}\\udc00"]'

    (read,) = packets.loads(broken.encode() if as_bytes else broken)

    assert read == text + "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ("0", Packet(0, "/", None, None, 0)),
        ('0/a,{"x":1}', Packet(0, "/a", None, {"x": 1}, 0)),
        ("0/a?b=c,", Packet(0, "/a", None, None, 0)),
        ("1/a", Packet(1, "/a", None, None, 0)),
        ('2["e",1]', Packet(2, "/", None, ["e", 1], 0)),
        ('2/a,12["e"]', Packet(2, "/a", 12, ["e"], 0)),
        ("30[]", Packet(3, "/", 0, [], 0)),
        ('51-/a,7["e",{}]', Packet(5, "/a", 7, ["e", {}], 1)),
        ("62-3[1]", Packet(6, "/", 3, [1], 2)),
    ],
)
def test_packets_are_read_as_the_protocol_says(text: str, packet: Packet) -> None:
    assert packets.parse(text) == packet


@given(some.text())
def test_any_text_is_a_packet_or_a_value_error(text: str) -> None:
    try:
        packets.parse(text)
    except ValueError:
        pass


@pytest.mark.parametrize(
    ("value", "packet"),
    [
        (None, b"437[]"),
        ((), b"437[]"),
        ((1, "2"), b'437[1,"2"]'),
        ({"ok": True}, b'437[{"ok":true}]'),
    ],
)
def test_an_acknowledgement_holds_no_value_one_or_several(value: object, packet: bytes) -> None:
    assert packets.ack(b"7", value) == packet
