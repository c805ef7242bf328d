"""The recipe of deploy/gunicorn.conf.py, alone and as two servers behind nginx."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import requests
from websocket import create_connection

from tests.deploy.proxies import free_ports, missing, nginx
from tests.over_redis.nodes import Node
from tests.people import Place, wait_until
from tests.servers import LIFTED, ROOT, environment

StartGunicorn = Callable[..., "Gunicorn"]


class Gunicorn:
    """gunicorn with our configuration, and only the port changed."""

    def __init__(self, folder: Path, settings: dict[str, object]) -> None:
        self.port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / f"gunicorn-{self.port}.log"
        words = ["-c", "deploy/gunicorn.conf.py", "--bind", f"127.0.0.1:{self.port}", "main:app"]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", *words],
                cwd=ROOT,
                env=environment({**LIFTED, **settings}),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        until = time.monotonic() + 20
        while not self._is_healthy():
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < until, self.log()
            time.sleep(0.05)

    def _is_healthy(self) -> bool:
        try:
            return requests.get(self.url + "/health", timeout=20).ok
        except requests.ConnectionError:
            return False

    def log(self) -> str:
        return self._log.read_text()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            assert self.process.wait(15) == 0, self.log()
        finally:
            self.process.kill()
        assert "Traceback" not in self.log(), self.log()
        assert "SIGKILL" not in self.log(), self.log()


@pytest.fixture
def start_gunicorn(tmp_path: Path) -> Iterator[StartGunicorn]:
    started: list[Gunicorn] = []

    def start(**settings: object) -> Gunicorn:
        started.append(Gunicorn(tmp_path, settings))
        return started[-1]

    yield start
    for gunicorn in started:
        gunicorn.stop()


@pytest.mark.parametrize("transports", [["websocket"], ["polling"], None])
def test_people_talk_under_gunicorn(
    start_gunicorn: StartGunicorn, transports: list[str] | None
) -> None:
    place = Place(start_gunicorn().url)
    ada = place.open_room().connects(transports=transports)
    grace = place.join(ada.code).connects(transports=transports)

    ada.says("Hello")
    grace.says("😀" * 4000)

    grace.sees("Hello")
    ada.sees("😀" * 4000)
    assert ada.client.transport() == (transports or ["websocket"])[0]
    place.close()


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_stop_lets_clients_go_in_time(start_gunicorn: StartGunicorn, transport: str) -> None:
    gunicorn = start_gunicorn()
    ada = Place(gunicorn.url).open_room().connects(transports=[transport])
    gone_after: list[float] = []
    ada.client.on("disconnect", lambda _: gone_after.append(time.monotonic() - began))
    began = time.monotonic()

    gunicorn.stop()
    wait_until(lambda: gone_after)

    assert gone_after[0] < 5


def test_the_close_frame_says_why(start_gunicorn: StartGunicorn) -> None:
    gunicorn = start_gunicorn()
    url = f"ws://127.0.0.1:{gunicorn.port}/socket.io/?EIO=4&transport=websocket"
    line = create_connection(url, timeout=10)
    line.recv()

    gunicorn.process.terminate()
    opcode, data = line.recv_data(control_frame=True)
    line.close()

    assert (opcode, data[:2], data[2:]) == (8, b"\x03\xe9", b"server is stopping")


def test_two_of_them_behind_nginx_are_one_place(
    start_gunicorn: StartGunicorn, redis_node: Node, tmp_path: Path
) -> None:
    if why := missing("nginx"):
        pytest.skip(why)
    shared = {"store": redis_node.url, "trusted_proxies": 1}
    ports = [start_gunicorn(**shared, node=name).port for name in ("app1", "app2")]
    with nginx(tmp_path, ports) as front:
        place = Place(front.url, certificate=front.certificate)
        ada = place.open_room().connects(transports=["polling"])
        guests = [place.join(ada.code, f"Grace {number}") for number in range(6)]
        for number, guest in enumerate(guests):
            guest.connects(transports=[["polling"], ["websocket"]][number % 2])

        for number, guest in enumerate(guests):
            guest.says(f"number {number}")

        texts = [f"number {number}" for number in range(6)]
        for person in (ada, *guests):
            person.waits_until(lambda person=person: person.texts == texts)
        used = {port for port in ports if _connections(port)}
        place.close()
    assert used == set(ports)


def _connections(port: int) -> int:
    return sum(
        each.laddr.port == port and each.status == psutil.CONN_ESTABLISHED
        for each in psutil.net_connections("tcp")
    )
