"""Too much of everything: refused with the time to wait, while everybody else goes on."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psutil
import pytest
import requests

from tests.delivery.raw import WebSocket
from tests.hostile.conftest import Mallory, pulse, served_within
from tests.people import Place
from tests.servers import RunningServer

StartServer = Callable[..., RunningServer]

# As it is set by default; servers of tests have the limits per address lifted.
EVERY_DAY = {
    "rooms_per_hour": 20,
    "joins_per_minute": 60,
    "handshakes_per_minute": 600,
    "connections_per_address": 200,
    "trusted_proxies": 1,
}


def from_(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


class Attack:
    """Something done over and over on threads, until the block ends."""

    def __init__(self, act: Callable[[], object], threads: int = 2) -> None:
        self._act = act
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]
        self.times = 0

    def __enter__(self) -> "Attack":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            with suppress(OSError, AssertionError):
                self._act()
            self.times += 1


@pytest.fixture
def everyday(start_server: StartServer) -> Iterator[RunningServer]:
    return start_server(**EVERY_DAY)


def test_joins_beyond_the_rate_are_told_when_to_come_back(everyday: RunningServer) -> None:
    ada = Place(everyday.url).open_room()
    door = f"{everyday.url}/api/v1/rooms/{ada.code}/members"

    def join(number: int, address: str) -> requests.Response:
        body = {"name": f"Mallory {number}"}
        return requests.post(door, json=body, headers=from_(address), timeout=5)

    answers = [join(number, "192.0.2.1") for number in range(70)]
    grace = join(100, "198.51.100.1")

    refused = [answer for answer in answers if answer.status_code == 429]
    assert 5 < len(refused) <= 10
    assert refused[0].json()["code"] == "too_fast"
    assert refused[0].json()["retry_after_seconds"] > 0
    assert int(refused[0].headers["Retry-After"]) >= 1
    assert grace.status_code == 201


def test_rooms_beyond_the_rate_are_told_when_to_come_back(everyday: RunningServer) -> None:
    def create(address: str) -> requests.Response:
        rooms = f"{everyday.url}/api/v1/rooms"
        return requests.post(rooms, json={"name": "Mallory"}, headers=from_(address), timeout=5)

    answers = [create("192.0.2.1") for _ in range(22)]
    neighbours = [create("2001:db8::1"), create("2001:db8::2")]

    assert [answer.status_code for answer in answers] == [201] * 20 + [429] * 2
    assert int(answers[-1].headers["Retry-After"]) > 60
    assert [answer.status_code for answer in neighbours] == [201, 201]


def test_an_ipv6_home_counts_as_one_address(start_server: StartServer) -> None:
    server = start_server(**{**EVERY_DAY, "rooms_per_hour": 3})
    answers = [
        requests.post(
            f"{server.url}/api/v1/rooms",
            json={"name": "Mallory"},
            headers=from_(f"2001:db8::{n:x}"),
            timeout=5,
        ).status_code
        for n in range(5)
    ]

    assert answers == [201] * 3 + [429] * 2


def test_handshakes_beyond_the_rate_are_told_when_to_come_back(start_server: StartServer) -> None:
    server = start_server(**{**EVERY_DAY, "handshakes_per_minute": 20})
    url = f"{server.url}/socket.io/?EIO=4&transport=polling"

    answers = [requests.get(url, headers=from_("192.0.2.1"), timeout=5) for _ in range(25)]
    ws = WebSocket(server.port, "EIO=4&transport=websocket", X_Forwarded_For="192.0.2.1")
    other = WebSocket(server.port, "EIO=4&transport=websocket", X_Forwarded_For="192.0.2.2")

    assert [answer.status_code for answer in answers] == [200] * 20 + [429] * 5
    assert answers[-1].json()["code"] == "too_fast"
    assert answers[-1].json()["retry_after_seconds"] > 0
    assert (ws.status, other.status) == (429, 101)
    ws.ends()
    other.ends()


def test_attempts_to_enter_over_one_connection_are_counted(start_server: StartServer) -> None:
    mallory = Mallory(start_server(handshakes_per_minute=30))
    ws = mallory.opens()

    said = []
    for number in range(40):
        ws.send(f'40{{"token":"guess {number}"}}')
        said.append(ws.text())

    assert all('"token_invalid"' in text for text in said[:25])
    assert '"too_fast"' in said[-1]
    assert '"retry_after_seconds"' in said[-1]
    mallory.goes()


def test_every_event_beyond_the_rate_is_refused_and_none_is_dropped(
    start_server: StartServer,
) -> None:
    mallory = Mallory(start_server(events_burst=20, events_per_second=5))
    ws = mallory.enters()
    events = ["typing", "history", "nothing", "post"]
    ws.send(*(f'42{number}["{events[number % 4]}",{{}}]' for number in range(100)))

    answers = {}
    while len(answers) < 100:
        text = ws.text()
        if text.startswith("43"):
            number, _, answer = text[2:].partition("[")
            answers[int(number)] = json.loads("[" + answer)[0]

    late = [answers[number]["error"] for number in range(30, 100)]
    assert {error["code"] for error in late} == {"too_fast"}
    assert all(error["retry_after_seconds"] > 0 for error in late)
    mallory.goes()


def test_who_goes_on_after_five_hundred_refusals_is_shown_the_door(
    start_server: StartServer,
) -> None:
    mallory = Mallory(start_server())
    ws = mallory.enters()
    with suppress(OSError):
        for _ in range(60):
            ws.send(*['42["typing",{"is_typing":true}]'] * 50)

    assert ws.close_code() is not None
    assert mallory.enters()  # she may come back, as long as she behaves
    mallory.goes()


@pytest.mark.parametrize("event", ["post", "typing", "history", "nothing", "leave me"])
def test_a_flood_of_events_keeps_nobody_waiting(start_server: StartServer, event: str) -> None:
    server = start_server()
    place = Place(server.url)
    ada = place.open_room().connects(transports=["websocket"])
    grace = place.join(ada.code).connects(transports=["websocket"])
    usual = pulse(ada, grace)
    mallory = Mallory(server)
    packet = f'42["{event}",{{"text":"flood","is_typing":true}}]'

    def flood() -> None:
        ws = mallory.enters()
        for _ in range(200):
            ws.send(*[packet] * 100)

    with Attack(flood) as attack:
        time.sleep(1)
        waited = pulse_slowly(ada, grace)

    assert attack.times
    assert waited < 3 * served_within(usual)  # this very process floods as well
    mallory.goes()
    place.close()


def pulse_slowly(ada, grace) -> float:  # type: ignore[no-untyped-def]
    """A pulse that keeps to the rate of posts."""
    time.sleep(2)
    return pulse(ada, grace)


def test_a_storm_of_people_coming_back_keeps_nobody_waiting(
    mallory: Mallory, keeps_talking: Callable[[], None]
) -> None:
    def come_back() -> None:
        ws = mallory.enters()
        ws.ends()

    with Attack(come_back, threads=4) as storm:
        time.sleep(0.5)
        keeps_talking()

    assert storm.times > 20


def test_a_storm_of_broken_handshakes_keeps_nobody_waiting(
    mallory: Mallory, keeps_talking: Callable[[], None]
) -> None:
    port = mallory.server.port

    def knock() -> None:
        WebSocket(port, "EIO=4&transport=websocket", Sec_WebSocket_Key="x").ends()
        mallory.opens().raw(b"\x00\xff" * 50)

    with Attack(knock, threads=4) as storm:
        time.sleep(0.5)
        keeps_talking()

    assert storm.times > 20


def test_a_guessing_program_keeps_nobody_waiting(
    mallory: Mallory, keeps_talking: Callable[[], None]
) -> None:
    url = f"{mallory.server.url}/api/v1/rooms/QQQQ"
    line = requests.Session()

    with Attack(lambda: line.get(url, timeout=5)):
        time.sleep(0.3)
        keeps_talking()


def test_many_connections_that_say_nothing_cost_little(
    fortress: RunningServer, mallory: Mallory, keeps_talking: Callable[[], None]
) -> None:
    process = psutil.Process(fortress.pid)
    before = process.memory_info().rss

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: mallory.opens(), range(400)))
        keeps_talking()

    assert process.memory_info().rss - before < 30_000 * 400
