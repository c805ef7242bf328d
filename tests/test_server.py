"""The listener: where it says it is, what it puts up with, and how it ends."""

import re
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from flask_chat import addresses
from tests.conftest import StartServer
from tests.servers import RunningServer, check_end, launch

TINY = [sys.executable, "-m", "tests.tiny_server"]
PLAIN_HEAD = b"GET /page HTTP/1.1\r\nHost: chat\r\n\r\n"
StartTiny = Callable[..., RunningServer]


@pytest.fixture
def start_tiny(tmp_path: Path) -> Iterator[StartTiny]:
    """Start the tiny server with settings; whoever starts it says how it should end."""
    started: list[RunningServer] = []

    def start(**settings: object) -> RunningServer:
        started.append(launch(tmp_path / f"tiny-{len(started)}.log", settings, TINY))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A tiny server with short deadlines for the whole module."""
    output = tmp_path_factory.mktemp("tiny") / "tiny.log"
    server = launch(output, {"log_level": "debug", "upload_limit_bytes": 1024}, TINY)
    yield server
    check_end(server)


class Line:
    """A connection on which exactly these bytes are sent, and answers are read."""

    def __init__(self, server: RunningServer, host: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection((host, server.port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def says(self, data: bytes) -> "Line":
        self.socket.sendall(data)
        return self

    def hears(self, until: bytes) -> bytes:
        """What comes up to and including these bytes."""
        data = b""
        while until not in data:
            part = self.socket.recv(65_536)
            assert part, f"closed after {data!r}"
            data += part
        return data

    def hears_all(self) -> bytes:
        """What comes until the server closes."""
        data = b""
        while part := self.socket.recv(65_536):
            data += part
        return data


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


# Where it is


def test_the_first_line_tells_the_address(server: RunningServer) -> None:
    banners = [line for line in server.log().splitlines() if line.startswith("Flask Chat App")]

    assert banners == [f"Flask Chat App on http://127.0.0.1:{server.port}"]
    assert server.port != 0


def test_the_product_answers(server: RunningServer) -> None:
    with Line(server) as line:
        answer = line.says(b"GET /nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").hears(b"\r\n\r\n")

    assert status_of(answer) == 404


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_ipv6_addresses_can_be_listened_on(start_server: StartServer) -> None:
    server = start_server(host="::1")

    with Line(server, "::1") as line:
        line.says(PLAIN_HEAD).hears(b"\r\n\r\n")

    assert server.url == f"http://[::1]:{server.port}"


def test_a_taken_port_is_named_and_another_suggested(start_tiny: StartTiny, tmp_path: Path) -> None:
    first = start_tiny()

    with pytest.raises(AssertionError) as caught:
        launch(tmp_path / "second.log", {"port": first.port})

    words = str(caught.value)
    assert "exit code 1" in words
    assert re.search(rf"Port {first.port} is taken by another program\. Try --port \d+", words)
    assert "Traceback" not in words


def test_an_address_of_another_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="This machine does not have the address 192"):
        launch(tmp_path / "server.log", {"host": "192.0.2.1"}, TINY)


def test_the_network_address_and_a_qr_code_are_printed_beyond_loopback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from flask_chat import server

    monkeypatch.setattr(server, "lan_address", lambda host: "192.0.2.7")

    server.announce("0.0.0.0", 5000, with_qr=True)
    first, second, *code = capsys.readouterr().out.splitlines()
    server.announce("127.0.0.1", 5000, with_qr=True)
    alone = capsys.readouterr().out

    assert first == "Flask Chat App on http://127.0.0.1:5000"
    assert second == "In this network: http://192.0.2.7:5000"
    assert len(code) > 10
    assert alone == "Flask Chat App on http://127.0.0.1:5000\n"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("localhost", "http://localhost:80"),
        ("192.0.2.7", "http://192.0.2.7:80"),
    ],
)
def test_the_address_can_be_typed_on_this_machine(host: str, url: str) -> None:
    assert addresses.url_of(host, 80) == url


def test_only_servers_beyond_loopback_have_an_address_in_the_network() -> None:
    assert addresses.lan_address("127.0.0.1") is None
    assert addresses.lan_address("localhost") is None
    assert addresses.lan_address("192.0.2.7") == "192.0.2.7"
    assert addresses.lan_address() != "0.0.0.0"


def test_a_network_without_a_way_to_the_internet_has_addresses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unreachable(*_: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr("flask_chat.addresses.socket.socket.connect", unreachable)

    address = addresses.lan_address()

    assert address is None or not addresses.is_loopback(address)


# Requests


def test_requests_follow_each_other_on_one_line(tiny: RunningServer) -> None:
    with Line(tiny) as line:
        line.says(PLAIN_HEAD + b"POST /two HTTP/1.1\r\nHost: chat\r\nContent-Length: 3\r\n\r\nabc")

        heard = line.hears(b"POST /two 3 abc")

    assert heard.count(b"HTTP/1.1 200 OK") == 2
    assert b"GET /page 0 " in heard


def test_a_body_in_chunks_is_put_together(tiny: RunningServer) -> None:
    head = b"POST /in HTTP/1.1\r\nHost: chat\r\nTransfer-Encoding: chunked\r\n\r\n"
    with Line(tiny) as line:
        line.says(head + b"3\r\nabc\r\n2;ext=1\r\n")
        line.says(b"de\r\n0\r\nTrailer: x\r\n\r\n" + PLAIN_HEAD)

        heard = line.hears(b"GET /page 0 ")

    assert b"POST /in 5 abcde" in heard


def test_a_client_that_asks_first_is_told_to_go_on(tiny: RunningServer) -> None:
    with Line(tiny) as line:
        line.says(
            b"POST /in HTTP/1.1\r\nHost: chat\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        )
        line.hears(b"HTTP/1.1 100 Continue\r\n\r\n")

        assert b"POST /in 2 ok" in line.says(b"ok").hears(b"ok")


def test_an_answer_without_a_length_comes_in_chunks(tiny: RunningServer) -> None:
    with Line(tiny) as line:
        answer = line.says(PLAIN_HEAD.replace(b"/page", b"/stream")).hears(b"0\r\n\r\n")

    assert answer.endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")


def test_the_line_is_closed_when_the_client_wants_it(tiny: RunningServer) -> None:
    with Line(tiny) as line:
        answer = line.says(b"GET / HTTP/1.1\r\nHost: chat\r\nConnection: close\r\n\r\n").hears_all()

    assert b"\r\nConnection: close\r\n" in answer


def test_answers_do_not_wait_for_the_kernel(tiny: RunningServer) -> None:
    with Line(tiny) as line:
        line.says(PLAIN_HEAD.replace(b"page", b"take") + b"!")

        assert line.hears(b"!") == b"taken nodelay=1 !"


# Clients that are slow, large or odd


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: ch", 408, id="half a head"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab", 408, id="body"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nab",
            408,
            id="half a chunk",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", 413, id="large body"
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n",
            413,
            id="large chunk",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            400,
            id="odd chunk",
        ),
        pytest.param(b"GET /" + b"a" * 40_000, 414, id="endless first line"),
        pytest.param(b"GET / HTTP/1.1\r\nA: " + b"a" * 40_000, 431, id="endless header"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01", 400, id="TLS"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, id="no host"),
    ],
)
def test_such_a_request_is_answered_and_the_line_closed(
    tiny: RunningServer, data: bytes, status: int
) -> None:
    with Line(tiny) as line:
        answer = line.says(data).hears_all()

    assert status_of(answer) == status
    assert b"Connection: close" in answer


def test_a_head_that_drips_in_meets_its_deadline(tiny: RunningServer) -> None:
    began = time.monotonic()
    with Line(tiny) as line:
        line.socket.setblocking(False)
        with suppress(ConnectionError):
            while time.monotonic() - began < 5:
                line.says(b"A")
                time.sleep(0.05)

    assert time.monotonic() - began < 3


def test_a_refused_upload_still_hears_why(tiny: RunningServer) -> None:
    """A proxy sends all it has before it listens, and takes a reset for a broken server."""
    size = 12_000_000
    with Line(tiny) as line:
        line.says(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)

        answer = line.says(b"x" * size).hears_all()

    assert status_of(answer) == 413


@pytest.mark.parametrize("before", [b"", PLAIN_HEAD])
def test_an_idle_line_is_closed_without_a_word(tiny: RunningServer, before: bytes) -> None:
    with Line(tiny) as line:
        if before:
            line.says(before).hears(b"GET /page 0 ")
        began = time.monotonic()

        rest = line.hears_all()

    assert rest == b""
    assert 0.3 < time.monotonic() - began < 3


def test_slow_clients_do_not_hold_up_others(tiny: RunningServer) -> None:
    slow = [Line(tiny).says(b"GET / HTTP/1.1\r\n") for _ in range(50)]
    with Line(tiny) as line:
        began = time.monotonic()
        line.says(PLAIN_HEAD).hears(b"GET /page 0 ")

    assert time.monotonic() - began < 0.4
    for other in slow:
        with other:
            assert status_of(other.hears_all()) == 408


# Errors of the app


@pytest.mark.parametrize("path", [b"/fails", b"/fails-late"])
def test_an_error_is_logged_once_and_not_shown(start_tiny: StartTiny, path: bytes) -> None:
    server = start_tiny(log_format="json")

    with Line(server) as line:
        answer = line.says(PLAIN_HEAD.replace(b"/page", path)).hears_all()

    assert b"secret of the house" not in answer
    assert status_of(answer) == (500 if path == b"/fails" else 200)
    assert server.log().count('"event": "request failed"') == 1
    assert server.log().count("RuntimeError: a secret of the house") == 1


def test_a_failure_in_the_background_is_logged_like_any_other(start_tiny: StartTiny) -> None:
    server = start_tiny(log_format="json")

    with Line(server) as line:
        line.says(PLAIN_HEAD.replace(b"page", b"background")).hears(b"GET /background")
    wait_for_words(server, "background work failed")

    assert all(entry.startswith(("{", "Flask Chat App on")) for entry in server.log().splitlines())


def test_the_log_holds_no_paths_and_no_queries(tiny: RunningServer) -> None:
    with Line(tiny) as line:
        line.says(b"GET /r/WXYZ?token=hush HTTP/1.1\r\nHost: chat\r\nCookie: c=hush\r\n\r\n")
        line.hears(b"GET /r/WXYZ")
        time.sleep(0.1)

    assert "/r/…" in tiny.log()
    assert "WXYZ" not in tiny.log()
    assert "hush" not in tiny.log()


# Connections that are taken over


@pytest.mark.parametrize("path", [b"/take", b"/take-and-wait"])
def test_a_taken_connection_belongs_to_the_taker(tiny: RunningServer, path: bytes) -> None:
    with Line(tiny) as line:
        line.says(PLAIN_HEAD.replace(b"/page", path) + b"early")

        assert line.hears(b"early") == b"taken nodelay=1 early"
        time.sleep(0.8)  # longer than every deadline
        assert line.says(b"echo").hears(b"echo") == b"echo"

        line.socket.shutdown(socket.SHUT_WR)
        assert line.hears_all() == b""


def test_stopping_does_not_wait_for_taken_connections(start_tiny: StartTiny) -> None:
    server = start_tiny()
    with Line(server) as line:
        line.says(PLAIN_HEAD.replace(b"page", b"take-and-wait")).hears(b"taken")
        began = time.monotonic()

        assert server.stop() == 0

    assert time.monotonic() - began < 2


# The end


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_well(start_server: StartServer, number: int) -> None:
    server = start_server()
    began = time.monotonic()

    assert server.stop(number) == 0
    assert time.monotonic() - began < 3


def test_a_running_request_is_finished_and_an_idle_line_closed(start_tiny: StartTiny) -> None:
    server = start_tiny()
    with Line(server) as busy, Line(server) as idle:
        busy.says(PLAIN_HEAD.replace(b"page", b"slow"))
        idle.says(PLAIN_HEAD).hears(b"GET /page 0 ")
        server.process.send_signal(signal.SIGTERM)

        assert idle.hears_all() == b""
        answer = busy.hears_all()

    assert b"GET /slow 0" in answer
    assert b"Connection: close" in answer
    assert server.stop() == 0  # a second SIGTERM changes nothing
    assert "runtime stopped" in server.log()


def test_nobody_is_let_in_while_it_stops(start_tiny: StartTiny, monkeypatch: Any) -> None:
    monkeypatch.setenv("STOP_SECONDS", "1")
    server = start_tiny()
    server.process.send_signal(signal.SIGTERM)
    wait_for_words(server, "runtime stopped")

    with pytest.raises(ConnectionRefusedError):
        Line(server)


def test_a_second_ctrl_c_ends_it_at_once(start_tiny: StartTiny, monkeypatch: Any) -> None:
    monkeypatch.setenv("STOP_SECONDS", "30")
    server = start_tiny()
    server.process.send_signal(signal.SIGINT)
    wait_for_words(server, "runtime stopped")
    began = time.monotonic()

    assert server.stop(signal.SIGINT) == 130
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("trouble", [{"STOP_SECONDS": "60"}, {"NEVER_YIELD": "1"}], ids=repr)
def test_it_ends_within_ten_seconds_whatever_happens(
    start_tiny: StartTiny, monkeypatch: Any, trouble: dict[str, str]
) -> None:
    for name, value in trouble.items():
        monkeypatch.setenv(name, value)
    server = start_tiny()
    began = time.monotonic()

    assert server.stop() == 0
    assert time.monotonic() - began < 10.5


def test_it_is_there_in_a_moment(start_server: StartServer) -> None:
    server = start_server()
    with Line(server) as line:
        line.says(PLAIN_HEAD).hears(b"\r\n\r\n")

    times = psutil.Process(server.pid).cpu_times()

    # Time on the processor, as the machine may be busy with other things.
    assert times.user + times.system < 1


def test_many_connections_at_once_are_taken(tiny: RunningServer) -> None:
    lines = [Line(tiny) for _ in range(300)]
    for line in lines:
        line.says(PLAIN_HEAD)

    heard = [line.hears(b"GET /page 0 ") for line in lines]

    for line in lines:
        line.socket.close()
    assert len(heard) == 300


def test_running_out_of_file_descriptors_is_survived(start_tiny: StartTiny) -> None:
    resource = pytest.importorskip("resource")
    server = start_tiny()
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (40, 40))
    lines = [Line(server) for _ in range(60)]
    time.sleep(0.2)
    for line in lines:
        line.socket.close()
    time.sleep(0.3)

    with Line(server) as late:
        late.says(PLAIN_HEAD).hears(b"GET /page 0 ")

    assert server.log().count("cannot take connections") == 1
    assert "Traceback" not in server.log()


def wait_for_words(server: RunningServer, words: str) -> None:
    until = time.monotonic() + 10
    while words not in server.log():
        assert time.monotonic() < until, server.log()
        time.sleep(0.01)
