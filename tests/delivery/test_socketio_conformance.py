"""Socket.IO v5 as its protocol document describes it, over a WebSocket and by polling."""

import json

import pytest

from tests.delivery.raw import Server

# CONNECT


@pytest.mark.parametrize("auth", [None, {"token": "123"}])
def test_a_client_connects_to_the_main_namespace(engine: Server, auth: object) -> None:
    with engine.socket() as ws:
        ws.text()
        ws.send("40" + (json.dumps(auth) if auth else ""))

        answer = ws.text()

        assert answer.startswith("40")
        assert list(json.loads(answer[2:])) == ["sid"]
        assert ws.text() == f'42["auth",{json.dumps(auth or {}, separators=(",", ":"))}]'


@pytest.mark.parametrize("packet", ["40/custom,", "40/custom", '40/custom,{"token":"abc"}'])
def test_a_client_connects_to_another_namespace(engine: Server, packet: str) -> None:
    with engine.socket() as ws:
        ws.text()
        ws.send(packet)

        first, second = ws.texts(2)

        # python-socketio's own `emit` within a connect handler also comes after the answer
        assert first.startswith('40/custom,{"sid":"')
        given = packet.partition(",")[2] or "{}"
        assert second == f'42/custom,["auth",{given}]'


def test_an_unknown_namespace_is_refused(engine: Server) -> None:
    with engine.socket() as ws:
        ws.text()
        ws.send("40/random", "40/random?a=b,", '40/random,{"token":"x"}', "40")

        assert ws.texts(3) == ['44/random,{"message":"Invalid namespace"}'] * 3
        assert ws.text().startswith('40{"sid"')


def test_a_refusal_carries_its_data_and_nothing_else_that_was_sent(engine: Server) -> None:
    with engine.socket() as ws:
        ws.text()
        ws.send('40{"refuse":true}')

        assert ws.text() == '44{"message":"no","data":{"code":"refused"}}'

        ws.send("40")
        assert ws.text().startswith('40{"sid"')


def test_a_connect_handler_that_fails_refuses(engine: Server) -> None:
    with engine.socket() as ws:
        ws.text()
        ws.send('40{"fail":true}')

        assert ws.text() == '44{"message":"Connection rejected by server"}'


def test_connecting_twice_is_refused(engine: Server) -> None:
    with engine.opens() as ws:
        ws.text()
        ws.send("40")

        assert ws.text() == '44{"message":"Already connected"}'


def test_the_answer_comes_before_all_the_handler_sent(engine: Server) -> None:
    with engine.socket() as ws:
        ws.text()
        ws.send('40{"room":"order"}')

        kinds = [text[:12] for text in ws.texts(3)]

        assert kinds == ['40{"sid":"' + kinds[0][10:], '42["auth",{"', '42["welcome"']


@pytest.mark.parametrize("packet", ["4abc", "4", "47", "4-", "40[]", '40"x"', "40{", "40null1"])
def test_an_invalid_handshake_closes_the_connection(engine: Server, packet: str) -> None:
    with engine.socket() as ws:
        ws.text()
        ws.send(packet)

        assert ws.close_code() == 1008


def test_an_event_without_connecting_closes_the_connection(engine: Server) -> None:
    with engine.socket() as ws:
        ws.text()
        ws.send('42["message",1]')

        assert ws.close_code() == 1008


def test_an_event_to_a_namespace_one_is_not_in_closes_the_connection(engine: Server) -> None:
    with engine.opens() as ws:
        ws.text()
        ws.send('42/custom,["message",1]')

        assert ws.close_code() == 1008


def test_events_may_follow_connect_at_once(engine: Server) -> None:
    with engine.socket() as ws:
        ws.text()
        ws.send('40{"quiet":true}', '421["message-with-ack","at once"]')

        assert ws.texts(2)[1] == '431["at once"]'


# DISCONNECT


def test_leaving_the_main_namespace_keeps_the_connection(fast: Server) -> None:
    with fast.opens() as ws:
        ws.text()
        ws.send("41")

        assert ws.frame() == (1, b"2")
        ws.send("3", "40")
        assert ws.text().startswith('40{"sid"')


def test_leaving_another_namespace_keeps_the_main_one(engine: Server) -> None:
    with engine.opens() as ws:
        ws.text()
        ws.send("40/custom")
        ws.texts(2)
        ws.send("41/custom,", '42["message","to the main namespace"]')

        assert ws.text() == '42["message-back","to the main namespace"]'

        ws.send('42/custom,["message",1]')
        assert ws.close_code() == 1008


def test_the_disconnect_handler_is_told_why(engine: Server) -> None:
    with engine.opens() as left, engine.opens() as cut:
        left.text()
        left.send("41")
        left.send("40")
        left.text()
        cut.text()
        cut.sock.close()
    with engine.opens() as ws:
        ws.text()
        ws.send('421["gone"]')

        reasons = json.loads(ws.text()[3:])[0]

        assert "client disconnect" in reasons
        assert "transport close" in reasons


# EVENT and ACK


def test_an_event_may_have_any_arguments(engine: Server) -> None:
    with engine.opens() as ws:
        ws.text()
        ws.send('42["message",1,"2",{"3":[true]}]')

        assert ws.text() == '42["message-back",1,"2",{"3":[true]}]'


@pytest.mark.parametrize(
    ("packet", "answer"),
    [
        ('42456["message-with-ack",1,"2",{"3":[false]}]', '43456[1,"2",{"3":[false]}]'),
        ('420["message-with-ack"]', "430[]"),
        ('421["nothing",1]', "431[]"),
        ('427["say","nobody","hi"]', '437["said"]'),
        ('4299999999999999999999["nothing"]', None),
        ('42/,3["nothing"]', "433[]"),
    ],
)
def test_an_event_with_an_id_is_acknowledged(
    engine: Server, packet: str, answer: str | None
) -> None:
    with engine.opens() as ws:
        ws.text()
        ws.send(packet)

        if answer is None:  # more digits than any counter has
            assert ws.close_code() == 1008
        else:
            assert ws.text() == answer


def test_an_event_without_an_id_is_not_acknowledged(engine: Server) -> None:
    with engine.opens() as ws:
        ws.text()
        ws.send('42["message-with-ack",1]', '421["nothing"]')

        assert ws.text() == "431[]"


def test_a_handler_that_fails_hurts_nobody(engine: Server) -> None:
    with engine.opens() as ws:
        ws.text()
        ws.send('421["fails"]', '422["nothing"]')

        assert ws.text() == "432[]"


def test_another_namespace_answers_as_well(engine: Server) -> None:
    with engine.opens() as ws:
        ws.text()
        ws.send("40/custom")
        ws.texts(2)
        ws.send('42/custom,["message",1,"2"]', '42/custom,5["message-with-ack","x"]')

        assert ws.texts(2) == ['42/custom,["message-back",1,"2"]', '43/custom,5["x"]']


def test_binary_attachments_go_both_ways(engine: Server) -> None:
    places = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'
    with engine.opens() as ws:
        ws.text()
        ws.send(f'452-["message",{places}]', b"\1\2\3", b"\4\5\6")

        assert ws.text() == f'452-["message-back",{places}]'
        assert [ws.frame(), ws.frame()] == [(2, b"\1\2\3"), (2, b"\4\5\6")]

        ws.send(f'452-789["message-with-ack",{places}]', b"\1", b"\2")
        assert ws.text() == f"462-789[{places}]"
        assert [ws.frame(), ws.frame()] == [(2, b"\1"), (2, b"\2")]


def test_the_server_may_ask_for_an_acknowledgement(engine: Server) -> None:
    with engine.opens() as ws:
        ws.text()
        ws.send('42["ask","why"]')
        asked = ws.text()
        assert asked == '421["asked","why"]'
        ws.send('431["because",7]', '439["not asked for"]')

        assert ws.text() == '42["answered","because",7]'


@pytest.mark.parametrize(
    "packet",
    [
        "42{}",
        "42[]",
        "42",
        "42[1]",
        '42["message"',
        '42["message",NaN]',
        '42["message",Infinity]',
        '42["message",1e999]',
        '42["message",01]',
        "42" + "[" * 5000,
        '42abc["message-with-ack",1]',
        '42-1["message-with-ack",1]',
        '42["connect"]',
        '42["connect_error"]',
        '42["disconnect"]',
        '42["disconnecting"]',
        '42["newListener"]',
        '42["removeListener"]',
        '41{"a":1}',
        '43["no id"]',
        "431{}",
        '44{"message":"from a client"}',
        '450-["message"]',
        '4511-["message"]',
        '45["message"]',
        '421-["message"]',
        '461-["no id"]',
        "48",
    ],
)
def test_an_invalid_packet_closes_the_connection(engine: Server, packet: str) -> None:
    with engine.opens() as ws:
        ws.text()
        ws.send(packet)

        assert ws.close_code() == 1008


def test_ten_attachments_are_allowed(engine: Server) -> None:
    places = ",".join(f'{{"_placeholder":true,"num":{number}}}' for number in range(10))
    with engine.opens() as ws:
        ws.text()
        ws.send(f'4510-["message",{places}]', *[b"x"] * 10)

        assert ws.text().startswith('4510-["message-back"')


@pytest.mark.parametrize(
    "sent",
    [
        ['451-["message",{"_placeholder":true,"num":0}]', '42["message",1]'],
        ['451-["message",{"_placeholder":true,"num":0}]', "41"],
        ['451-["message",{"_placeholder":true,"num":1}]', b"x"],
        ['451-["message",{"_placeholder":true,"num":"0"}]', b"x"],
        [b"x"],
    ],
)
def test_attachments_that_do_not_fit_close_the_connection(
    engine: Server, sent: list[str | bytes]
) -> None:
    with engine.opens() as ws:
        ws.text()
        ws.send(*sent)

        assert ws.close_code() == 1008


def test_text_that_is_not_utf_8_closes_the_connection(engine: Server) -> None:
    from tests.delivery.raw import TEXT, frame

    with engine.opens() as ws:
        ws.text()
        ws.raw(frame(TEXT, b'42["message","\xff"]'))

        assert ws.close_code() == 1007


def test_half_a_surrogate_pair_becomes_the_replacement_character(engine: Server) -> None:
    with engine.opens() as ws:
        ws.text()
        ws.send(r'42["message","\ud83d!",{"\ude00":"\ud83d\ude00"}]')

        assert ws.text() == '42["message-back","\ufffd!",{"\ufffd":"\U0001f600"}]'


# The same by polling


def test_an_invalid_packet_by_polling_closes_the_session(engine: Server) -> None:
    polling = engine.polls().connects()

    assert polling.post("42{}")[0] == 400

    assert polling.get()[0] == 400


def test_an_unknown_namespace_by_polling_is_refused(engine: Server) -> None:
    polling = engine.polls()

    polling.post("40/random,")

    assert polling.get() == (200, '44/random,{"message":"Invalid namespace"}')
