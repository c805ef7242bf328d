"""Two servers over one Redis behind nginx, HAProxy and Caddy: one place, also when one goes."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from socketio import exceptions

from tests.deploy.proxies import PROXIES, Front, missing
from tests.over_redis.nodes import Node
from tests.people import Person, Place
from tests.servers import RunningServer, running

TRANSPORTS = ["websocket", "polling"]


class Site:
    """A proxy, and the two servers behind it."""

    def __init__(self, front: Front, servers: list[RunningServer]) -> None:
        self.servers = servers
        self.place = Place(front.url, certificate=front.certificate)


@pytest.fixture(params=sorted(PROXIES))
def site(request: pytest.FixtureRequest, tmp_path: Path, redis_node: Node) -> Iterator[Site]:
    if why := missing(request.param):
        pytest.skip(why)
    with ExitStack() as stack:
        servers = []
        for name in ("app1", "app2"):
            settings = {"trusted_proxies": 1, "node": name, "store": redis_node.url}
            settings["allowed_origins"] = "https://localhost"
            servers.append(stack.enter_context(running(tmp_path / f"{name}.log", settings)))
        ports = [server.port for server in servers]
        made = Site(stack.enter_context(PROXIES[request.param](tmp_path, ports)), servers)
        stack.callback(made.place.close)
        yield made


def test_people_talk_and_go_on_when_a_server_stops(site: Site) -> None:
    ada = site.place.open_room()
    people = [ada, *(site.place.join(ada.code, f"Guest {number}") for number in range(4))]
    _connect(people)
    _talk(people, "with two")
    for person in people:
        person.goes()

    site.servers[0].stop()
    _connect(people)
    _talk(people, "with one")

    for person in people:
        # The first connection and the second have overlapped in nothing, and nothing was missed.
        assert [event["seq"] for event in person.events][-10:] == list(range(6, 16))


def _connect(people: list[Person]) -> None:
    for number, person in enumerate(people):
        _enter(person, number)


def _talk(people: list[Person], about: str) -> None:
    for number, person in enumerate(people):
        _say(person, number, f"{number} {about}")
    for number, person in enumerate(people):
        if not person.client.connected:
            _enter(person, number)
        for other in range(len(people)):
            person.sees(f"{other} {about}")


# A line may break at any time. Clients of ours then come back and say it again with the same key;
# these are bare ones, so it is done for them.


def _enter(person: Person, number: int) -> None:
    after = person.events[-1]["seq"] if person.events else None
    transports = [TRANSPORTS[number % 2]]
    try:
        person.connects(after=after, transports=transports)
    except exceptions.ConnectionError:
        person.connects(after=after, transports=transports)


def _say(person: Person, number: int, text: str) -> None:
    key = text.replace(" ", "-")
    try:
        answer = person.says(text, key=key)
    except exceptions.SocketIOError:
        _enter(person, number)
        answer = person.says(text, key=key)
    assert answer["ok"]
