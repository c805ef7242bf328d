"""The proxy does to a line what it was told to, exactly where."""

import socket
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.chaos.faults import CUTS, HANDSHAKE_STEPS, Fault, faults_for
from tests.chaos.proxy import Frames
from tests.chaos.world import Proxy
from tests.people import wait_until

REQUEST = b"GET /socket.io/ HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"
RESPONSE = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"


def down(text: str) -> bytes:
    """A server's frame."""
    return bytes([0x81, len(text)]) + text.encode()


def event(seq: int) -> bytes:
    return down(f'42["event",{{"seq":{seq}}}]')


def up(text: str) -> bytes:
    """A client's frame, masked."""
    mask = b"mask"
    body = bytes(byte ^ mask[i % 4] for i, byte in enumerate(text.encode()))
    return bytes([0x81, 0x80 | len(body)]) + mask + body


@contextmanager
def talking(fault: Fault | None) -> Iterator[tuple[socket.socket, socket.socket, Proxy]]:
    """A client and a server, both ours, with the proxy between them and the handshake done."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        proxy = Proxy(f"127.0.0.1:{listener.getsockname()[1]}")
        try:
            url = proxy.link("Ada")
            if fault is not None:
                proxy.plans("Ada", fault)
            client = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 5)
            server, _ = listener.accept()
            with client, server:
                client.settimeout(5)
                server.settimeout(5)
                client.sendall(REQUEST)
                assert server.recv(1000) == REQUEST
                server.sendall(RESPONSE)
                assert client.recv(1000) == RESPONSE
                yield client, server, proxy
        finally:
            proxy.ends()


def read_all(sock: socket.socket) -> bytes:
    """Everything until the end, however it ends."""
    data = b""
    try:
        while more := sock.recv(1000):
            data += more
    except ConnectionResetError:
        pass
    return data


@pytest.mark.parametrize(
    ("where", "passed"), [("before", 0), ("middle", 5), ("after", 10)], ids=["0", "5", "10"]
)
def test_a_line_is_cut_after_exactly_so_many_bytes(where: str, passed: int) -> None:
    fault = Fault("post", where, "fin", fraction=0.35)
    frame = up('42["post"]')
    wanted = {0: 0, 5: int(len(frame) * 0.35), 10: len(frame)}[passed]

    with talking(fault) as (client, server, proxy):
        client.sendall(up("40") + frame + frame)
        received = read_all(server)

        assert received == (up("40") + frame)[: len(up("40")) + wanted]
        wait_until(proxy.struck)
        assert [record["bytes"] for record in proxy.struck()] == [wanted]


def test_rst_is_a_reset() -> None:
    with talking(Fault("event", "before", "rst")) as (client, server, _):
        server.sendall(event(1))

        with pytest.raises(ConnectionResetError):
            client.recv(1000)


def test_half_close_leaves_the_other_direction_open() -> None:
    with talking(Fault("post", "before", "half_up")) as (client, server, _):
        client.sendall(up('42["post"]'))

        assert server.recv(1000) == b""
        server.sendall(down("2"))
        assert client.recv(1000) == down("2")


def test_a_hole_swallows_one_way_and_says_nothing() -> None:
    with talking(Fault("event", "before", "hole_down")) as (client, server, _):
        server.sendall(event(1) + down("2"))
        client.sendall(up("3"))

        assert server.recv(1000) == up("3")
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(1000)


@pytest.mark.parametrize(
    ("action", "arrives"),
    [("lose", [2, 3]), ("double", [1, 1, 2, 3]), ("swap", [2, 1, 3])],
)
def test_frames_get_lost_come_twice_and_overtake(action: str, arrives: list[int]) -> None:
    expected = b"".join(event(seq) for seq in arrives)

    with talking(Fault("event", "before", action)) as (client, server, _):
        server.sendall(event(1) + event(2) + event(3))
        received = b""
        while len(received) < len(expected):
            received += client.recv(1000)

        assert received == expected


def test_what_a_server_sends_out_of_order_is_noticed() -> None:
    with talking(None) as (client, server, proxy):
        server.sendall(event(7) + event(9) + event(8))
        client.recv(1000)

        wait_until(lambda: len(proxy.misordered()) == 2)


def test_a_link_that_is_down_refuses() -> None:
    with talking(None) as (client, _, proxy):
        proxy.takes_down("Ada")

        with pytest.raises(ConnectionResetError):
            client.recv(1000)
        wait_until(proxy.struck)


def test_frames_are_told_apart_however_they_are_cut_up() -> None:
    stream = REQUEST + up('40{"token":1}') + up('4217["post",{}]') + up("3")
    frames = Frames(is_up=True)

    found = [kind for byte in stream for kind, _ in frames.feed(bytes([byte]))]

    assert found == ["request", "connect", "post", "pong"]


def test_long_frames_are_one_frame() -> None:
    frames = Frames(is_up=False)
    body = b'42["welcome",' + b"x" * 70_000
    frame = bytes([0x81, 127]) + struct.pack("!Q", len(body)) + body

    assert [kind for kind, _ in frames.feed(RESPONSE + frame + down("2"))] == [
        "response",
        "welcome",
        "ping",
    ]


def test_the_same_seed_gives_the_same_faults() -> None:
    def take(seed: int) -> list[Fault]:
        faults = faults_for(seed, "Ada", posts=True, pause_seconds=1)
        return [next(faults) for _ in range(300)]

    assert take(7) == take(7)
    assert take(7) != take(8)
    steps = {fault.step for fault in take(7) if fault.action in CUTS}
    assert steps >= {*HANDSHAKE_STEPS, "post", "ack", "event"}
