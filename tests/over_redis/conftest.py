"""Servers that share a Redis: `make_town(url)`, with Ada at one server and Grace at another."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.over_redis.nodes import SERVERS, Node, nodes
from tests.people import Person, Place
from tests.servers import LIFTED, RunningServer, check_end, launch

MakeNode = Callable[..., Node]
QUICK = {
    "leave_grace_seconds": 1,
    "room_grace_seconds": 30,
    "posts_per_second": 0,
    "events_burst": 0,
}


class Town:
    """Some servers over one store. Who is let in at one can go on at another."""

    def __init__(self, folder: Path, url: str, count: int, settings: dict[str, object]) -> None:
        self._folder = folder
        self._settings = {
            **LIFTED,
            **QUICK,
            "store": url,
            "secret_key": "a key that all the servers have",
            **settings,
        }
        self.servers: list[RunningServer] = []
        self.people: list[Person] = []
        self.killed: set[int] = set()
        for _ in range(count):
            self.add_server()

    def add_server(self) -> RunningServer:
        """One more."""
        output = self._folder / f"server-{len(self.servers)}.log"
        self.servers.append(launch(output, self._settings))
        return self.servers[-1]

    def opens(self, name: str = "Ada", at: int = 0) -> Person:
        """A new room with its host, connected to this server."""
        host = Place(self.servers[at].url).open_room(name)
        return self._connected(host)

    def joins(self, host: Person, name: str = "Grace", at: int = 1) -> Person:
        """A guest, connected to this server."""
        return self._connected(Place(self.servers[at].url).join(host.code, name))

    def moves(self, person: Person, at: int, after: int | None = None) -> Person:
        """The same member, by a connection to this server."""
        answer = {"room": person.room, "me": person.me, "token": person.token}
        return self._connected(Person(self.servers[at].url, answer), after)

    def kill(self, at: int) -> None:
        """kill -9 for a server."""
        server = self.servers[at]
        server.process.kill()
        server.process.wait()
        self.killed.add(id(server))

    def close(self) -> None:
        for person in self.people:
            person.goes()
        for server in self.servers:
            if id(server) not in self.killed:
                check_end(server)

    def _connected(self, person: Person, after: int | None = None) -> Person:
        self.people.append(person)
        return person.connects(after=after, transports=["websocket"])


@pytest.fixture(scope="module", params=SERVERS or [""])
def program(request: pytest.FixtureRequest) -> str:
    """Each Redis there is, one after the other: everything is tested with all of them."""
    if not request.param:
        pytest.skip("there is no redis-server and no valkey-server")
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def town(program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Two servers over one Redis, shared by the tests of a file."""
    with nodes(program) as make:
        shared = Town(tmp_path_factory.mktemp("town"), make().url, 2, {"posts_burst": 0})
        yield shared
        shared.close()


@pytest.fixture
def make_node(program: str) -> Iterator[MakeNode]:
    """`make_node(port=0, **options)`: a redis-server of this test's own."""
    with nodes(program) as make:
        yield make


@pytest.fixture
def make_town(tmp_path: Path) -> Iterator[Callable[..., Town]]:
    """`make_town(url, count=2, **settings)`: servers over this store, which end well."""
    with ExitStack() as stack:

        def make(url: str, count: int = 2, **settings: object) -> Town:
            town = Town(tmp_path, url, count, settings)
            stack.callback(town.close)
            return town

        yield make
