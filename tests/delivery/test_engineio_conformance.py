"""Engine.IO v4 as its protocol document describes it, over plain HTTP and plain sockets."""

import json
import socket
import threading
import time

import pytest

from tests.delivery.raw import Server, WebSocket, eventually

# Handshake


def test_a_polling_handshake_opens_a_session(fast: Server) -> None:
    status, text = fast.request("GET", "EIO=4&transport=polling")

    assert status == 200
    assert text[0] == "0"
    opened = json.loads(text[1:])
    assert opened.pop("sid")
    assert opened == {
        "upgrades": ["websocket"],
        "pingInterval": 300,
        "pingTimeout": 200,
        "maxPayload": 65536,
    }


def test_a_websocket_handshake_opens_a_session(fast: Server) -> None:
    with fast.socket() as ws:
        opened = json.loads(ws.text()[1:])

    assert set(opened) == {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"}
    assert opened["upgrades"] == []
    assert (opened["pingInterval"], opened["pingTimeout"]) == (300, 200)


@pytest.mark.parametrize(
    "query",
    [
        "transport=polling",
        "EIO=abc&transport=polling",
        "EIO=3&transport=polling",
        "EIO=4",
        "EIO=4&transport=abc",
        "EIO=4&transport=polling&sid=unknown",
        "EIO=4&transport=websocket",
        "",
        "&".join(f"a{number}=1" for number in range(50)),
    ],
)
def test_a_wrong_query_is_answered_400(engine: Server, query: str) -> None:
    status, text = engine.request("GET", query)

    assert status == 400
    assert set(json.loads(text)) == {"code", "message"}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_handshake_by_another_method_is_answered_400(engine: Server, method: str) -> None:
    assert engine.request(method, "EIO=4&transport=polling")[0] == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_another_method_within_a_session_is_answered_400(engine: Server, method: str) -> None:
    polling = engine.polls()

    assert engine.request(method, polling.query)[0] == 400
    assert polling.post("40")[0] == 200


@pytest.mark.parametrize("query", ["transport=websocket", "EIO=abc&transport=websocket", "EIO=4"])
def test_a_websocket_with_a_wrong_query_is_refused(engine: Server, query: str) -> None:
    with engine.socket(query) as ws:
        assert ws.status == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_WebSocket_Version": "8"},
        {"Sec_WebSocket_Key": "too short"},
        {"Sec_WebSocket_Key": ""},
        {"Connection": "keep-alive"},
        {"Upgrade": "h2c"},
    ],
)
def test_a_handshake_that_breaks_rfc_6455_is_refused(
    engine: Server, headers: dict[str, str]
) -> None:
    with WebSocket(engine.port, "EIO=4&transport=websocket", **headers) as ws:
        assert ws.status == 400


def test_no_extension_is_agreed_on(engine: Server) -> None:
    asked = {"Sec_WebSocket_Extensions": "permessage-deflate"}
    with WebSocket(engine.port, "EIO=4&transport=websocket", **asked) as ws:
        assert ws.status == 101
        assert "extensions" not in ws.head.lower()


def test_a_page_of_another_origin_is_refused(engine: Server) -> None:
    own = f"http://127.0.0.1:{engine.port}"
    query = "EIO=4&transport=polling"

    assert engine.request("GET", query, Origin="http://evil.example")[0] == 403
    assert engine.request("GET", query, Origin=own)[0] == 200
    with WebSocket(engine.port, "EIO=4&transport=websocket", Origin="http://evil.example") as ws:
        assert ws.status == 403
    with WebSocket(engine.port, "EIO=4&transport=websocket", Origin=own) as ws:
        assert ws.status == 101


# Heartbeat


def test_pings_come_by_polling_and_pongs_keep_the_session(fast: Server) -> None:
    polling = fast.polls()

    for _ in range(3):
        assert polling.get() == (200, "2")
        assert polling.post("3") == (200, "ok")


def test_a_poll_after_the_ping_timeout_is_answered_400(fast: Server) -> None:
    polling = fast.polls()

    time.sleep(0.5)

    assert polling.get()[0] == 400


def test_a_waiting_poll_is_told_the_ping_and_then_the_end(fast: Server) -> None:
    polling = fast.polls()

    assert polling.get() == (200, "2")
    assert polling.get() == (200, "1")
    assert polling.get()[0] == 400


def test_pings_come_by_websocket_and_pongs_keep_the_session(fast: Server) -> None:
    with fast.socket() as ws:
        ws.frame()
        for _ in range(3):
            assert ws.frame() == (1, b"2")
            ws.send("3")


def test_a_websocket_is_closed_upon_the_ping_timeout(fast: Server) -> None:
    with fast.socket() as ws:
        started = time.monotonic()

        assert ws.close_code() == 1001

        assert 0.4 < time.monotonic() - started < 1.5


def test_a_pong_that_was_not_asked_for_does_not_put_off_the_ping(fast: Server) -> None:
    with fast.socket() as ws:
        ws.frame()
        started = time.monotonic()
        for _ in range(5):
            time.sleep(0.05)
            ws.send("3")
        assert ws.frame() == (1, b"2")
        assert time.monotonic() - started < 0.45
        assert ws.close_code() == 1001


# Close


def test_a_client_closes_by_polling_and_its_poll_is_released(engine: Server) -> None:
    polling = engine.polls()
    answers = in_background(polling.get)
    time.sleep(0.1)

    assert polling.post("1") == (200, "ok")

    assert answers() == (200, "6")
    assert polling.get()[0] == 400


def test_a_client_closes_by_websocket(engine: Server) -> None:
    with engine.socket() as ws:
        ws.frame()
        ws.send("1")

        assert ws.close_code() == 1000


def test_a_client_that_hangs_up_in_a_poll_is_gone(engine: Server) -> None:
    polling = engine.polls()
    with Unanswered(engine, polling.query):
        time.sleep(0.1)

    eventually(lambda: polling.post("3")[0] == 400)


# Messages


def test_text_goes_both_ways_by_polling(engine: Server) -> None:
    polling = engine.polls().connects()

    assert polling.post('42["message","hello"]') == (200, "ok")

    assert polling.get() == (200, '42["message-back","hello"]')


def test_a_payload_may_hold_several_packets(engine: Server) -> None:
    polling = engine.polls().connects()
    said = [f'42["message",{number}]' for number in range(40)]

    assert polling.post("\x1e".join(said)) == (200, "ok")

    assert polling.get()[1].split("\x1e") == [
        f'42["message-back",{number}]' for number in range(40)
    ]


def test_binary_goes_both_ways_by_polling(engine: Server) -> None:
    polling = engine.polls().connects()
    event = '451-["message",{"_placeholder":true,"num":0}]'

    assert polling.post(f"{event}\x1ebAQIDBA==") == (200, "ok")

    back = '451-["message-back",{"_placeholder":true,"num":0}]'
    assert polling.get() == (200, f"{back}\x1ebAQIDBA==")


@pytest.mark.parametrize(
    "body", ["abc", "", "9", "2", "0", "5", "4", "b!!!", "3probe", "42{", "\x1e"]
)
def test_an_invalid_payload_is_answered_400_and_closes(engine: Server, body: str) -> None:
    polling = engine.polls().connects()

    assert polling.post(body)[0] == 400

    assert polling.get()[0] == 400


def test_a_payload_beyond_the_limit_is_answered_413_and_closes(engine: Server) -> None:
    polling = engine.polls().connects()

    assert polling.post("4" + "x" * 65536)[0] == 413

    assert polling.get()[0] == 400


def test_a_second_poll_at_the_same_time_closes_the_session(engine: Server) -> None:
    polling = engine.polls().connects()
    first = in_background(polling.get)
    time.sleep(0.1)

    assert polling.get("&t=burst")[0] == 400

    assert first() == (200, "1")
    assert polling.get()[0] == 400


@pytest.mark.parametrize("message", ["abc", "", "2", "0", "5", "9", "3probe", "2probe"])
def test_an_invalid_packet_closes_the_websocket(engine: Server, message: str) -> None:
    with engine.opens() as ws:
        ws.text()
        ws.send(message)

        assert ws.close_code() == 1008


def test_a_noop_of_a_client_is_ignored(engine: Server) -> None:
    with engine.opens() as ws:
        ws.text()
        ws.send("6", '42["message",1]')

        assert ws.text() == '42["message-back",1]'


# Upgrade


def test_a_session_moves_to_websocket(engine: Server) -> None:
    polling = engine.polls().connects()
    with polling.probes() as ws:
        assert ws.status == 101
        ws.send("2probe")
        assert ws.text() == "3probe"
        assert polling.get() == (200, "6")
        ws.send("5", '42["message","hello"]')

        assert ws.text() == '42["message-back","hello"]'


def test_a_waiting_poll_is_released_by_the_probe(engine: Server) -> None:
    polling = engine.polls().connects()
    waiting = in_background(polling.get)
    time.sleep(0.1)
    with polling.probes() as ws:
        ws.send("2probe")

        assert waiting() == (200, "6")
        ws.text()
        ws.send("5")
        assert ws.nothing_for(0.3)


def test_a_poll_still_waiting_at_the_upgrade_is_released(engine: Server) -> None:
    polling = engine.polls().connects()
    with polling.probes() as ws:
        ws.send("2probe")
        assert ws.text() == "3probe"
        waiting = in_background(polling.get)
        ws.send("5")

        assert waiting()[1] in ("6", '{"code":3,"message":"Bad request"}')
        assert ws.nothing_for(0.2)


def test_requests_of_an_upgraded_session_are_refused(engine: Server) -> None:
    polling = engine.polls().connects()
    with upgraded(polling) as ws:
        assert polling.get()[0] == 400
        assert polling.post('42["message",1]')[0] == 400
        with polling.probes() as second:
            assert second.status == 400

        ws.send('42["message","still here"]')
        assert ws.text() == '42["message-back","still here"]'


def test_a_session_that_began_by_websocket_takes_no_requests(engine: Server) -> None:
    with engine.socket() as ws:
        sid = json.loads(ws.text()[1:])["sid"]

        assert engine.request("GET", f"EIO=4&transport=polling&sid={sid}")[0] == 400
        with engine.socket(f"EIO=4&transport=websocket&sid={sid}") as second:
            assert second.status == 400


def test_a_second_probe_is_refused_and_the_first_goes_on(engine: Server) -> None:
    polling = engine.polls().connects()
    with polling.probes() as ws:
        with polling.probes() as second:
            assert second.status == 400
        ws.send("2probe")

        assert ws.text() == "3probe"


@pytest.mark.parametrize("message", ["5", "2", '42["message",1]', b"x"])
def test_a_probe_that_says_something_else_is_closed_and_polling_goes_on(
    engine: Server, message: str | bytes
) -> None:
    polling = engine.polls().connects()
    with polling.probes() as ws:
        ws.send(message)
        assert ws.close_code() == 1008

    assert polling.post('42["message",1]') == (200, "ok")
    assert polling.get() == (200, '42["message-back",1]')
    with upgraded(polling) as ws:
        ws.send('42["message",2]')
        assert ws.text() == '42["message-back",2]'


def test_a_probe_that_goes_silent_loses_no_message(start) -> None:
    server = start(upgrade_timeout_seconds=0.5)
    polling = server.polls().connects()
    with polling.probes() as ws:
        ws.send("2probe")
        assert ws.text() == "3probe"
        polling.post('42["message","during"]')
        assert polling.get() == (200, '42["message-back","during"]')

        assert ws.close_code() == 1008

    polling.post('42["message","after"]')
    assert polling.get() == (200, '42["message-back","after"]')


def test_polls_during_an_upgrade_are_short_but_not_hot(engine: Server) -> None:
    polling = engine.polls().connects()
    with polling.probes() as ws:
        ws.send("2probe")
        ws.text()
        started = time.monotonic()

        assert [polling.get()[1] for _ in range(3)] == ["6", "6", "6"]

        assert 0.25 < time.monotonic() - started < 2


def test_a_probe_ends_with_its_session(engine: Server) -> None:
    polling = engine.polls().connects()
    with polling.probes() as ws:
        polling.post("1")

        assert ws.close_code() is not None


# Sessions that do not get on


def test_a_session_that_never_connects_is_closed(start) -> None:
    server = start(connect_timeout_seconds=0.3)
    polling = server.polls()
    with server.socket() as ws, server.opens() as inside:
        inside.text()
        ws.frame()

        assert ws.close_code() == 1008

        inside.send('42["message",1]')
        assert inside.text() == '42["message-back",1]'
    assert polling.get()[0] == 400


def upgraded(polling) -> WebSocket:
    ws = polling.probes()
    ws.send("2probe")
    assert ws.text() == "3probe"
    ws.send("5")
    time.sleep(0.05)
    return ws


def in_background(act):
    """Start a call; the returned function waits for its result."""
    results = []
    thread = threading.Thread(target=lambda: results.append(act()))
    thread.start()

    def wait():
        thread.join(10)
        return results[0]

    return wait


class Unanswered(WebSocket):
    """A GET whose answer is not waited for."""

    def __init__(self, server: Server, query: str) -> None:
        self.sock = socket.create_connection(("127.0.0.1", server.port))
        self.sock.sendall(f"GET /socket.io/?{query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
