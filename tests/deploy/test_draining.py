"""What happens to people while a server stops: nothing is cut, and nobody is sent away for good."""

import threading
import time
from pathlib import Path
from typing import Any

import requests
import socketio
from websocket import create_connection

from tests.conftest import StartServer
from tests.people import Place
from tests.servers import LIFTED, launch


def test_a_post_on_its_way_is_acknowledged(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(store=f"sqlite:///{tmp_path}/chat.db", posts_burst=0)
    ada = Place(server.url).open_room().connects(transports=["websocket"])
    answers: list[dict[str, Any]] = []
    ended = threading.Event()
    ada.client.on("disconnect", lambda _: ended.set())
    for number in range(50):
        post = {"key": f"key-{number}", "text": f"number {number}"}
        ada.client.emit("post", post, callback=answers.append)

    server.process.terminate()
    assert server.wait() == 0
    assert ended.wait(10)

    kept = launch(tmp_path / "again.log", {**LIFTED, "store": f"sqlite:///{tmp_path}/chat.db"})
    events = requests.get(
        f"{kept.url}/api/v1/rooms/{ada.code}/events?limit=100", headers=ada.bearer, timeout=10
    ).json()["events"]
    kept.stop()
    texts = [event["text"] for event in events if event["kind"] == "message_posted"]
    acknowledged = [answer["seq"] for answer in answers if answer["ok"]]
    assert len(acknowledged) == len(texts)
    assert texts == [f"number {number}" for number in range(len(texts))]


def test_clients_are_told_to_come_back(start_server: StartServer) -> None:
    """A Socket.IO DISCONNECT would keep them away; the WebSocket's close frame says why."""
    server = start_server()
    raw = create_connection(
        f"ws://127.0.0.1:{server.port}/socket.io/?EIO=4&transport=websocket", timeout=10
    )
    raw.recv()

    server.process.terminate()
    opcode, data = raw.recv_data(control_frame=True)
    raw.close()

    assert (opcode, data[:2], data[2:]) == (8, b"\x03\xe9", b"server is stopping")
    assert server.wait() == 0


def test_many_connections_are_closed_one_after_the_other(start_server: StartServer) -> None:
    count = 200
    server = start_server()
    url = f"ws://127.0.0.1:{server.port}/socket.io/?EIO=4&transport=websocket"
    lines = [create_connection(url, timeout=10) for _ in range(count)]
    closed_at: list[float] = []

    def wait_for_the_end(line: object) -> None:
        while line.recv_data(control_frame=True)[0] != 8:
            pass
        closed_at.append(time.monotonic())
        line.close()

    threads = [threading.Thread(target=wait_for_the_end, args=[line]) for line in lines]
    for thread in threads:
        thread.start()
    server.process.terminate()
    for thread in threads:
        thread.join(10)

    assert len(closed_at) == count
    closed_at.sort()
    assert 1.5 < closed_at[-1] - closed_at[0] < 4  # 100 a second
    assert server.wait() == 0


def test_a_waiting_poll_is_answered(start_server: StartServer) -> None:
    server = start_server()
    ada = Place(server.url).open_room().connects(transports=["polling"])
    reasons: list[str] = []
    ada.client.on("disconnect", reasons.append)
    time.sleep(0.5)  # until a poll is there

    server.process.terminate()
    assert server.wait() == 0
    ada.client.wait()

    assert reasons == [socketio.Client.reason.SERVER_DISCONNECT]


def test_health_says_so_while_it_goes_on_for_a_while(start_server: StartServer) -> None:
    server = start_server(stop_notice_seconds=1.5)
    ada = Place(server.url).open_room().connects()
    before = requests.get(server.url + "/health", timeout=10)

    server.process.terminate()
    time.sleep(0.3)
    during = requests.get(server.url + "/health", timeout=10)
    answer = ada.says("Still here")

    assert (before.status_code, before.json()["status"]) == (200, "ok")
    assert (during.status_code, during.json()["status"]) == (503, "stopping")
    assert answer["ok"]
    assert server.wait() == 0


def test_connections_that_wait_at_the_door_are_served(start_server: StartServer) -> None:
    """Whoever has come before the door closes gets an answer, not a reset."""
    server = start_server()
    failures: list[Exception] = []
    served = []
    over = threading.Event()

    def asks() -> None:
        while not over.is_set():
            try:
                served.append(requests.get(server.url + "/health", timeout=10).status_code)
            except requests.ConnectionError as error:
                if "refused" not in str(error):
                    failures.append(error)
                return

    threads = [threading.Thread(target=asks) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    server.process.terminate()
    exit_code = server.wait()
    over.set()
    for thread in threads:
        thread.join(10)

    assert failures == []
    assert len(served) > 8
    assert exit_code == 0
