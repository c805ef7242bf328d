"""What the application relies on: who gets what, in which order, and how connections end."""

import json
import threading
import time
from collections.abc import Iterator

import pytest
import socketio

from tests.delivery.raw import CLOSE, Server, eventually, running


@pytest.fixture(scope="module", params=[0.0, 0.02], ids=["at-once", "gathering"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server that sends at once, and one where busy rooms wait for more: all is the same."""
    log = tmp_path_factory.mktemp("engine") / "log"
    with running(log, expected_in_log="any", gather_seconds=request.param) as server:
        yield server


def test_everybody_in_a_room_gets_what_is_delivered_and_nobody_else(engine: Server) -> None:
    ada, grace, mallory = engine.enters("here"), engine.enters("here"), engine.enters("there")
    with ada, grace, mallory:
        ada.send('421["say","here","hi"]', '422["nothing"]')

        assert ada.texts(3) == ['42["said",["hi",0]]', '431["said"]', "432[]"]
        assert grace.text() == '42["said",["hi",0]]'
        assert mallory.nothing_for(0.2)


def test_one_connection_may_be_skipped(engine: Server) -> None:
    ada, grace = engine.enters("skip"), engine.enters("skip")
    with ada, grace:
        ada.send('421["whisper","skip","psst"]', '422["say","skip","loud"]')

        assert ada.texts(3) == ['431["said"]', '42["said",["loud",0]]', '432["said"]']
        assert grace.texts(2) == ['42["said",["psst",0]]', '42["said",["loud",0]]']


def test_all_packets_of_a_turn_stay_in_the_order_they_were_made(engine: Server) -> None:
    ada, grace = engine.enters("mixed"), engine.enters("mixed")
    with ada, grace:
        ada.send('421["mixed","mixed"]')

        assert ada.texts(6) == [
            '42["said",["a",0]]',
            '42["private",1]',
            '42["said",["c",0]]',
            '42["private",2]',
            '42["said",["e",0]]',
            '431["end"]',
        ]
        assert grace.texts(5) == [f'42["said",["{letter}",0]]' for letter in "abcde"]


def test_packets_stay_in_order_under_load(engine: Server) -> None:
    people = [engine.enters("busy") for _ in range(5)]
    for number, one in enumerate(people):
        one.send(*[f'42{count}["say","busy","{number}"]' for count in range(200)])

    seen = [one.texts(1200) for one in people]

    said = [[text for text in texts if text.startswith("42")] for texts in seen]
    assert all(texts == said[0] for texts in said)
    for number, texts in enumerate(seen):
        acks = [text for text in texts if text.startswith("43")]
        assert acks == [f'43{count}["said"]' for count in range(200)]
        mine = f'42["said",["{number}",0]]'
        # an acknowledgement comes behind the event it answers
        order = [text for text in texts if text == mine or text.startswith("43")]
        assert [text == mine for text in order] == [True, False] * 200
    for one in people:
        one.ends()


def test_a_connection_listens_to_one_room_at_a_time(engine: Server) -> None:
    with engine.enters("first") as ws:
        ws.send('421["enter","second"]', '422["say","first","x"]', '423["say","second","y"]')

        assert ws.texts(4) == ['431["in"]', '432["said"]', '42["said",["y",0]]', '433["said"]']


def test_after_leaving_a_room_nothing_comes(engine: Server) -> None:
    with engine.enters("left") as ws:
        ws.send('421["exit"]', '422["say","left","x"]')

        assert ws.texts(2) == ['431["out"]', '432["said"]']


def test_a_large_event_reaches_everybody_whole(engine: Server) -> None:
    text = "x" * 60000
    with engine.enters("large") as ada, engine.enters("large") as grace:
        ada.send(f'42["say","large","{text}",20]')

        for one in (ada, grace):
            assert one.texts(20) == [f'42["said",["{text}",{number}]]' for number in range(20)]


def test_people_on_polling_and_websocket_see_the_same(engine: Server) -> None:
    polling = engine.polls()
    polling.post('40{"quiet":true,"room":"both"}')
    polling.get()
    with engine.enters("both") as ws:
        ws.send('42["say","both","x",3]')
        ws.texts(3)
        polling.post('421["whisper","both","y"]')

        texts = polling.get()[1].split("\x1e")
        if len(texts) < 4:
            texts += polling.get()[1].split("\x1e")

        assert texts == [
            *(f'42["said",["x",{number}]]' for number in range(3)),
            '431["said"]',
        ]
        assert ws.text() == '42["said",["y",0]]'


def test_closing_says_farewell_behind_the_acknowledgement(engine: Server) -> None:
    with engine.enters("end") as ws:
        ws.send('421["say","end","last words"]', '422["bye"]', '423["nothing"]')

        assert ws.texts(4) == ['42["said",["last words",0]]', '431["said"]', '432["bye"]', "41"]
        assert ws.frame() == (CLOSE, b"\x03\xe8")


@pytest.mark.parametrize("waiting", [True, False])
def test_closing_reaches_people_on_polling_as_well(engine: Server, waiting: bool) -> None:
    polling = engine.polls().connects()
    answers: list[tuple[int, str]] = []
    thread = threading.Thread(target=lambda: answers.append(polling.get()))
    if waiting:
        thread.start()
        time.sleep(0.1)
    polling.post('421["bye"]')
    if not waiting:
        thread.start()
    thread.join()

    assert answers == [(200, '431["bye"]\x1e41\x1e1')]
    assert polling.get()[0] == 400


def test_stopping_closes_without_a_farewell(start) -> None:
    server = start()
    polling = server.polls().connects()
    with server.enters("a") as ws:
        ws.send('42["drain"]')

        assert ws.close_code() == 1001
        assert ws.reason == "server is stopping"
    assert polling.get()[0] == 400


def test_rooms_of_python_socketio_work_as_documented(engine: Server) -> None:
    with engine.opens() as ada, engine.opens() as grace:
        ada.text()
        grace.text()
        ada.send('421["join-group","g"]')
        grace.send('421["join-group","g"]')
        rooms = json.loads(ada.text()[3:])[0]
        grace.text()
        assert rooms[1:] == ["g"]

        grace.send('42["to-group","g",{"a":1}]', f'42["to-group","{rooms[0]}","for Ada"]')

        assert ada.texts(2) == ['42["grouped",{"a":1}]', '42["grouped","for Ada"]']
        assert grace.text() == '42["grouped",{"a":1}]'


def test_the_usual_client_gets_along(engine: Server) -> None:
    for transports in (["websocket"], ["polling"], ["polling", "websocket"]):
        client, heard = socketio.Client(), []
        client.on("said", heard.append)
        client.connect(
            f"http://127.0.0.1:{engine.port}",
            auth={"room": "usual", "quiet": True},
            transports=transports,
        )
        assert client.call("say", ("usual", "hi")) == "said"
        assert client.call("message-with-ack", {"bytes": b"\0\1"}) == {"bytes": b"\0\1"}
        eventually(lambda heard=heard: heard == [["hi", 0]])
        client.disconnect()


def test_handlers_that_block_keep_the_order_of_each_client(start) -> None:
    server = start(may_block=True, pause=0.005)
    ada, grace = server.enters("slow"), server.enters("slow")
    with ada, grace:
        started = time.monotonic()
        for one in (ada, grace):
            one.send(*[f'42{number}["message-with-ack",{number}]' for number in range(150)])

        for one in (ada, grace):
            assert one.texts(150) == [f"43{number}[{number}]" for number in range(150)]

        # one after the other for each, but at the same time for both
        assert 0.75 < time.monotonic() - started < 1.45


def test_a_client_that_goes_while_its_handler_runs_is_forgotten(start) -> None:
    server = start(may_block=True, pause=0.05)
    with server.enters("slow") as ws:
        ws.send(*['42["say","slow","x"]'] * 10)
    eventually(lambda: server.state()["sessions"] == 0)
    assert server.state()["sids"] == 0
    assert server.state()["rooms"] == 0
