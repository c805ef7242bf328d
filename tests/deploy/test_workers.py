"""Several processes on one port: people meet whichever they reach, and one may die."""

import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import requests
import socketio

from flask_chat.handover import Handover, session_prefix
from tests.over_redis.nodes import Node
from tests.people import Place, wait_until
from tests.servers import LIFTED, ROOT, RunningServer, check_end, environment, launch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux spreads connections")

WORKERS = 3
StartWorkers = Callable[..., RunningServer]


@pytest.fixture
def start_workers(tmp_path: Path, redis_node: Node) -> Iterator[StartWorkers]:
    """Three processes behind one port, over a Redis of their own."""
    started: list[RunningServer] = []

    def start(**settings: object) -> RunningServer:
        shared = {**LIFTED, "store": redis_node.url, "workers": WORKERS, **settings}
        started.append(launch(tmp_path / "workers.log", shared))
        return started[-1]

    yield start
    for server in started:
        check_end(server)


def workers_of(server: RunningServer) -> list[psutil.Process]:
    return sorted(psutil.Process(server.pid).children(), key=lambda each: each.create_time())


def handshake(server: RunningServer) -> str:
    """A new long-polling session; its id."""
    answer = requests.get(f"{server.url}/socket.io/?EIO=4&transport=polling", timeout=10)
    found = re.search(r'"sid":"([^"]+)"', answer.text)
    assert found is not None
    return found[1]


def test_one_line_is_printed_and_all_take_part(start_workers: StartWorkers) -> None:
    server = start_workers()

    owners = Counter(handshake(server).partition("-")[0] for _ in range(60))

    assert server.log().count("Flask Chat App on") == 1
    assert len(workers_of(server)) == WORKERS
    assert set(owners) == {"1", "2", "3"}


def test_a_polling_session_is_found_from_every_worker(start_workers: StartWorkers) -> None:
    """Each request comes over a connection of its own, so most arrive at another worker."""
    server = start_workers(node="app1")
    sid = handshake(server)
    url = f"{server.url}/socket.io/?EIO=4&transport=polling&sid={sid}"

    posts = [requests.post(url, data="3", timeout=10).status_code for _ in range(30)]
    large = requests.post(url, data="4" + "2" * 60_000, timeout=10)

    assert re.match(r"app1\.[123]-", sid)
    assert posts == [200] * 30
    assert large.status_code == 400  # read whole, by the right worker, and not understood


def test_people_who_poll_talk_across_workers(start_workers: StartWorkers) -> None:
    place = Place(start_workers().url)
    ada = place.open_room().connects(transports=["polling"])
    guests = [place.join(ada.code, name) for name in ("Grace", "Mallory", "Grace 2", "Grace 3")]
    for number, guest in enumerate(guests):
        guest.connects(transports=[["polling"], ["websocket"], None][number % 3])

    texts = [f"number {number}" for number in range(20)]
    for number, text in enumerate(texts):
        ([ada, *guests][number % 5]).says(text)

    for person in (ada, *guests):
        person.waits_until(lambda person=person: person.texts[-20:] == texts)
    place.close()


def test_a_polling_client_upgrades_whichever_worker_it_reaches(start_workers: StartWorkers) -> None:
    server = start_workers()
    ada = Place(server.url).open_room()

    for _ in range(12):
        ada.connects()
        assert ada.client.transport() == "websocket"
    ada.goes()


def test_a_worker_that_dies_is_followed_by_another(start_workers: StartWorkers) -> None:
    server = start_workers()
    first = workers_of(server)[0]

    first.kill()
    statuses = [requests.get(server.url + "/health", timeout=10).status_code for _ in range(40)]
    wait_until(lambda: len(workers_of(server)) == WORKERS)

    assert statuses == [200] * 40  # some of them waited for the new one
    assert first.pid not in [worker.pid for worker in workers_of(server)]
    assert "worker died" in server.log()


def test_workers_are_replaced_without_a_refusal(start_workers: StartWorkers) -> None:
    server = start_workers()
    before = {worker.pid for worker in workers_of(server)}
    ada = Place(server.url).open_room()
    client = socketio.Client(reconnection_delay=0.1, reconnection_delay_max=0.5)
    client.connect(server.url, auth={"token": ada.token}, transports=["websocket"])

    server.process.send_signal(signal.SIGHUP)
    statuses = []
    until = time.monotonic() + 30
    while "workers replaced" not in server.log() and time.monotonic() < until:
        statuses.append(requests.get(server.url + "/health", timeout=10).status_code)
        time.sleep(0.01)
    wait_until(lambda: client.connected)
    answer = client.call("post", {"key": "after", "text": "Still here"}, timeout=10)
    client.disconnect()

    assert set(statuses) <= {200, 503}  # 503: an old worker, in its last moment
    assert before.isdisjoint(worker.pid for worker in workers_of(server))
    assert answer["ok"]


def test_all_end_with_the_supervisor_even_when_it_is_killed(
    start_workers: StartWorkers, tmp_path: Path
) -> None:
    server = start_workers(port=0)
    workers = workers_of(server)

    server.process.kill()
    server.process.wait()

    assert psutil.wait_procs(workers, timeout=12)[1] == []
    server.process.returncode = 0  # what the fixture asks for; this test has killed it


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_of_them_well(start_workers: StartWorkers, number: int) -> None:
    server = start_workers()
    workers = workers_of(server)

    assert server.stop(number) == 0

    assert psutil.wait_procs(workers, timeout=1)[1] == []


@pytest.mark.parametrize("store", ["memory:", "sqlite:///chat.db"])
def test_a_store_that_cannot_be_shared_is_refused(tmp_path: Path, store: str) -> None:
    said = subprocess.run(
        [sys.executable, "main.py", "--workers", "2", "--store", store, "--port", "0"],
        cwd=ROOT,
        env=environment({}),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert said.returncode == 2
    assert "--workers: 2 processes cannot share" in said.stderr
    assert "CHAT_STORE=redis://" in said.stderr


def test_a_port_that_others_share_is_not_joined_by_accident(start_workers: StartWorkers) -> None:
    server = start_workers()
    environ = {**environment({}), "CHAT_STORE": psutil.Process(server.pid).environ()["CHAT_STORE"]}

    said = subprocess.run(
        [sys.executable, "main.py", "--workers", "2", "--port", str(server.port)],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert said.returncode == 1
    assert f"Port {server.port} is taken" in said.stderr


@pytest.mark.parametrize(
    ("target", "owner"),
    [
        ("/socket.io/?EIO=4&transport=polling&sid=2-abc", 2),
        ("/socket.io/?sid=app1.3-a-b&EIO=4", 3),
        ("/socket.io/?EIO=4&sid=1-abc", None),  # our own
        ("/socket.io/?EIO=4&sid=9-abc", None),  # nobody's
        ("/socket.io/?EIO=4&transport=polling", None),
        ("/socket.io/?EIO=4&xsid=2-abc", None),
        ("/r/BCDF?sid=2-abc", None),
    ],
)
def test_the_id_of_a_session_says_whose_it_is(target: str, owner: int | None) -> None:
    boxes = dict.fromkeys((2, 3), None)
    handover = Handover(1, None, boxes)  # type: ignore[arg-type]

    assert handover.owner(target) == owner


def test_ids_tell_the_server_and_the_worker() -> None:
    assert session_prefix("", None) == ""
    assert session_prefix("app1", None) == "app1-"
    assert session_prefix("", 2) == "2-"
    assert session_prefix("app1", 2) == "app1.2-"
