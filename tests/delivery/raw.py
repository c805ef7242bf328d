"""The engine as a program of its own, and clients that may send whatever bytes they like."""

import base64
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WAIT_SECONDS = 10.0
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Server:
    """A running `app.py`."""

    def __init__(self, port: int, process: subprocess.Popen, log: Path) -> None:
        self.port, self.process, self.log_file = port, process, log

    def request(self, method: str, query: str, body: str | bytes | None = None, **headers: str):
        """One HTTP request on a connection of its own: (status, text)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_SECONDS)
        try:
            connection.request(
                method,
                f"/socket.io/?{query}",
                body.encode() if isinstance(body, str) else body,
                {name.replace("_", "-"): value for name, value in headers.items()},
            )
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def state(self) -> dict:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_SECONDS)
        try:
            connection.request("GET", "/state")
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def log(self) -> str:
        return self.log_file.read_text()

    def polls(self) -> "Polling":
        return Polling(self)

    def socket(self, query: str = "EIO=4&transport=websocket") -> "WebSocket":
        return WebSocket(self.port, query)

    def opens(self, auth: object = None) -> "WebSocket":
        """A WebSocket that is connected to the namespace "/"."""
        ws = self.socket()
        assert ws.text().startswith("0{")
        ws.send("40" + ("" if auth is None else json.dumps(auth)))
        assert ws.text().startswith('40{"sid":"')
        return ws

    def enters(self, room: str) -> "WebSocket":
        """A WebSocket that listens to a room."""
        ws = self.opens({"room": room, "quiet": True})
        assert ws.text() == f'42["welcome",{{"room":"{room}"}}]'
        return ws


class Polling:
    """A session on long polling."""

    def __init__(self, server: Server) -> None:
        self.server = server
        status, text = server.request("GET", "EIO=4&transport=polling")
        assert status == 200, text
        self.open = json.loads(text[1:])
        self.sid = self.open["sid"]
        self.query = f"EIO=4&transport=polling&sid={self.sid}"

    def get(self, extra: str = ""):
        return self.server.request("GET", self.query + extra)

    def post(self, body: str | bytes, **headers: str):
        return self.server.request("POST", self.query, body, **headers)

    def connects(self) -> "Polling":
        """CONNECT to "/", and drop what comes of it."""
        assert self.post('40{"quiet":true}') == (200, "ok")
        status, text = self.get()
        assert (status, text[:10]) == (200, '40{"sid":"'), text
        return self

    def probes(self) -> "WebSocket":
        return self.server.socket(f"EIO=4&transport=websocket&sid={self.sid}")


class WebSocket:
    """A client over a plain socket: it frames by itself, so it may do it wrong."""

    def __init__(self, port: int, query: str, **headers: str) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        given = {
            "Host": f"127.0.0.1:{port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        }
        given.update({name.replace("_", "-"): value for name, value in headers.items()})
        lines = [f"GET /socket.io/?{query} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in given.items() if value]
        self.sock.sendall("\r\n".join([*lines, "", ""]).encode())
        self.buffer = b""
        head = self._until(b"\r\n\r\n")
        self.status = int(head.split()[1])
        self.head = head.decode()

    def send(self, *messages: str | bytes) -> None:
        """Send messages, all in one piece."""
        self.raw(
            b"".join(
                frame(TEXT, message.encode())
                if isinstance(message, str)
                else frame(BINARY, message)
                for message in messages
            )
        )

    def raw(self, data: bytes) -> None:
        self.sock.sendall(data)

    def frame(self) -> tuple[int, bytes]:
        """The next frame: opcode and payload. (0, b"") when the connection is closed."""
        head = self._take(2)
        if len(head) < 2:
            return 0, b""
        assert not head[0] & 0x70, "reserved bits"
        assert head[0] & 0x80, "the server never sends fragments"
        assert not head[1] & 0x80, "a server does not mask"
        length = head[1]
        if length == 126:
            length = int.from_bytes(self._take(2), "big")
        elif length == 127:
            length = int.from_bytes(self._take(8), "big")
        return head[0] & 0x0F, self._take(length)

    def text(self) -> str:
        """The next text message; Engine.IO pings are answered on the way."""
        while True:
            opcode, payload = self.frame()
            if (opcode, payload) == (TEXT, b"2"):
                self.send("3")
                continue
            assert opcode == TEXT, (opcode, payload)
            return payload.decode()

    def texts(self, count: int) -> list[str]:
        return [self.text() for _ in range(count)]

    def nothing_for(self, seconds: float) -> bool:
        """Whether nothing comes in this time."""
        self.sock.settimeout(seconds)
        try:
            return not self.buffer and not self._more()
        except TimeoutError:
            return True
        finally:
            self.sock.settimeout(WAIT_SECONDS)

    def close_code(self) -> int | None:
        """Read on until the connection is closed; the code of the close frame, None without one."""
        code = None
        while True:
            opcode, payload = self.frame()
            if opcode == 0:
                return code
            if opcode == CLOSE:
                code = int.from_bytes(payload[:2], "big") if payload else 1005
                self.reason = payload[2:].decode()
                try:
                    self.raw(frame(CLOSE, payload[:2]))
                except OSError:
                    pass

    def ends(self) -> None:
        """Cut the line."""
        self.sock.close()

    def __enter__(self) -> "WebSocket":
        return self

    def __exit__(self, *_: object) -> None:
        self.ends()

    def _more(self) -> bool:
        try:
            data = self.sock.recv(65536)
        except ConnectionError:
            data = b""
        self.buffer += data
        return bool(data)

    def _take(self, count: int) -> bytes:
        while len(self.buffer) < count and self._more():
            pass
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def _until(self, mark: bytes) -> bytes:
        while mark not in self.buffer and self._more():
            pass
        head, _, self.buffer = self.buffer.partition(mark)
        return head


def frame(
    opcode: int, payload: bytes, *, fin: bool = True, masked: bool = True, bits: int = 0
) -> bytes:
    """A frame as clients send it, or almost."""
    first = (0x80 if fin else 0) | bits | opcode
    mark = 0x80 if masked else 0
    if len(payload) < 126:
        head = bytes((first, mark | len(payload)))
    elif len(payload) < 65536:
        head = bytes((first, mark | 126)) + len(payload).to_bytes(2, "big")
    else:
        head = bytes((first, mark | 127)) + len(payload).to_bytes(8, "big")
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


@contextmanager
def running(log: Path, **options: object) -> Iterator[Server]:
    """Start the server; afterwards it must still be alive and have logged no traceback."""
    expected = options.pop("expected_in_log", None)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("app.py")), json.dumps(options)],
            stdout=subprocess.PIPE,
            stderr=output,
        )
    try:
        server = Server(int(process.stdout.readline()), process, log)
        yield server
        assert process.poll() is None, server.log()
        if expected is None:
            assert "Traceback" not in server.log(), server.log()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def eventually(condition) -> None:
    """Ask again until it is true."""
    over_at = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < over_at, "waited in vain"
        time.sleep(0.02)
