"""Packets no client of ours sends. What breaks a protocol is tested in tests/delivery; here it is
about what the application makes of packets that are well formed and mean harm.
"""

import itertools
import json
from typing import Any

import pytest
from requests import request

from tests.hostile.conftest import Mallory
from tests.people import Person

# What a field might hold that does not belong there.
VALUES: list[Any] = [
    None, True, False, 0, -1, 1.5, 1e308, -1e308, 2**53, 2**63, 2**64, 10**300, "", " ", "x" * 5000,
    "\u0000", "\u202e\u2066", "\ud7ff", "🦄" * 200, "a" + "\u0301" * 500, "__proto__",
    [], [[]], [None] * 1000, {}, {"text": {}}, {"_placeholder": True, "num": 0}, {"": None},
    {"$ne": 1}, "'; DROP TABLE rooms; --", "../../etc/passwd", "{{7*7}}", "%s%n", "<script>",
]  # fmt: skip

FIELDS = {
    "post": ("key", "text", "reply_to", "unknown"),
    "message": ("data",),
    "typing": ("is_typing",),
    "history": ("after", "before", "limit"),
    "remove": ("target",),
    "invite": ("unknown",),
    "leave": ("reason",),
}
# Actions of `moderate`, with what else has to be there; each of these fields is tried as well.
ACTIONS: dict[str, dict[str, Any]] = {
    "change_room": {
        "topic": "x",
        "locked": False,
        "knock": False,
        "slow_mode_seconds": 0,
        "passcode": "",
    },
    "mute": {"member_id": "m", "seconds": 1},
    "unmute": {"member_id": "m"},
    "remove_member": {"member_id": "m"},
    "ban": {"member_id": "m", "seconds": 1, "network": True},
    "unban": {"member_id": "m"},
    "set_role": {"member_id": "m", "role": "cohost"},
    "hand_over": {"member_id": "m"},
    "admit": {"knock_id": "k"},
    "refuse": {"knock_id": "k"},
}
CODES = {"invalid", "message_empty", "message_too_long", "too_fast", "not_found"}
EVENTS = ["post", "message", "typing", "history", "remove", "moderate"]


def ack(number: int, text: str) -> dict[str, Any]:
    """The acknowledgement of that number in a packet."""
    start = f"43{number}"
    assert text.startswith(start), text
    (answer,) = json.loads(text[len(start) :])
    return dict(answer)


class Talk:
    """Events one after the other over a raw socket, each with its acknowledgement."""

    def __init__(self, mallory: Mallory) -> None:
        self.ws = mallory.enters()
        self._numbers = itertools.count()

    def asks(self, event: str, *arguments: str) -> dict[str, Any]:
        """Send an event whose arguments are JSON as given; its acknowledgement."""
        number = next(self._numbers)
        self.ws.send(f"42{number}[{','.join([json.dumps(event), *arguments])}]")
        while not (text := self.ws.text()).startswith("43"):
            pass
        return ack(number, text)


@pytest.mark.parametrize(
    ("event", "field"), [(event, field) for event, names in FIELDS.items() for field in names]
)
def test_every_field_of_every_event_refuses_what_does_not_belong_there(
    mallory: Mallory, event: str, field: str
) -> None:
    valid = {"post": {"key": "k", "text": "hi"}, "message": {"data": "hi"}}.get(event, {})
    values = VALUES if event != "leave" else VALUES[:1]

    talk = Talk(mallory)
    for value in values:
        answer = talk.asks(event, json.dumps({**valid, field: value}))

        assert answer["ok"] or answer["error"]["code"] in CODES, (value, answer)


@pytest.mark.parametrize(
    ("action", "field"),
    [("action", "action"), *((name, field) for name, with_ in ACTIONS.items() for field in with_)],
)
def test_every_field_of_every_action_refuses_what_does_not_belong_there(
    mallory: Mallory, action: str, field: str
) -> None:
    valid = {"action": action, **ACTIONS.get(action, {})}

    talk = Talk(mallory)
    for value in VALUES[:28]:  # more at one go is too fast
        answer = talk.asks("moderate", json.dumps({**valid, field: value}))

        assert answer["ok"] or answer["error"]["code"] in CODES, (value, answer)


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_with_anything_for_its_argument_is_answered(mallory: Mallory, event: str) -> None:
    talk = Talk(mallory)
    for value in VALUES:
        answer = talk.asks(event, json.dumps(value))

        assert answer["ok"] or answer["error"]["code"] in CODES, (value, answer)


@pytest.mark.parametrize(
    "name",
    ["_connect", "__class__", "trigger_event", "soon", "on_post", "", "x" * 60_000, "\u202e"],
)
def test_a_name_that_is_no_event_is_told_so(mallory: Mallory, name: str) -> None:
    answer = Talk(mallory).asks(name, "{}")

    assert answer["error"]["code"] == "not_found"
    assert len(answer["error"]["message"]) < 100


@pytest.mark.parametrize("event", [*EVENTS, "leave", "invite", "nothing"])
def test_many_arguments_are_as_good_as_one(mallory: Mallory, event: str) -> None:
    answer = Talk(mallory).asks(event, *["{}"] * 10_000)

    assert answer["ok"] or answer["error"]["code"] in CODES


@pytest.mark.parametrize("depth", [100, 500, 900, 2000, 30_000])
@pytest.mark.parametrize("event", [*EVENTS, "nothing"])
def test_deep_nesting_is_refused_or_closes_the_connection(
    mallory: Mallory, event: str, depth: int
) -> None:
    ws = mallory.enters()

    ws.send(f'420["{event}",{{"text":{"[" * depth}{"]" * depth}}}]')

    opcode, payload = ws.frame()
    assert opcode == 8 or b'"ok":false' in payload or b'"ok":true' in payload


@pytest.mark.parametrize("depth", [100, 500, 900, 2000])
def test_deep_nesting_around_an_attachment_is_refused_or_closes(
    mallory: Mallory, depth: int
) -> None:
    ws = mallory.enters()
    place = '{"_placeholder":true,"num":0}'

    ws.send(f'451-0["post",{"[" * depth}{place}{"]" * depth}]', b"x")

    opcode, payload = ws.frame()
    assert opcode == 8 or b'"ok":false' in payload


def test_deep_nesting_by_polling_is_refused_or_closes(mallory: Mallory) -> None:
    url = f"{mallory.server.url}/socket.io/?EIO=4&transport=polling"
    for depth in (100, 500, 900, 2000):
        sid = json.loads(request("GET", url, timeout=5).text[1:])["sid"]
        place = '{"_placeholder":true,"num":0}'
        nested = "[" * depth + place + "]" * depth
        body = f'40{{"token":"{mallory.me.token}"}}\x1e451-0["post",{nested}]\x1ebeA=='

        answer = request("POST", f"{url}&sid={sid}", data=body, timeout=5)

        assert answer.status_code in (200, 400)


@pytest.mark.parametrize(
    "array",
    ["[" + "0," * 30_000 + "0]", "[" + "[],{}," * 9_000 + "0]", '{"a":[' + "1," * 9_000 + "1]}"],
)
def test_giant_arrays_are_refused_by_shape(mallory: Mallory, array: str) -> None:
    assert Talk(mallory).asks("post", array)["error"]["code"] == "invalid"


def test_one_more_byte_than_the_limit_closes_the_connection(mallory: Mallory) -> None:
    ws = mallory.enters()
    ws.send('42["post","' + "x" * 65_536 + '"]')

    assert ws.close_code() == 1009


def test_binary_where_text_belongs_is_refused(mallory: Mallory) -> None:
    ws = mallory.enters()
    ws.send('451-7["post",{"key":"k","text":{"_placeholder":true,"num":0}}]', b"hello")

    assert ack(7, ws.text())["error"]["code"] == "invalid"


def test_attachments_announced_and_never_sent_hold_nothing_up(mallory: Mallory) -> None:
    waiting = []
    for _ in range(50):
        ws = mallory.enters()
        ws.send('4510-["post",{"_placeholder":true,"num":0}]', b"x" * 60_000)
        waiting.append(ws)

    other = Talk(mallory)
    assert other.asks("post", '{"text":"still here"}')["ok"]
    waiting[0].send('42["post",{"text":"and this"}]')
    while (code := waiting[0].close_code()) is None:
        pass
    assert code == 1008


def test_a_flood_of_namespaces_is_refused_one_by_one(mallory: Mallory) -> None:
    ws = mallory.enters()
    for start in range(0, 2000, 100):
        ws.send(*(f"40/n{number},{{}}" for number in range(start, start + 100)))
        for _ in range(100):
            assert "Invalid namespace" in ws.text()

    ws.send('420["typing",{"is_typing":true}]')
    assert ack(0, ws.text())["ok"]


def test_acknowledgements_nobody_asked_for_are_passed_over(mallory: Mallory) -> None:
    ws = mallory.enters()
    ws.send(*(f"43{number}[1]" for number in range(500)), "43" + "9" * 18 + "[]")

    ws.send('420["typing",{"is_typing":true}]')
    assert ack(0, ws.text())["ok"]


def test_an_acknowledgement_id_too_long_to_be_a_counter_closes_the_connection(
    mallory: Mallory,
) -> None:
    ws = mallory.enters()
    ws.send("42" + "9" * 5000 + '["typing",{"is_typing":true}]')

    assert ws.close_code() == 1008


def test_fragments_without_end_and_without_content_cost_nothing(mallory: Mallory) -> None:
    ws = mallory.enters()
    empty = b"\x00\x80\x00\x00\x00\x00"
    ws.raw(b"\x01\x80\x00\x00\x00\x00")

    for _ in range(5):
        ws.raw(empty * 20_000)

    ws.raw(b"\x80\x80\x00\x00\x00\x00")
    assert ws.close_code() == 1008  # the whole is an empty message, which is no packet


def test_a_hidden_direction_or_an_invisible_letter_is_only_text(
    mallory: Mallory, others: tuple[Person, Person]
) -> None:
    text = "pay \u202e100\u202c \u2066to\u2069 ad\u200ba\u200d" + "Z" + "\u0335\u0321" * 400

    answer = Talk(mallory).asks("post", json.dumps({"key": "bidi", "text": text}))

    events = f"{mallory.server.url}/api/v1/rooms/{mallory.me.code}/events"
    (posted,) = request("GET", events, headers=mallory.me.bearer, timeout=5).json()["events"][-1:]
    assert answer["ok"]
    assert posted["text"] == text


def test_rest_refuses_what_does_not_belong_in_a_field(mallory: Mallory) -> None:
    bodies = [{"name": value} for value in VALUES]
    bodies += [{"name": "Ada", "code": value} for value in VALUES]
    for body in bodies:
        answer = request("POST", f"{mallory.server.url}/api/v1/rooms", json=body, timeout=5)

        assert answer.status_code in (201, 409, 422), answer.text
        assert answer.status_code != 201 or answer.json()["me"]["name"].strip()


def test_rest_refuses_a_body_nested_too_deep(mallory: Mallory) -> None:
    rooms = f"{mallory.server.url}/api/v1/rooms"
    for depth in (100, 900, 2000, 30_000):
        for body in ("[" * depth, '{"unknown":' + "[" * depth + "]" * depth + "}"):
            answer = request("POST", rooms, data=body, timeout=5)

            assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
