"""Two servers over one Redis behind nginx, HAProxy and Caddy: one place, also when one goes."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from flask_chat.client import RoomClient
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


def test_the_python_client_loses_nothing_when_a_server_stops(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(site.place.certificate))
    texts = [str(number) for number in range(24)]
    with (
        RoomClient.create(site.place.url, "Ada") as ada,
        RoomClient.join(site.place.url, ada.code, "Grace") as grace,
    ):
        for number, text in enumerate(texts):
            ada.post(text)
            if number == len(texts) // 2:
                site.servers[0].stop()

        assert _messages(grace, len(texts)) == texts


def _messages(client: RoomClient, count: int) -> list[str]:
    texts: list[str] = []
    while len(texts) < count and (event := client.next_event(20)) is not None:
        if event["kind"] == "message_posted":
            texts.append(event["text"])
    return texts


def _connect(people: list[Person]) -> None:
    for number, person in enumerate(people):
        after = person.events[-1]["seq"] if person.events else None
        person.connects(after=after, transports=[TRANSPORTS[number % 2]])


def _talk(people: list[Person], about: str) -> None:
    for number, person in enumerate(people):
        assert person.says(f"{number} {about}")["ok"]
    for person in people:
        for number in range(len(people)):
            person.sees(f"{number} {about}")
