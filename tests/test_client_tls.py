"""TLS of the Python client: two threads on one line, time-outs, and whom it trusts."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from flask_chat.client import tls
from flask_chat.client.errors import Unreachable
from flask_chat.client.line import Line
from tests.deploy.proxies import make_certificate
from tests.people import wait_until

# With Python's own sockets this crashes three times of four.
LINES = 200
AT_ONCE = 8
PIECE = b"x" * 100
PIECES = 40


class Echo:
    """A TLS server that sends back what it gets."""

    def __init__(self, folder: Path) -> None:
        self.certificate, key = make_certificate(folder)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.certificate, key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.errors: list[OSError] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def line(self) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        return tls.context(self.certificate).wrap_socket(plain, server_hostname="localhost")

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                plain, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=[plain], daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with plain:
            try:
                with self._context.wrap_socket(plain, server_side=True) as line:
                    while data := line.recv(4096):
                        line.sendall(data)
            except OSError as error:
                self.errors.append(error)


@pytest.fixture
def echo(tmp_path: Path) -> Iterator[Echo]:
    echo = Echo(tmp_path)
    yield echo
    echo.close()


def test_one_thread_may_read_while_another_writes(echo: Echo) -> None:
    whole = len(PIECE) * PIECES
    counts: list[int] = []

    def read(line: ssl.SSLSocket) -> None:
        count = 0
        with suppress(OSError):
            while count < whole and (data := line.recv(4096)):
                count += len(data)
        counts.append(count)

    def use_lines() -> None:
        for _ in range(LINES // AT_ONCE):
            with echo.line() as line:
                reader = threading.Thread(target=read, args=[line])
                reader.start()
                with suppress(OSError):
                    for _ in range(PIECES):
                        line.send(PIECE)
                reader.join()

    threads = [threading.Thread(target=use_lines) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert counts == [whole] * LINES
    assert not echo.errors


def test_more_than_the_network_takes_is_sent_when_there_is_room(echo: Echo) -> None:
    data, heard = memoryview(b"y" * 3_000_000), bytearray()

    def read(line: ssl.SSLSocket) -> None:
        while len(heard) < len(data):
            heard.extend(line.recv(65_536))

    with echo.line() as line:
        reader = threading.Thread(target=read, args=[line])
        reader.start()
        sent = 0
        while sent < len(data):
            sent += line.send(data[sent:])
        reader.join(10)

    assert heard == data


def test_waiting_ends_with_the_timeout(echo: Echo) -> None:
    with echo.line() as line:
        line.settimeout(0.2)
        began = time.monotonic()

        with pytest.raises(TimeoutError):
            line.recv(1)

        assert line.gettimeout() == 0.2
        assert 0.15 < time.monotonic() - began < 2


def test_who_waits_hears_of_the_end(echo: Echo) -> None:
    with echo.line() as line:
        line.settimeout(None)

        def wait() -> None:
            with suppress(ConnectionResetError):
                assert line.recv(1) == b""

        reader = threading.Thread(target=wait)
        reader.start()
        time.sleep(0.1)

        line.shutdown(socket.SHUT_RDWR)

        reader.join(5)
        assert not reader.is_alive()


def test_what_is_closed_is_an_error_and_no_crash(echo: Echo) -> None:
    line = echo.line()
    line.close()

    with pytest.raises(OSError, match="Bad file"):
        line.recv(1)


def test_a_server_nobody_vouches_for_is_not_talked_to(echo: Echo) -> None:
    with pytest.raises(Unreachable):
        Line(Nobody(), 5).open(f"https://localhost:{echo.port}", {})

    wait_until(lambda: "UNKNOWN_CA" in str(echo.errors))


@pytest.mark.parametrize("is_folder", [False, True])
def test_what_requests_trusts_is_trusted(
    echo: Echo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_folder: bool
) -> None:
    bundle = echo.certificate
    if is_folder:
        bundle = tmp_path / "authorities"
        bundle.mkdir()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))

    assert tls.trusted_by_requests(f"https://localhost:{echo.port}") == bundle
    assert tls.context(bundle) is tls.context(bundle), "two hundred who come back read it once"


class Nobody:
    """A listener that hears nothing."""

    def welcomed(self, line: Line, welcome: dict[str, object]) -> None: ...
    def happened(self, line: Line, event: dict[str, object]) -> None: ...
    def line_changed(self, line: Line) -> None: ...
