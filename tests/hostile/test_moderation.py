"""Mallory against the host: muted, slowed down, locked out, and not willing to leave it at that."""

import random
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from flask_chat.domain.doors import KNOCKS_OF_A_NETWORK
from flask_chat.paces import MODERATION_BURST, PASSCODES_BURST
from tests.people import WAIT_SECONDS, Person, Place
from tests.servers import RunningServer

TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Elsewhere(HTTPAdapter):
    """Requests that come from another address of this machine."""

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, **more, source_address=("127.0.0.2", 0))


class Browser:
    """A cookie jar that fills in the lobby's form."""

    def __init__(self, server: RunningServer, adapter: HTTPAdapter | None = None) -> None:
        self.url = server.url
        self.session = requests.Session()
        if adapter:
            self.session.mount("http://", adapter)

    def sends(self, path: str, **fields: str) -> requests.Response:
        """Send a form with its CSRF token."""
        token = TOKEN.search(self.session.get(self.url, timeout=WAIT_SECONDS).text)
        assert token
        return self.session.post(
            self.url + path,
            data={"csrf_token": token[1], **fields},
            timeout=WAIT_SECONDS,
            allow_redirects=False,
        )

    def joins(self, code: str, name: str, **more: str) -> requests.Response:
        return self.sends("/", code=code, name=name, join="1", **more)

    def says(self, code: str, text: str) -> requests.Response:
        """Post with the token that is in the room's page."""
        page = self.session.get(f"{self.url}/r/{code}", timeout=WAIT_SECONDS).text
        token = re.search(r'data-token="([^"]+)"', page)
        assert token
        return requests.post(
            f"{self.url}/api/v1/rooms/{code}/messages",
            json={"text": text},
            headers={"Authorization": f"Bearer {token[1]}"},
            timeout=WAIT_SECONDS,
        )


class Host:
    """Ada in a room of her own, as its host over REST."""

    def __init__(self, place: Place) -> None:
        self.ada = place.open_room("Ada")
        self.code = self.ada.code
        self.path = f"{self.ada.url}/api/v1/rooms/{self.code}"

    def does(self, action: str, by: Person | None = None, **what: Any) -> requests.Response:
        return requests.post(
            f"{self.path}/moderation",
            json={"action": action, **what},
            headers=(by or self.ada).bearer,
            timeout=WAIT_SECONDS,
        )

    def lets_in(self, **body: str) -> requests.Response:
        """What a program gets that wants to join."""
        return requests.post(f"{self.path}/members", json=body, timeout=WAIT_SECONDS)

    def id_of(self, name: str) -> str:
        return next(m["member_id"] for m in self._members() if m["name"] == name)

    def names(self) -> list[str]:
        return [m["name"] for m in self._members()]

    def _members(self) -> list[dict[str, Any]]:
        answer = requests.get(f"{self.path}/members", headers=self.ada.bearer, timeout=5)
        return list(answer.json()["members"])


@pytest.fixture
def place(fortress: RunningServer) -> Iterator[Place]:
    place = Place(fortress.url)
    yield place
    place.close()


@pytest.fixture
def host(place: Place) -> Host:
    return Host(place)


def test_leaving_and_coming_back_lifts_no_mute(fortress: RunningServer, host: Host) -> None:
    mallory = Browser(fortress)
    mallory.joins(host.code, "Mallory")
    host.does("mute", member_id=host.id_of("Mallory"), seconds=0)
    assert mallory.says(host.code, "spam").json()["code"] == "muted"

    for name in ("Mallory", "Trudy"):
        mallory.sends(f"/r/{host.code}/leave")
        mallory.joins(host.code, name)

        assert mallory.says(host.code, "spam").json()["code"] == "muted"
    host.does("unmute", member_id=host.id_of("Trudy"))
    assert mallory.says(host.code, "sorry").status_code == 201


def test_leaving_and_coming_back_is_not_faster_than_slow_mode(
    fortress: RunningServer, host: Host
) -> None:
    host.does("change_room", slow_mode_seconds=3600)
    mallory = Browser(fortress)
    mallory.joins(host.code, "Mallory")
    assert mallory.says(host.code, "once").status_code == 201

    mallory.sends(f"/r/{host.code}/leave")
    mallory.joins(host.code, "Trudy")

    assert mallory.says(host.code, "twice").json()["code"] == "slow_mode"


def test_an_old_cookie_makes_no_second_speaker(fortress: RunningServer, host: Host) -> None:
    host.does("change_room", slow_mode_seconds=3600)
    mallory, twin = Browser(fortress), Browser(fortress)
    mallory.session.get(fortress.url, timeout=WAIT_SECONDS)
    twin.session.cookies.update(mallory.session.cookies)  # from before she was in any room
    mallory.joins(host.code, "Mallory")
    twin.joins(host.code, "Trudy")

    assert mallory.says(host.code, "once").status_code == 201
    assert twin.says(host.code, "twice").json()["code"] == "slow_mode"


def test_who_is_banned_is_gone_under_all_her_names(fortress: RunningServer, host: Host) -> None:
    mallory, twin, grace = Browser(fortress), Browser(fortress), Browser(fortress)
    mallory.session.get(fortress.url, timeout=WAIT_SECONDS)
    twin.session.cookies.update(mallory.session.cookies)
    mallory.joins(host.code, "Mallory")
    twin.joins(host.code, "Trudy")
    grace.joins(host.code, "Grace")

    host.does("ban", member_id=host.id_of("Mallory"), seconds=60)

    assert host.names() == ["Ada", "Grace"]
    assert "does not let you in" in twin.joins(host.code, "Trudy").text


def test_a_ticket_opens_no_door_it_was_not_made_for(host: Host) -> None:
    host.does("change_room", knock=True)
    refused = host.lets_in(name="Mallory").json()["knock"]
    (knock,) = host.does("knocks").json()["knocks"]
    host.does("refuse", knock_id=knock["knock_id"])
    host.does("change_room", knock=False, passcode="open sesame")

    assert host.lets_in(name="Mallory", knock=refused).json()["code"] == "passcode_required"


def test_one_person_with_many_cookies_does_not_fill_the_door(
    fortress: RunningServer, host: Host
) -> None:
    host.does("change_room", knock=True)
    answers = [
        Browser(fortress).joins(host.code, f"Mallory {number}").status_code
        for number in range(KNOCKS_OF_A_NETWORK + 5)
    ]

    grace = Browser(fortress, Elsewhere()).joins(host.code, "Grace")

    assert answers == [303] * KNOCKS_OF_A_NETWORK + [429] * 5
    assert grace.headers["Location"] == f"/r/{host.code}/wait"
    assert host.does("knocks").json()["knocks"][-1]["name"] == "Grace"


def test_a_name_full_of_blanks_fills_no_cookie(fortress: RunningServer, host: Host) -> None:
    host.does("change_room", knock=True)
    blanks = "".join(random.Random(1).choices("\u2000\u2001\u2002\u2003\u2004\u2005 ", k=5_000))
    mallory = Browser(fortress)

    knocked = mallory.joins(host.code, f"Mallory{blanks}the Third")

    assert len(knocked.headers["Set-Cookie"]) < 1000
    assert "Mallory the Third" in mallory.session.get(f"{fortress.url}/r/{host.code}/wait").text


def test_nobody_waits_while_passcodes_are_set_in_many_rooms(
    place: Place, keeps_talking: Callable[[], None]
) -> None:
    rooms = [Host(place) for _ in range(20)]

    def sets_passcodes(room: Host) -> list[int]:
        numbers = range(PASSCODES_BURST + 2)
        return [room.does("change_room", passcode=f"word {n}").status_code for n in numbers]

    with ThreadPoolExecutor(len(rooms)) as pool:
        attacks = [pool.submit(sets_passcodes, room) for room in rooms]
        keeps_talking()

    for attack in attacks:
        assert attack.result() == [200] * PASSCODES_BURST + [429, 429]


def test_the_text_of_a_removed_message_is_behind_no_door(
    fortress: RunningServer, place: Place, host: Host
) -> None:
    mallory = place.join(host.code, "Mallory").connects()
    said = mallory.says("a secret of Grace", key="k1")["seq"]
    host.ada.connects().asks("remove", {"target": said})

    assert mallory.says("a secret of Grace, once more", key="k1") == {"ok": True, "seq": said}
    late = place.join(host.code, "Late").connects(after=0)
    page = Browser(fortress)
    page.joins(host.code, "Grace")
    shown = [
        page.session.get(f"{fortress.url}/r/{host.code}", timeout=WAIT_SECONDS).text,
        str(late.welcomes),
        *(str(late.asks("history", q)) for q in ({}, {"after": said - 1}, {"before": said + 1})),
        *(
            requests.get(f"{host.path}/events?{q}", headers=late.bearer, timeout=5).text
            for q in ("after=0", f"before={said + 1}")
        ),
    ]

    assert len(shown) == 7
    assert not any("secret" in text for text in shown)


DOORS: dict[str, Callable[[Browser, str], requests.Response]] = {
    "look-up": lambda b, code: b.session.get(f"{b.url}/api/v1/rooms/{code}?invite=x"),
    "join": lambda b, code: b.session.post(
        f"{b.url}/api/v1/rooms/{code}/members",
        json={"name": "System", "passcode": "open sesame", "invite": "x", "knock": "x"},
    ),
    "knock": lambda b, code: b.session.get(
        f"{b.url}/api/v1/rooms/{code}/knock", headers={"Authorization": "Bearer x"}
    ),
    "moderation": lambda b, code: b.session.post(f"{b.url}/api/v1/rooms/{code}/moderation"),
    "form": lambda b, code: b.joins(code, "Mallory", passcode="open sesame", invite="x"),
    "link": lambda b, code: b.session.get(f"{b.url}/r/{code}?invite=x"),
    "waiting": lambda b, code: b.session.get(f"{b.url}/r/{code}/wait"),
    "how it stands": lambda b, code: b.session.get(f"{b.url}/r/{code}/wait/state"),
    "cancel": lambda b, code: b.sends(f"/r/{code}/wait/cancel"),
    "leave": lambda b, code: b.sends(f"/r/{code}/leave"),
    "qr": lambda b, code: b.session.get(f"{b.url}/r/{code}/qr.svg"),
}


@pytest.mark.parametrize("door", DOORS)
def test_a_locked_room_is_told_from_none_at_no_door(
    fortress: RunningServer, host: Host, door: str
) -> None:
    host.does("change_room", locked=True, knock=True, passcode="open sesame")
    nowhere = "BBBB" if host.code != "BBBB" else "CCCC"

    def seen(code: str) -> tuple[Any, ...]:
        answer = DOORS[door](Browser(fortress), code)
        own = {"Date", "Set-Cookie", "Content-Length"}
        headers = {name: value for name, value in answer.headers.items() if name not in own}
        cookies = sorted(cookie.name for cookie in answer.cookies)
        text = re.sub(r'value="[^"]{30,}"', "", answer.text).replace(code, "CODE")
        return answer.status_code, str(headers).replace(code, "CODE"), cookies, text

    assert seen(host.code) == seen(nowhere)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"[" * 30_000,
        b'{"action":' * 3_000,
        b'{"action":["mute"]}',
        b'{"action":"host"}',
        b'{"action":"bans","action":"end_rooms"}',
        b'{"action":"mute","member_id":"x","seconds":NaN}',
        b'{"action":"mute","member_id":"x","seconds":-1}',
        b'{"action":"mute","member_id":"x","seconds":1e400}',
        b'{"action":"ban","member_id":"x","seconds":99999999999999999999999999}',
        b'{"action":"ban","member_id":"\\ud800","seconds":1}',
        b'{"action":"ban","member_id":"\\u0000|:*","seconds":1}',
        b'{"action":"admit","knock_id":""}',
        b'{"action":"change_room","topic":"\\u202e"}',
        b'{"action":"change_room","slow_mode_seconds":true}',
        b'{"action":"change_room","passcode":"\xff\xfe\xff\xfe"}',
    ],
)
def test_nonsense_moderates_nothing(host: Host, body: bytes) -> None:
    answer = requests.post(
        f"{host.path}/moderation", data=body, headers=host.ada.bearer, timeout=WAIT_SECONDS
    )

    assert answer.status_code in (404, 422)
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_no_action_lifts_mallory_above_herself(place: Place, host: Host) -> None:
    mallory, grace = place.join(host.code, "Mallory"), place.join(host.code, "Grace")
    mine, hers = mallory.me["member_id"], host.ada.me["member_id"]
    as_host: list[tuple[str, dict[str, Any]]] = [
        ("set_role", {"member_id": mine, "role": "cohost"}),
        ("hand_over", {"member_id": mine}),
        ("ban", {"member_id": hers, "seconds": 0}),
        ("mute", {"member_id": hers, "seconds": 0}),
        ("remove_member", {"member_id": grace.me["member_id"]}),
        ("end_room", {}),
    ]
    as_moderator = [("bans", {}), ("knocks", {}), ("renew_invite", {}), ("change_room", {})]
    for action, what in as_host + as_moderator:
        assert host.does(action, by=mallory, **what).status_code == 403, action

    host.does("set_role", member_id=mine, role="cohost")
    host.does("set_role", member_id=grace.me["member_id"], role="cohost")

    for action, what in as_host:
        assert host.does(action, by=mallory, **what).status_code == 403, action
    assert host.does("set_role", by=mallory, member_id=mine, role="host").status_code == 422


def test_a_flood_of_actions_is_slowed_down(host: Host) -> None:
    answers = [host.does("bans").status_code for _ in range(2 * MODERATION_BURST)]

    assert answers[:MODERATION_BURST] == [200] * MODERATION_BURST
    assert 429 in answers
