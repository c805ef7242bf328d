"""Moderation through every door: sockets, REST and the forms of the pages."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from flask_chat.app import create_app
from flask_chat.settings import Settings
from tests.people import Person, Place, wait_until
from tests.servers import RunningServer
from tests.web.test_pages import create, submit

WAIT_SECONDS = 10


@pytest.fixture
def place(server: RunningServer) -> Iterator[Place]:
    place = Place(server.url)
    yield place
    place.close()


@pytest.fixture
def ada(place: Place) -> Person:
    return place.open_room("Ada").connects()


@pytest.fixture
def mallory(place: Place, ada: Person) -> Person:
    return place.join(ada.code, "Mallory").connects()


def moderate(person: Person, action: str, **what: Any) -> dict[str, Any]:
    return person.asks("moderate", {"action": action, **what})


def rest(person: Person, method: str, path: str = "", **more: Any) -> requests.Response:
    url = f"{person.url}/api/v1/rooms/{person.code}{path}"
    return requests.request(method, url, headers=person.bearer, timeout=WAIT_SECONDS, **more)


def joins(ada: Person, **body: str) -> requests.Response:
    url = f"{ada.url}/api/v1/rooms/{ada.code}/members"
    return requests.post(url, json=body, timeout=WAIT_SECONDS)


# Over a socket


def test_a_host_mutes_and_the_muted_one_is_told_why_and_until_when(
    ada: Person, mallory: Person
) -> None:
    assert moderate(ada, "mute", member_id=mallory.me["member_id"], seconds=300) == {"ok": True}

    changed = mallory.sees_kind("member_changed", by=ada.me["member_id"])
    error = mallory.says("spam")["error"]

    assert error["code"] == "muted"
    assert error["until"] == changed["muted_until"]
    assert 290 < error["retry_after_seconds"] <= 300
    moderate(ada, "unmute", member_id=mallory.me["member_id"])
    assert mallory.sees_kind("member_changed", muted_until=None)
    assert mallory.says("sorry")["ok"]


def test_somebody_removed_is_disconnected_and_may_come_back(
    place: Place, ada: Person, mallory: Person
) -> None:
    moderate(ada, "remove_member", member_id=mallory.me["member_id"])

    mallory.sees_kind("member_removed", member_id=mallory.me["member_id"])
    ada.waits_until(lambda: not mallory.client.connected)
    assert rest(mallory, "GET", "/events").status_code == 401
    assert place.join(ada.code, "Mallory").me["name"] == "Mallory"


def test_somebody_banned_with_their_network_is_kept_out_by_any_name(
    ada: Person, mallory: Person
) -> None:
    moderate(ada, "ban", member_id=mallory.me["member_id"], seconds=3600, network=True)

    refused = joins(ada, name="Trudy")

    assert refused.status_code == 403
    assert refused.json()["code"] == "banned"
    assert refused.json()["until"].startswith("20")
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600
    (ban,) = moderate(ada, "bans")["bans"]
    assert (ban["name"], ban["network"]) == ("Mallory", True)
    assert moderate(ada, "unban", member_id=ban["member_id"])["ok"]
    assert joins(ada, name="Trudy").status_code == 201


def test_a_removed_message_is_gone_for_those_who_come_later(
    place: Place, ada: Person, mallory: Person
) -> None:
    target = mallory.says("an insult")["seq"]
    assert ada.asks("remove", {"target": target}) == {"ok": True}

    grace = place.join(ada.code, "Grace").connects()

    shown = next(event for event in grace.events if event["seq"] == target)
    assert (shown["text"], shown["removed"]) == ("", True)
    mallory.sees_kind("message_removed", target=target)


def test_roles_and_the_room_change_for_everybody(ada: Person, mallory: Person) -> None:
    who = mallory.me["member_id"]
    assert moderate(ada, "change_room", topic="Maths", slow_mode_seconds=10, locked=True)["ok"]
    assert moderate(ada, "set_role", member_id=who, role="cohost")["ok"]
    assert moderate(ada, "hand_over", member_id=who)["ok"]

    change = mallory.sees_kind("room_changed")
    assert (change["topic"], change["slow_mode_seconds"], change["locked"]) == ("Maths", 10, True)
    mallory.sees_kind("member_changed", member_id=who, role="cohost")
    mallory.sees_kind("host_changed", member_id=who, previous=ada.me["member_id"])
    assert moderate(ada, "end_room")["error"]["code"] == "forbidden"
    welcome = mallory.connects().welcomes[-1]
    assert welcome["me"]["role"] == "host"
    assert welcome["room"]["host_id"] == who


def test_slow_mode_tells_how_long_to_wait(ada: Person, mallory: Person) -> None:
    moderate(ada, "change_room", slow_mode_seconds=60)
    assert mallory.says("one")["ok"]

    error = mallory.says("two")["error"]

    assert (error["code"], error["limit"]) == ("slow_mode", 60)
    assert 55 < error["retry_after_seconds"] <= 60.1


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({}, None),
        ({"action": "explode"}, "action"),
        ({"action": 5}, "action"),
        ({"action": "mute"}, "member_id"),
        ({"action": "mute", "member_id": "m", "seconds": -1}, "seconds"),
        ({"action": "mute", "member_id": "m", "seconds": "long"}, "seconds"),
        ({"action": "mute", "member_id": "m" * 65, "seconds": 1}, "member_id"),
        ({"action": "ban", "member_id": "m", "seconds": 1, "network": "all"}, "network"),
        ({"action": "set_role", "member_id": "m", "role": "host"}, "role"),
        ({"action": "change_room", "locked": "yes"}, "locked"),
        ({"action": "change_room", "topic": "a\u202eb"}, "topic"),
        ({"action": "change_room", "passcode": "abc"}, "passcode"),
        ({"action": "change_room", "slow_mode_seconds": 10**30}, "slow_mode_seconds"),
        (["mute"], None),
        ("mute", None),
        (None, None),
    ],
)
def test_a_wrong_shape_is_named_and_changes_nothing(
    ada: Person, wanted: Any, field: str | None
) -> None:
    error = ada.asks("moderate", wanted)["error"]

    assert error["code"] == "invalid"
    if field:
        assert error["field"] == field
    assert len(ada.events) == 1


def test_guests_are_refused_and_nobody_hears_of_it(ada: Person, mallory: Person) -> None:
    for action in ({"action": "end_room"}, {"action": "bans"}, {"action": "renew_invite"}):
        assert mallory.asks("moderate", action)["error"]["code"] == "forbidden"

    assert [event["kind"] for event in ada.events] == ["member_joined"] * 2


# Knocking


def test_a_host_sees_who_knocks_and_opens(ada: Person) -> None:
    moderate(ada, "change_room", knock=True)
    rings: list[int] = []
    ada.client.on("knocks", lambda message: rings.append(message["waiting"]))

    knocked = joins(ada, name="Grace")
    ticket = knocked.json()["knock"]
    wait_until(lambda: rings == [1])
    (knock,) = moderate(ada, "knocks")["knocks"]
    door = f"{ada.url}/api/v1/rooms/{ada.code}/knock"
    bearer = {"Authorization": f"Bearer {ticket}"}

    assert (knocked.status_code, knocked.json()["state"]) == (202, "waiting")
    assert knock["name"] == "Grace"
    assert requests.get(door, headers=bearer, timeout=WAIT_SECONDS).json() == {"state": "waiting"}
    assert moderate(ada, "admit", knock_id=knock["knock_id"])["ok"]
    assert requests.get(door, headers=bearer, timeout=WAIT_SECONDS).json() == {"state": "admitted"}
    joined = joins(ada, name="Grace", knock=ticket)
    assert joined.status_code == 201
    assert requests.get(door, headers=bearer, timeout=WAIT_SECONDS).json() == {"state": "over"}
    ada.sees_kind("member_joined", by=joined.json()["me"]["member_id"])


def test_a_host_does_not_open(ada: Person) -> None:
    moderate(ada, "change_room", knock=True)
    ticket = joins(ada, name="Mallory").json()["knock"]
    (knock,) = moderate(ada, "knocks")["knocks"]

    moderate(ada, "refuse", knock_id=knock["knock_id"])

    refused = joins(ada, name="Mallory", knock=ticket)
    assert (refused.status_code, refused.json()["code"]) == (403, "knock_refused")
    again = moderate(ada, "admit", knock_id=knock["knock_id"])
    assert again["error"]["code"] == "not_found"


# REST


def test_a_program_moderates_by_rest(place: Place, ada: Person, mallory: Person) -> None:
    seq = mallory.says("an insult")["seq"]
    mute = {"action": "mute", "member_id": mallory.me["member_id"], "seconds": 60}

    assert rest(ada, "DELETE", f"/messages/{seq}").status_code == 204
    assert rest(ada, "POST", "/moderation", json=mute).json() == {"ok": True}
    members = rest(ada, "GET", "/members").json()["members"]

    assert [member["name"] for member in members] == ["Ada", "Mallory"]
    assert "muted_until" in members[1]
    assert rest(mallory, "POST", "/moderation", json=mute).status_code == 403
    assert rest(mallory, "DELETE").status_code == 403
    assert rest(mallory, "DELETE", "/messages/1").status_code == 404
    assert rest(ada, "DELETE").status_code == 204
    place.wait_until_gone(ada.code)
    mallory.sees_kind("room_ended", reason="ended")


def test_a_locked_room_answers_like_none_in_words_and_status(place: Place, ada: Person) -> None:
    moderate(ada, "change_room", locked=True)
    gone = place.open_room("Ada")
    requests.delete(f"{ada.url}/api/v1/rooms/{gone.code}", headers=gone.bearer, timeout=10)
    place.wait_until_gone(gone.code)

    answers = [joins(ada, name="Grace"), joins(gone, name="Grace")]
    looks = [requests.get(f"{ada.url}/api/v1/rooms/{who.code}", timeout=10) for who in (ada, gone)]

    for locked, ended in (answers, looks):
        assert locked.status_code == ended.status_code == 404
        assert locked.text.replace(ada.code, "") == ended.text.replace(gone.code, "")
        assert set(locked.headers) == set(ended.headers)


def test_a_look_up_tells_less_of_a_room_with_a_door(ada: Person) -> None:
    moderate(ada, "change_room", topic="Secret plans", passcode="open sesame")
    room = f"{ada.url}/api/v1/rooms/{ada.code}"
    invite = ada.asks("invite", {})["invite"]

    stranger = requests.get(room, timeout=WAIT_SECONDS).json()
    invited = requests.get(room, params={"invite": invite}, timeout=WAIT_SECONDS).json()

    assert stranger == {"code": ada.code, "has_passcode": True, "knock": False}
    assert (invited["topic"], invited["members_here"]) == ("Secret plans", 1)


def test_a_passcode_over_rest(ada: Person) -> None:
    moderate(ada, "change_room", passcode="open sesame")

    codes = [
        joins(ada, name="Grace", **body).json().get("code")
        for body in ({}, {"passcode": "open barley"}, {"passcode": "open sesame"})
    ]

    assert codes == ["passcode_required", "passcode_wrong", None]


def test_wrong_passcodes_are_limited_and_the_right_one_waits_as_well(ada: Person) -> None:
    moderate(ada, "change_room", passcode="open sesame")
    wrong = [joins(ada, name="Mallory", passcode=f"guess {n}").json()["code"] for n in range(12)]

    assert wrong == ["passcode_wrong"] * 10 + ["too_fast"] * 2
    assert joins(ada, name="Mallory", passcode="open sesame").json()["code"] == "too_fast"
    assert joins(ada, name="Grace", invite=ada.asks("invite", {})["invite"]).status_code == 201


def test_one_who_mistypes_the_passcode_keeps_nobody_else_out(app: Flask) -> None:
    host, mallory, grace = app.test_client(), app.test_client(), app.test_client()
    code, bearer = room_of(app, host)
    change(host, code, bearer, passcode="open sesame")
    tries = [
        submit(mallory, name="Mallory", code=code, passcode=f"guess {n}", join="1").status_code
        for n in range(12)
    ]

    right = submit(grace, name="Grace", code=code, passcode="open sesame", join="1")

    assert tries == [403] * 10 + [429] * 2
    assert right.status_code == 303


def test_many_browsers_of_one_network_do_not_guess_for_ever(app: Flask) -> None:
    host = app.test_client()
    code, bearer = room_of(app, host)
    change(host, code, bearer, passcode="open sesame")

    tries = [
        submit(app.test_client(), name="Mallory", code=code, passcode="a guess", join="1")
        for _ in range(62)
    ]

    assert [answer.status_code for answer in tries] == [403] * 60 + [429] * 2


# Pages


@pytest.fixture
def app() -> Flask:
    return create_app(Settings(rooms_per_hour=0, failed_lookups_per_minute=0))


def room_of(app: Flask, host: FlaskClient) -> tuple[str, dict[str, str]]:
    """A room whose host looks at its page: its code, and what proves who they are."""
    code = create(host)
    token = re.search(r'data-token="([^"]+)"', host.get(f"/r/{code}").text)
    assert token
    return code, {"Authorization": f"Bearer {token[1]}"}


def change(host: FlaskClient, code: str, bearer: dict[str, str], **what: Any) -> dict[str, Any]:
    path, body = f"/api/v1/rooms/{code}/moderation", {"action": "change_room", **what}
    answer = host.post(path, json=body, headers=bearer)
    assert answer.status_code == 200, answer.text
    return dict(answer.json or {})


def test_the_form_asks_for_the_passcode(app: Flask) -> None:
    host, grace = app.test_client(), app.test_client()
    code, bearer = room_of(app, host)
    change(host, code, bearer, passcode="open sesame")

    asked = submit(grace, name="Grace", code=code, join="1")
    wrong = submit(grace, name="Grace", code=code, passcode="no idea", join="1")
    right = submit(grace, name="Grace", code=code, passcode="open sesame", join="1")

    assert (asked.status_code, wrong.status_code, right.status_code) == (403, 403, 303)
    assert 'name="passcode"' in asked.text
    assert "That is not the passcode of this room." in wrong.text


def test_a_share_link_opens_a_locked_room_and_a_pasted_one_too(app: Flask) -> None:
    host, grace, heidi = app.test_client(), app.test_client(), app.test_client()
    code, bearer = room_of(app, host)
    change(host, code, bearer, locked=True)
    link = re.search(r'data-share-url="([^"]+)"', host.get(f"/r/{code}").text)
    assert link
    invite = link[1].rpartition("=")[2]

    assert grace.get(f"/r/{code}").status_code == 404
    page = grace.get(f"/r/{code}?invite={invite}")
    assert page.status_code == 200
    assert f'name="invite" value="{invite}"' in page.text
    assert submit(grace, name="Grace", code=code, invite=invite, join="1").status_code == 303
    assert submit(heidi, name="Heidi", code=link[1], join="1").status_code == 303


def test_who_knocks_gets_a_waiting_page_and_goes_in_when_let_in(app: Flask) -> None:
    host, grace = app.test_client(), app.test_client()
    code, bearer = room_of(app, host)
    change(host, code, bearer, knock=True)

    knocked = submit(grace, name="Grace", code=code, join="1")
    assert knocked.location == f"/r/{code}/wait"
    assert grace.get(f"/r/{code}/wait/state").json == {"state": "waiting"}
    tools = f"/api/v1/rooms/{code}/moderation"
    (knock,) = host.post(tools, json={"action": "knocks"}, headers=bearer).json["knocks"]
    host.post(tools, json={"action": "admit", "knock_id": knock["knock_id"]}, headers=bearer)

    assert grace.get(f"/r/{code}/wait/state").json == {"state": "admitted"}
    page = grace.get(f"/r/{code}/wait").text
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    entered = grace.post("/", data={**fields, "join": "1"})
    assert (entered.status_code, entered.location) == (303, f"/r/{code}")
    assert grace.get(f"/r/{code}/wait").location == f"/r/{code}"


def test_who_knocks_can_stop_waiting(app: Flask) -> None:
    host, grace = app.test_client(), app.test_client()
    code, bearer = room_of(app, host)
    change(host, code, bearer, knock=True)
    submit(grace, name="Grace", code=code, join="1")

    submit(grace, f"/r/{code}/wait/cancel")

    tools = f"/api/v1/rooms/{code}/moderation"
    assert host.post(tools, json={"action": "knocks"}, headers=bearer).json["knocks"] == []
    assert grace.get(f"/r/{code}/wait/state").json == {"state": "over"}


def test_a_banned_browser_is_told_so_in_the_lobby(app: Flask) -> None:
    host, mallory = app.test_client(), app.test_client()
    code, bearer = room_of(app, host)
    submit(mallory, name="Mallory", code=code, join="1")
    members = host.get(f"/api/v1/rooms/{code}/members", headers=bearer).json["members"]
    ban = {"action": "ban", "member_id": members[1]["member_id"], "seconds": 3600}
    assert host.post(f"/api/v1/rooms/{code}/moderation", json=ban, headers=bearer).json["ok"]

    back = submit(mallory, name="Trudy", code=code, join="1")
    stranger = submit(app.test_client(), name="Grace", code=code, join="1")

    assert back.status_code == 403
    assert "does not let you into this room for another 60 minutes" in back.text
    assert stranger.status_code == 303
