"""What holds for days: nothing leaks, slow readers hurt only themselves, upgrades lose nothing."""

import json
import threading
import time

import pytest

from tests.delivery.raw import Server, eventually


def test_nothing_is_left_of_connections_that_have_gone(start) -> None:
    server = start()

    def come_and_go(times: int) -> None:
        for number in range(times):
            with server.enters(f"room {number % 7}") as ws:
                ws.send('421["say","room 1","x"]')
                if number % 3 == 0:
                    ws.send("1")
                elif number % 3 == 1:
                    ws.send("41")
            if number % 10 == 0:
                polling = server.polls().connects()
                with polling.probes() as ws:
                    ws.send("2probe")
                polling.post("1")
            if number % 10 == 5:
                with server.socket() as ws:
                    ws.send("40random")

    come_and_go(200)
    eventually(lambda: quiet(server))
    before = server.state()
    come_and_go(1000)
    eventually(lambda: quiet(server))
    after = server.state()

    for what in ("sids", "rooms", "environs"):
        assert after[what] == 0, what
    assert after["greenlets"] <= before["greenlets"] + 2
    assert after["fds"] <= before["fds"] + 2
    assert after["rss"] - before["rss"] < 1_500_000


def quiet(server: Server) -> bool:
    """Whether the server knows of no connection any more, nor waits for one."""
    state = server.state()
    return not (state["sessions"] or state["wires"] or state["deadlines"])


def test_an_idle_connection_costs_little_memory(start) -> None:
    server = start()
    people = [server.enters(f"room {number // 10}") for number in range(200)]
    before = server.state()["rss"]

    people += [server.enters(f"room {number // 10}") for number in range(1000)]

    grown = server.state()["rss"] - before
    assert server.state()["environs"] == 0
    assert server.state()["greenlets"] < 20
    assert grown / 1000 < 8192, grown / 1000
    for one in people:
        one.ends()


def test_a_reader_that_stops_is_cut_off_and_the_others_never_wait(start) -> None:
    server = start(backlog_limit_bytes=300_000)
    ada, mallory = server.enters("flood"), server.enters("flood")
    with ada, mallory:
        text = "x" * 20_000
        waits = []
        rss = server.state()["rss"]
        for number in range(800):  # 16 MB, of which the kernel buffers some
            started = time.monotonic()
            ada.send(f'42{number}["say","flood","{text}"]')
            ada.texts(2)
            waits.append(time.monotonic() - started)

        assert sorted(waits)[int(len(waits) * 0.99)] < 0.1
        assert server.state()["rss"] - rss < 6_000_000
        eventually(lambda: server.state()["sessions"] == 1)
        assert "reads too slowly" in server.log()
        assert mallory.close_code() == 1008
        assert mallory.reason == "reading too slowly"
    with server.enters("flood") as mallory:
        mallory.send('421["nothing"]')
        assert mallory.text() == "431[]"


def test_a_polling_client_that_stops_polling_is_cut_off(start) -> None:
    server = start(backlog_limit_bytes=100_000)
    polling = server.polls()
    polling.post('40{"quiet":true,"room":"flood"}')
    polling.get()
    with server.enters("flood") as ada:
        ada.send(f'42["say","flood","{"x" * 10_000}",20]')
        ada.texts(20)

        eventually(lambda: server.state()["sessions"] == 1)
    assert polling.get()[0] == 400


def test_a_backlog_is_sent_when_the_reader_is_back(start) -> None:
    server = start(backlog_limit_bytes=0)
    ada, grace = server.enters("slow"), server.enters("slow")
    with ada, grace:
        for number in range(300):
            ada.send(f'42{number}["say","slow","{number}{"x" * 40_000}"]')
            ada.texts(2)
            if number == 150:
                grace.send('427["message-with-ack","in between"]')

        texts = grace.texts(301)

    assert '437["in between"]' in texts
    said = [text for text in texts if text.startswith("42")]
    assert [int(text.split('"')[3].rstrip("x")) for text in said] == list(range(300))


def test_the_connection_of_a_slow_reader_takes_events(start) -> None:
    server = start()
    with server.enters("a") as ws, server.enters("a") as other:
        ws.send(*['42["say","a","x",10]'] * 1000)

        assert len(other.texts(10_000)) == 10_000
        assert len(ws.texts(10_000)) == 10_000


@pytest.mark.parametrize("pause", [0, 0.001])
def test_an_upgrade_while_messages_flow_loses_none(engine: Server, pause: float) -> None:
    room = f"flow {pause}"
    going = threading.Event()

    def talk() -> None:
        with engine.enters(room) as ada:
            number = 0
            while not going.is_set():
                ada.send(f'42{number}["say","{room}","{number}"]')
                ada.texts(2)
                number += 1
                time.sleep(pause)
            ada.send(f'42["say","{room}","end"]')
            ada.text()

    for _ in range(5):
        going.clear()
        polling = engine.polls()
        polling.post(json.dumps({"quiet": True, "room": room}).join(("40", "")))
        heard: list[str] = []
        polled = threading.Event()
        stop = threading.Event()

        def poll(polling=polling, heard=heard, polled=polled, stop=stop) -> None:
            while not stop.is_set():
                status, text = polling.get()
                assert status == 200
                heard.extend(text.split("\x1e"))
                polled.set()

        poller = threading.Thread(target=poll)
        talker = threading.Thread(target=talk)
        poller.start()
        assert polled.wait(10)
        talker.start()
        time.sleep(0.05)
        with polling.probes() as ws:
            ws.send("2probe")
            assert ws.text() == "3probe"
            stop.set()
            poller.join()
            ws.send("5")
            time.sleep(0.05)
            going.set()
            while not heard or heard[-1] != '42["said",["end",0]]':
                heard.append(ws.text())
        talker.join()

        said = [json.loads(text[2:])[1][0] for text in heard if text.startswith('42["said"')]
        assert said == [*map(str, range(len(said) - 1)), "end"]
        assert len(said) > 2
        assert "6" not in heard[heard.index('42["said",["end",0]]') :]


def test_a_storm_of_connections_does_not_silence_those_inside(start) -> None:
    server = start()
    with server.enters("talk") as ada:
        over = threading.Event()

        def storm() -> None:
            people = []
            while not over.is_set():
                people.append(server.enters(f"storm {len(people) % 20}"))
            for one in people:
                one.ends()

        threads = [threading.Thread(target=storm) for _ in range(4)]
        for thread in threads:
            thread.start()
        waits = []
        for number in range(100):
            started = time.monotonic()
            ada.send(f'42{number}["say","talk","x"]')
            ada.texts(2)
            waits.append(time.monotonic() - started)
        over.set()
        for thread in threads:
            thread.join()

    assert sorted(waits)[95] < 0.25


def test_everything_works_without_epoll_as_well(start) -> None:
    server = start(watchers=True, backlog_limit_bytes=0)
    ada, grace = server.enters("slow"), server.enters("slow")
    with ada, grace:
        for number in range(300):
            ada.send(f'42{number}["say","slow","{number}{"x" * 40_000}"]')
            ada.texts(2)
        grace.send('427["nothing"]')

        texts = grace.texts(301)

        assert len([text for text in texts if text.startswith("42")]) == 300
        polling = server.polls().connects()
        with polling.probes() as ws:
            ws.send("2probe")
            assert ws.text() == "3probe"
            ws.send("5", '421["nothing"]')
            assert ws.text() == "431[]"
            ws.send("41")
    eventually(lambda: quiet(server))
