"""Too many TCP connections of one address: closed at the door, and nobody else has to wait.

Mallory is 127.0.0.1 and Grace 127.0.0.2, which are two addresses on every Linux.
"""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import psutil
import pytest

from flask_chat.callers import Callers
from tests.conftest import StartServer
from tests.delivery.raw import WebSocket
from tests.over_redis.nodes import SERVERS, nodes
from tests.people import Place
from tests.servers import RunningServer, running

MOST = 20


@pytest.fixture
def server(start_server: StartServer) -> RunningServer:
    return start_server(tcp_connections_per_address=MOST)


def opens(server: RunningServer, address: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), 5, (address, 0))


def is_served(
    server: RunningServer,
    stack: ExitStack,
    address: str = "127.0.0.1",
    *,
    target: bytes = b"/health",
    status: bytes = b"200",
) -> bool:
    """Whether a new connection, which stays open, gets this answer; else it is closed."""
    try:
        sock = stack.enter_context(closing(opens(server, address)))
        sock.sendall(b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % target)
        return sock.recv(1000).startswith(b"HTTP/1.1 " + status)
    except ConnectionError:
        return False


def room_for(server: RunningServer, stack: ExitStack) -> int:
    """How many connections more are served, up to some more than there should be."""
    for count in range(MOST + 5):
        if not is_served(server, stack):
            return count
    return MOST + 5


def waits_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def has_room_for_all(server: RunningServer) -> bool:
    with ExitStack() as stack:
        return room_for(server, stack) == MOST


def test_one_connection_too_many_is_closed_at_once(server: RunningServer) -> None:
    with ExitStack() as stack:
        assert room_for(server, stack) == MOST

        began = time.monotonic()
        assert not is_served(server, stack)

    assert time.monotonic() - began < 0.5  # and not after the ten seconds a head may take
    assert "security: throttled" in server.log()
    assert "TCP connections" in server.log()


def test_others_get_in_within_a_tenth_of_a_second_while_mallory_floods(
    server: RunningServer,
) -> None:
    times = []
    with ExitStack() as stack:
        for number in range(600):
            with suppress(ConnectionError):
                sock = stack.enter_context(closing(opens(server)))
                sock.sendall(b"GET")
            if number % 100 == 99:
                began = time.perf_counter()
                with ExitStack() as soon:
                    assert is_served(server, soon, "127.0.0.2")
                times.append(time.perf_counter() - began)

        connections = len(psutil.Process(server.pid).net_connections())

    assert max(times) < 0.1
    assert connections <= MOST + 3  # what is refused is gone; the listener is one
    lines = [line for line in server.log().splitlines() if "TCP connections" in line]
    assert 1 <= len(lines) <= 4  # one kind of line has a rate


def test_a_connection_that_ends_makes_room_for_the_next(server: RunningServer) -> None:
    for _ in range(3):
        waits_until(lambda: has_room_for_all(server))


def test_websockets_count_until_they_are_closed(server: RunningServer) -> None:
    lines = [WebSocket(server.port, "EIO=4&transport=websocket") for _ in range(5)]

    with ExitStack() as stack:
        assert room_for(server, stack) == MOST - len(lines)
    for line in lines:
        line.ends()

    waits_until(lambda: has_room_for_all(server))


def test_a_member_who_is_closed_by_the_server_makes_room(server: RunningServer) -> None:
    place = Place(server.url)
    ada = place.open_room().connects(transports=["websocket"])
    grace = place.join(ada.code).connects(transports=["websocket"])
    grace.asks("leave", {})
    place.close()

    waits_until(lambda: has_room_for_all(server))


def test_ten_thousand_connections_leave_nothing_behind(start_server: StartServer) -> None:
    server = start_server(tcp_connections_per_address=MOST)
    process = psutil.Process(server.pid)

    def come_and_go(count: int) -> None:
        for number in range(count):
            with suppress(ConnectionError), closing(opens(server)) as sock:
                # Closed by a reset, so that this machine keeps its ports.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                if number % 5 == 0:
                    sock.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                    sock.recv(1000)

    come_and_go(2000)
    before = process.memory_info().rss
    come_and_go(8000)

    waits_until(lambda: has_room_for_all(server))
    assert process.memory_info().rss < before + 4 * 1024 * 1024
    waits_until(lambda: len(process.net_connections()) <= 1)


def test_behind_a_proxy_nobody_is_counted(start_server: StartServer) -> None:
    server = start_server(tcp_connections_per_address=MOST, trusted_proxies=1)

    with ExitStack() as stack:
        assert room_for(server, stack) == MOST + 5


@pytest.fixture
def two_workers(tmp_path: Path) -> Iterator[RunningServer]:
    if not SERVERS:
        pytest.skip("there is no redis-server and no valkey-server")
    with nodes() as make:
        settings = {"store": make().url, "workers": 2, "tcp_connections_per_address": MOST}
        with running(tmp_path / "workers.log", settings) as server:
            yield server


def test_a_connection_handed_to_another_worker_counts_there_and_nowhere_else(
    two_workers: RunningServer,
) -> None:
    polls = {"target": b"/socket.io/?EIO=4&transport=polling&sid=1-nobody", "status": b"400"}

    with ExitStack() as stack:
        # About half of them reach the second worker, and are handed to the first.
        handed = sum(is_served(two_workers, stack, **polls) for _ in range(4 * MOST))
        others = sum(is_served(two_workers, stack) for _ in range(8 * MOST))

    assert handed == MOST
    assert others == MOST  # all at the second, which has none of the handed ones


def test_an_ipv6_home_is_one_caller_and_leaves_no_trace() -> None:
    callers = Callers(2)
    first, second = callers.arrives("2001:db8::1"), callers.arrives("2001:db8::2")

    assert first is second is not None
    assert callers.arrives("2001:db8::3") is None
    assert callers.arrives("2001:db8:0:1::1") is not None
    assert callers.arrives("192.0.2.1") is not None
    assert len(callers) == 3

    first.leaves()
    assert callers.arrives("2001:db8::3") is first
    first.leaves()
    first.leaves()
    assert len(callers) == 2
