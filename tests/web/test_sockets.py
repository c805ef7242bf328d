"""Socket.IO against a real server, with real clients, over WebSocket and long polling."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
import socketio
import websocket
from socketio.packet import EVENT, Packet

from tests.people import Place
from tests.servers import RunningServer

EVERY_SCRIPT = [
    "a",
    "x" * 4000,
    "Здравствуй, мир",
    "שלום עולם",
    "مرحبا بالعالم",
    "你好，世界",
    "नमस्ते दुनिया",
    "👩‍👩‍👧‍👦 🏳️‍🌈 👋🏽",
    "<script>alert('hi')</script>",
    "line\n" * 50 + "end",
    "  spaces and\ttabs kept  ",
    'quotes " and \\ and \u2028 and \x00',
    "42[“not a packet”]",
]


@pytest.fixture
def place(server: RunningServer) -> Iterator[Place]:
    place = Place(server.url)
    yield place
    place.close()


@pytest.fixture(params=["websocket", "polling"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_two_people_talk_both_ways(place: Place, transport: str) -> None:
    ada = place.open_room().connects(transports=[transport])
    grace = place.join(ada.code).connects(transports=[transport])

    assert ada.says("hello")["ok"]
    grace.sees("hello")
    assert grace.says("hi Ada")["ok"]

    assert ada.sees("hi Ada")["by"] == grace.me["member_id"]


def test_a_latecomer_is_shown_what_was_said(place: Place) -> None:
    ada = place.open_room().connects()
    ada.says("first")
    ada.says("second")

    grace = place.join(ada.code).connects()

    assert grace.texts == ["first", "second"]
    assert [member["name"] for member in grace.welcomes[0]["members"]] == ["Ada", "Grace"]
    assert grace.welcomes[0]["me"]["name"] == "Grace"


def test_coming_back_brings_exactly_what_was_missed(place: Place) -> None:
    ada = place.open_room().connects()
    grace = place.join(ada.code).connects()
    ada.says("seen")
    seen = grace.sees("seen")["seq"]
    grace.disconnects()
    ada.says("missed 1")
    ada.says("missed 2")

    grace.connects(after=seen)

    welcome = grace.welcomes[-1]
    assert [event["text"] for event in welcome["events"]] == ["missed 1", "missed 2"]
    assert not welcome["reset"]


@pytest.mark.parametrize("text", EVERY_SCRIPT, ids=range(len(EVERY_SCRIPT)))
def test_every_text_arrives_exactly_as_it_was_typed(place: Place, text: str) -> None:
    ada = place.open_room().connects()
    grace = place.join(ada.code).connects()

    assert ada.says(text)["ok"]

    assert grace.sees_kind("message_posted")["text"] == text


def test_ten_people_see_the_same_thousand_messages_once(
    start_server: Callable[..., RunningServer],
) -> None:
    place = Place(start_server(posts_per_second=0, joins_per_minute=0).url)
    ada = place.open_room()
    with ThreadPoolExecutor(10) as pool:
        guests = list(pool.map(lambda n: place.join(ada.code, f"Guest {n}"), range(9)))
        people = list(pool.map(lambda person: person.connects(), [ada, *guests]))
        list(pool.map(lambda who: [who.says(f"{who.me['name']} {n}") for n in range(100)], people))

    for person in people:
        person.waits_until(lambda person=person: len(person.texts) >= 1000)
    place.close()

    first = [(event["seq"], event.get("text")) for event in ada.events if "text" in event]
    assert len({text for _, text in first}) == 1000
    for person in people:
        posted = [(event["seq"], event["text"]) for event in person.events if "text" in event]
        assert posted == first
        seqs = [event["seq"] for event in person.events]
        assert seqs == list(range(1, len(seqs) + 1))


def test_a_repeated_key_is_told_once(place: Place) -> None:
    ada = place.open_room().connects()

    first = ada.says("once", key="k")
    again = ada.says("once", key="k")
    ada.says("after")
    ada.sees("after")

    assert first["seq"] == again["seq"]
    assert ada.texts == ["once", "after"]


@pytest.mark.parametrize(
    ("event", "data", "code"),
    [
        ("post", {"key": "k", "text": ""}, "message_empty"),
        ("post", {"key": "k", "text": "x" * 4001}, "message_too_long"),
        ("post", {"key": "k", "text": 5}, "invalid"),
        ("post", {"key": "k", "text": ["x"]}, "invalid"),
        ("post", {"key": 1, "text": "x"}, "invalid"),
        ("post", "text", "invalid"),
        ("post", None, "invalid"),
        ("post", b"bytes", "invalid"),
        ("message", {"data": 5}, "invalid"),
        ("typing", {"is_typing": "yes"}, "invalid"),
        ("typing", {"typing": True}, "invalid"),
        ("typing", {}, "invalid"),
        ("leave", "now", "invalid"),
        ("invite", ["BCDF"], "invalid"),
        ("history", {"limit": 101}, "invalid"),
        ("history", {"limit": 0}, "invalid"),
        ("history", {"before": -1}, "invalid"),
        ("history", {"after": 1.5}, "invalid"),
        ("nonsense", {}, "not_found"),
        ("_private", {}, "not_found"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_reason(
    place: Place, event: str, data: Any, code: str
) -> None:
    ada = place.open_room().connects()

    answer = ada.asks(event, data)

    assert answer["ok"] is False
    assert answer["error"]["code"] == code
    assert answer["error"]["message"]
    assert ada.says("still here")["ok"]


TEXT: list[Any] = [1, True, [], {}]
NUMBER: list[Any] = ["1", 1.5, True, [], {}]
FLAG: list[Any] = ["yes", 1, 0, [], {}]


@pytest.mark.parametrize(
    ("event", "right", "field", "wrong"),
    [
        ("post", {"key": "k", "text": "x"}, "key", TEXT),
        ("post", {"key": "k", "text": "x"}, "text", TEXT),
        ("post", {"key": "k", "text": "x"}, "reply_to", NUMBER),
        ("message", {"data": "x"}, "data", TEXT),
        ("typing", {"is_typing": True}, "is_typing", [*FLAG, None]),
        ("history", {}, "after", NUMBER),
        ("history", {}, "before", NUMBER),
        ("history", {}, "limit", [*NUMBER, None]),
        ("remove", {}, "target", [*NUMBER, None]),
        ("moderate", {}, "action", [*TEXT, None]),
        ("moderate", {"action": "change_room"}, "topic", TEXT),
        ("moderate", {"action": "change_room"}, "locked", FLAG),
        ("moderate", {"action": "change_room"}, "knock", FLAG),
        ("moderate", {"action": "change_room"}, "passcode", TEXT),
        ("moderate", {"action": "change_room"}, "slow_mode_seconds", NUMBER),
        ("moderate", {"action": "mute", "seconds": 1}, "member_id", [*TEXT, None]),
        ("moderate", {"action": "mute", "member_id": "m"}, "seconds", [*NUMBER, None]),
        ("moderate", {"action": "ban", "member_id": "m"}, "seconds", [*NUMBER, None]),
        ("moderate", {"action": "ban", "member_id": "m", "seconds": 1}, "network", [*FLAG, None]),
        ("moderate", {"action": "admit"}, "knock_id", [*TEXT, None]),
        ("moderate", {"action": "set_role", "member_id": "m"}, "role", [*TEXT, "owner", None]),
        ("moderate", {"action": "hand_over"}, "member_id", [*TEXT, None]),
    ],
)
def test_a_field_of_another_type_is_refused_and_named(
    place: Place, event: str, right: dict[str, Any], field: str, wrong: list[Any]
) -> None:
    ada = place.open_room().connects()

    answers = [ada.asks(event, {**right, field: value}) for value in wrong]

    assert [answer["ok"] for answer in answers] == [False] * len(wrong)
    assert {answer["error"]["code"] for answer in answers} == {"invalid"}
    assert {answer["error"].get("field") for answer in answers} == {field}


def test_reserved_event_names_of_a_client_reach_no_handler(place: Place) -> None:
    ada = place.open_room().connects()
    grace = place.join(ada.code).connects()

    for name in ("connect", "disconnect"):
        grace.client._send_packet(Packet(EVENT, data=[name, {}], namespace="/"))

    ada.says("all is well")
    assert "member_left" not in [event["kind"] for event in ada.events]


def test_the_simplest_client_may_just_send_messages(place: Place) -> None:
    ada = place.open_room().connects()

    assert ada.asks("message", "plain text")["ok"]
    assert ada.asks("message", {"data": "in a field"})["ok"]

    ada.sees("in a field")
    assert ada.texts == ["plain text", "in a field"]


@pytest.mark.parametrize("auth", [None, {}, {"token": "forged"}, {"token": 5}, []])
def test_without_a_valid_token_the_connection_is_refused(server: RunningServer, auth: Any) -> None:
    refusals: list[Any] = []
    client = socketio.Client(reconnection=False)
    client.on("connect_error", refusals.append)

    with pytest.raises(socketio.exceptions.ConnectionError):
        client.connect(server.url, auth=auth, wait_timeout=5)
    client.disconnect()

    assert refusals[0]["data"]["code"] in ("token_invalid", "invalid")


def test_the_token_of_somebody_who_left_opens_nothing(place: Place) -> None:
    ada = place.open_room().connects()
    grace = place.join(ada.code).connects()

    assert grace.asks("leave", {})["ok"]

    ada.sees_kind("member_left", member_id=grace.me["member_id"], reason="left")
    events = f"{place.url}/api/v1/rooms/{ada.code}/events"
    assert requests.get(events, headers=grace.bearer, timeout=5).status_code == 401
    assert place.join(ada.code, "Grace").me["name"] == "Grace"


def test_typing_is_shown_to_the_others_only(place: Place) -> None:
    ada = place.open_room().connects()
    grace = place.join(ada.code).connects()

    assert ada.asks("typing", {"is_typing": True})["ok"]

    grace.waits_until(lambda: grace.typing)
    assert grace.typing == [{"member_id": ada.me["member_id"], "is_typing": True}]
    assert ada.typing == []


def test_older_history_is_read_piece_by_piece(place: Place) -> None:
    ada = place.open_room().connects()
    for number in range(8):
        ada.says(f"message {number}")

    newest = ada.asks("history", {"limit": 3})
    older = ada.asks("history", {"before": newest["events"][0]["seq"], "limit": 100})

    assert [event["text"] for event in newest["events"]] == ["message 5", "message 6", "message 7"]
    assert newest["more"]
    assert not older["more"]
    assert older["events"][0]["kind"] == "member_joined"


def test_posting_too_fast_is_refused_and_works_after_the_wait(place: Place) -> None:
    ada = place.open_room().connects()

    answers = [ada.says(f"message {number}") for number in range(12)]

    refused = [answer for answer in answers if not answer["ok"]]
    assert refused
    assert refused[0]["error"]["code"] == "too_fast"
    assert 0 < refused[0]["error"]["retry_after_seconds"] <= 1


def test_a_reload_announces_nothing_and_being_gone_does(
    start_server: Callable[..., RunningServer],
) -> None:
    place = Place(start_server(leave_grace_seconds=3).url)
    ada = place.open_room().connects()
    grace = place.join(ada.code).connects()

    grace.disconnects()
    grace.connects()
    grace.disconnects()

    left = ada.sees_kind("member_left", member_id=grace.me["member_id"])
    assert left["reason"] == "gone"
    kinds = [event["kind"] for event in ada.events]
    assert kinds == ["member_joined", "member_joined", "member_left"]
    grace.connects()
    ada.waits_until(lambda: len(ada.events) == 4)
    assert ada.events[3]["kind"] == "member_joined"
    assert ada.events[3]["member"]["name"] == "Grace"
    place.close()


def test_two_tabs_are_one_person(start_server: Callable[..., RunningServer]) -> None:
    place = Place(start_server(leave_grace_seconds=0).url)
    ada = place.open_room().connects()
    grace = place.join(ada.code).connects().connects()

    grace.disconnects()
    ada.says("still two")
    summary = requests.get(f"{place.url}/api/v1/rooms/{ada.code}", timeout=5).json()

    assert summary["members_here"] == 2
    assert "member_left" not in [event["kind"] for event in ada.events]
    place.close()


def test_an_empty_room_ends_and_its_token_opens_nothing(
    start_server: Callable[..., RunningServer],
) -> None:
    place = Place(start_server(leave_grace_seconds=0, room_grace_seconds=0.5).url)
    ada = place.open_room().connects()
    room = f"{place.url}/api/v1/rooms/{ada.code}"

    ada.goes()

    place.wait_until_gone(ada.code)
    again = place.open_room("Mallory", code=ada.code)
    refused = requests.get(f"{room}/events", headers=ada.bearer, timeout=5)
    assert again.code == ada.code
    assert (refused.status_code, refused.json()["code"]) == (410, "room_ended")
    place.close()


def test_too_many_connections_from_one_address_are_refused(
    start_server: Callable[..., RunningServer],
) -> None:
    place = Place(start_server(connections_per_address=2).url)
    ada = place.open_room().connects().connects()

    with pytest.raises(socketio.exceptions.ConnectionError):
        ada.connects()

    ada.disconnects()
    ada.connects()
    place.close()


def test_a_client_that_never_hears_the_goodbye_does_not_disturb_the_stop(
    start_server: Callable[..., RunningServer],
) -> None:
    server = start_server()
    ada = Place(server.url).open_room()
    silent = websocket.create_connection(
        f"ws://127.0.0.1:{server.port}/socket.io/?EIO=4&transport=websocket", timeout=10
    )
    silent.recv()
    silent.send("40" + json.dumps({"token": ada.token}))
    silent.recv()

    assert server.stop() == 0

    assert "Traceback" not in server.log()
    silent.shutdown()
