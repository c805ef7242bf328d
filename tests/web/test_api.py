"""REST: what programs can do, and what they are told when they cannot."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_chat.app import create_app
from flask_chat.domain.rooms import Ref, RoomId
from flask_chat.settings import Settings
from flask_chat.web.openapi import OPERATIONS, describe
from flask_chat.web.tokens import Tokens

LIMIT = 4000


@pytest.fixture
def http() -> FlaskClient:
    return create_app(Settings(posts_burst=5, rooms_per_hour=3, joins_per_minute=4)).test_client()


@pytest.fixture
def ada(http: FlaskClient) -> dict[str, Any]:
    return opened(http, "Ada")


def opened(http: FlaskClient, name: str) -> dict[str, Any]:
    answer = http.post("/api/v1/rooms", json={"name": name})
    assert answer.status_code == 201, answer.text
    return dict(answer.json or {})


def bearer(member: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {member['token']}"}


def post(http: FlaskClient, member: dict[str, Any], **body: Any) -> TestResponse:
    path = f"/api/v1/rooms/{member['room']['code']}/messages"
    return http.post(path, json=body, headers=bearer(member))


def read(http: FlaskClient, member: dict[str, Any], **query: Any) -> TestResponse:
    path = f"/api/v1/rooms/{member['room']['code']}/events"
    return http.get(path, query_string=query, headers=bearer(member))


def test_a_program_opens_a_room_and_talks(http: FlaskClient, ada: dict[str, Any]) -> None:
    posted = post(http, ada, key="k1", text="Hello")

    events = read(http, ada).json["events"]

    assert (posted.status_code, posted.json) == (201, {"seq": 2})
    assert [(event["seq"], event["kind"]) for event in events] == [
        (1, "member_joined"),
        (2, "message_posted"),
    ]
    assert events[1]["text"] == "Hello"
    assert events[1]["by"] == ada["me"]["member_id"]


def test_a_repeated_key_gives_the_same_message_again(
    http: FlaskClient, ada: dict[str, Any]
) -> None:
    first = post(http, ada, key="same", text="Hello")
    again = post(http, ada, key="same", text="Hello")

    assert (again.status_code, again.json) == (200, first.json)
    assert len(read(http, ada).json["events"]) == 2


def test_events_are_read_forward_and_backward(http: FlaskClient, ada: dict[str, Any]) -> None:
    for number in range(4):
        post(http, ada, text=f"message {number}")

    forward = read(http, ada, after=1, limit=2).json
    backward = read(http, ada, before=5, limit=2).json

    assert [event["seq"] for event in forward["events"]] == [2, 3]
    assert [event["seq"] for event in backward["events"]] == [3, 4]
    assert forward["more"]
    assert backward["more"]
    assert backward["members"][0]["name"] == "Ada"


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"text": ""}, "message_empty", "text"),
        ({"text": " \n\t"}, "message_empty", "text"),
        ({"text": "x" * (LIMIT + 1)}, "message_too_long", "text"),
        ({"text": 5}, "invalid", "text"),
        ({"text": None}, "invalid", "text"),
        ({}, "invalid", "text"),
        ({"text": "x", "key": "a b"}, "invalid", "key"),
        ({"text": "x", "key": ""}, "invalid", "key"),
        ({"text": "x", "reply_to": "1"}, "invalid", "reply_to"),
    ],
)
def test_a_message_that_cannot_be_posted_is_refused_by_name(
    http: FlaskClient, ada: dict[str, Any], body: dict[str, Any], code: str, field: str
) -> None:
    answer = post(http, ada, **body)

    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    assert (answer.json["code"], answer.json["field"]) == (code, field)


def test_the_longest_message_is_taken_and_comes_back_as_it_was(
    http: FlaskClient, ada: dict[str, Any]
) -> None:
    text = "👩‍👩‍👧‍👦" * (LIMIT // 7) + "x" * (LIMIT % 7)

    assert post(http, ada, text=text).status_code == 201

    assert read(http, ada, limit=1).json["events"][0]["text"] == text


def test_posting_too_fast_says_when_to_try_again(http: FlaskClient, ada: dict[str, Any]) -> None:
    answers = [post(http, ada, text="hi") for _ in range(6)]

    assert [answer.status_code for answer in answers] == [201] * 5 + [429]
    assert 0 < answers[-1].json["retry_after_seconds"] < 1
    assert answers[-1].headers["Retry-After"] == "1"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"name": NaN}', b"\xff\xfe"])
def test_a_body_that_is_not_what_it_should_be_is_refused(http: FlaskClient, body: bytes) -> None:
    answer = http.post("/api/v1/rooms", data=body)

    assert (answer.status_code, answer.json["code"]) == (422, "invalid")


@pytest.mark.parametrize("token", ["", "x", "a.b", "WyJyIiwibSJd.AAAA", "\u00e9"])
def test_a_forged_token_opens_nothing(http: FlaskClient, ada: dict[str, Any], token: str) -> None:
    ada["token"] = token

    answer = read(http, ada)

    assert (answer.status_code, answer.json["code"]) == (401, "token_invalid")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_of_another_key_tells_rooms_that_are_over_from_those_that_are_not(
    http: FlaskClient, ada: dict[str, Any]
) -> None:
    other_key = Tokens("k" * 32)
    room_id, member_id = ada["room"]["room_id"], ada["me"]["member_id"]
    over = RoomId(room_id[:-4] + "AAAA")

    answers = {}
    for name, room in (("here", room_id), ("over", over)):
        ada["token"] = other_key.mint(Ref(room, member_id))
        answers[name] = read(http, ada).json["code"]

    assert answers == {"here": "token_invalid", "over": "room_ended"}


def test_a_token_of_one_room_opens_no_other(http: FlaskClient, ada: dict[str, Any]) -> None:
    other = opened(http, "Mallory")
    other["room"] = ada["room"]

    assert read(http, other).status_code == 401


def test_an_unknown_room_is_told(http: FlaskClient) -> None:
    answer = http.get("/api/v1/rooms/QQQQ")

    assert (answer.status_code, answer.json["code"]) == (404, "room_not_found")


def test_a_wanted_code_is_given_once(http: FlaskClient) -> None:
    first = http.post("/api/v1/rooms", json={"name": "Ada", "code": "wxyz"})
    second = http.post("/api/v1/rooms", json={"name": "Mallory", "code": "WXYZ"})

    assert first.json["room"]["code"] == "WXYZ"
    assert (second.status_code, second.json["code"]) == (409, "code_taken")


def test_rooms_and_joins_are_limited_per_address(http: FlaskClient, ada: dict[str, Any]) -> None:
    path = f"/api/v1/rooms/{ada['room']['code']}/members"
    joins = [http.post(path, json={"name": f"Guest {n}"}).status_code for n in range(6)]
    rooms = [http.post("/api/v1/rooms", json={"name": "Ada"}).status_code for _ in range(3)]

    assert joins == [201] * 4 + [429] * 2
    assert rooms == [201, 201, 429]


def test_the_description_names_every_route_and_nothing_else(http: FlaskClient) -> None:
    routes = {
        (
            method.lower(),
            str(rule)
            .replace("<int:", "{")
            .replace("<", "{")
            .replace(">", "}")
            .removeprefix("/api/v1"),
        )
        for rule in http.application.url_map.iter_rules()
        if rule.endpoint.startswith("api.")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert routes == {(operation.method, operation.path) for operation in OPERATIONS}


def test_every_reference_in_the_description_leads_somewhere(http: FlaskClient) -> None:
    text = http.get("/api/v1/openapi.json").text

    names = set(re.findall(r'"#/components/schemas/(\w+)"', text))

    assert "Problem" in names
    assert names <= set(describe()["components"]["schemas"])


def test_the_description_has_a_page_for_people(http: FlaskClient) -> None:
    page = http.get("/api/docs").text

    for operation in OPERATIONS:
        assert f"/api/v1{operation.path}" in page
