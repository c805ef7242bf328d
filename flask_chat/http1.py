"""One HTTP/1 connection: requests read whole, within deadlines and caps, then the app.

gevent's pywsgi does the answering; the reading is ours (http_reading.py), because pywsgi waits for
ever, buffers without bounds and lets doubtful framing pass (RFC 9112 §11.2, request smuggling). The
app is called once the body is there, so a slow client occupies a greenlet and never the app.
server.py is next door: the listener, and who may still finish when the program stops.
"""

import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import unquote_to_bytes

import gevent.socket
import structlog
from gevent.pywsgi import WSGIHandler

from flask_chat.http_head import Head, RefusedError, parse_head
from flask_chat.http_reading import ClientGoneError, Reader

if TYPE_CHECKING:
    from flask_chat.server import Server

log = structlog.get_logger(__name__)

WRITE_SECONDS = 60
REFUSAL_SECONDS = 1.0
FIRST_REQUEST_SECONDS = 0.5


class Peer(NamedTuple):
    """The other end of a connection, and what to call when that is closed."""

    host: str
    port: int
    closed: Callable[[], None]


class Handler(WSGIHandler):
    """Serves the requests of one connection, one after the other.

    `environ["chat.take_socket"]` is a callable for upgrades. It returns `(socket, data, closed)`: a
    gevent socket of its own for the connection, the bytes that came after the head, and what to
    call, once, when the connection has been closed. From then on the connection belongs to whoever
    took it: nothing the app returns is written to it, the server neither closes it nor waits for
    it, and the deadlines are lifted. It works once per connection.
    `environ["chat.socket"]` is the socket itself, to watch it for the client hanging up.
    """

    server: "Server"
    socket: gevent.socket.socket | None  # type: ignore[assignment]
    client_address: Peer  # type: ignore[assignment]
    environ: dict[str, Any]

    def __init__(
        self, sock: gevent.socket.socket, address: Peer, server: "Server", received: bytes = b""
    ) -> None:
        self.socket = sock
        self.client_address = address
        self.server = server
        self.is_idle = True  # waiting for a request, so that nobody minds the line being closed
        # `received` has been read already, by another worker.
        self._reader = Reader(sock, server.deadlines, received)
        self._is_first = True
        self._opened_at = time.monotonic()

    def handle(self) -> None:
        """Serve the connection until either side has had enough; never raises."""
        self.server.connections.add(self)
        try:
            while self.handle_one_request():
                pass
        except OSError:
            log.debug("connection lost")
        except RefusedError as refusal:
            self._refuse(refusal)
        finally:
            self.server.connections.discard(self)
            if self.socket is not None:
                self.socket.close()
                self.socket = None
                self.client_address.closed()

    def handle_one_request(self) -> bool:  # type: ignore[override]
        """Read a request and answer it; True when another may follow.

        Raises RefusedError or OSError.
        """
        data = self._read_head()
        if not data:
            return False
        head = parse_head(data)
        if self._is_passed_on(head.target, data):
            return False
        body = self._reader.body(head, self.server.body_limit_bytes)
        self.command, self.path = head.method, head.target
        self.request_version = f"HTTP/{head.version}"
        self.close_connection = not head.keeps_alive or self.server.is_stopping
        self.environ = self._environ(head, body)
        self.application = self.server.application
        self._socket().settimeout(WRITE_SECONDS)
        try:
            self.handle_one_response()
        finally:
            body.close()
            self.environ = {}
        return self.socket is not None and not self.close_connection

    def close_when_idle(self) -> None:
        """Let the connection end after the request that is running, or now if there is none.

        A connection that has only just come has its first request on the way.
        """
        self.close_connection = True
        is_new = self._is_first and time.monotonic() < self._opened_at + FIRST_REQUEST_SECONDS
        if self.is_idle and not is_new and self.socket is not None:
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)

    def _socket(self) -> gevent.socket.socket:
        if self.socket is None:
            raise ClientGoneError
        return self.socket

    def _is_passed_on(self, target: str, head: bytes) -> bool:
        """Give the connection to the worker this request is for, if that is another one."""
        handover = self.server.handover
        owner = None if handover is None else handover.owner(target)
        if handover is None or owner is None:
            return False
        data = head + b"\r\n\r\n" + bytes(self._reader.received)
        return handover.pass_on(owner, self._socket(), data)

    def _read_head(self) -> bytes:
        """The next head, b"" when the client sends no further request."""
        until = time.monotonic() + self.server.deadlines.head_seconds
        if not self._reader.received and not self._wait_for_request():
            return b""
        if not self._is_first:
            until = time.monotonic() + self.server.deadlines.head_seconds
        self._is_first = False
        return self._reader.head(until)

    def _wait_for_request(self) -> bool:
        """Wait for the first bytes of a request; False when there is none to come."""
        deadlines = self.server.deadlines
        seconds = deadlines.head_seconds if self._is_first else deadlines.idle_seconds
        self.is_idle = True
        try:
            if self.server.is_stopping and not self._is_first:
                return False
            return self._reader.receive(time.monotonic() + seconds)
        except TimeoutError:
            return False
        finally:
            self.is_idle = False

    # Answering

    def _environ(self, head: Head, body: IO[bytes]) -> dict[str, Any]:
        """The WSGI environ (PEP 3333) of a request."""
        environ: dict[str, Any] = self.server.get_environ()
        path, _, query = head.target.partition("?")
        environ["REQUEST_METHOD"] = head.method
        environ["SCRIPT_NAME"] = ""
        environ["PATH_INFO"] = unquote_to_bytes(path.encode("latin-1")).decode("latin-1")
        environ["QUERY_STRING"] = query
        environ["RAW_URI"] = head.target
        environ["SERVER_PROTOCOL"] = self.request_version
        environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = map(str, self.client_address[:2])
        for name, value in head.headers:
            if name in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
                environ[name] = value
            elif (key := "HTTP_" + name) in environ:
                environ[key] += ("; " if name == "COOKIE" else ",") + value
            else:
                environ[key] = value
        environ["wsgi.input"] = body
        environ["wsgi.input_terminated"] = True
        environ["chat.take_socket"] = self.take_socket
        environ["chat.socket"] = self.socket
        return environ

    def take_socket(self) -> tuple[gevent.socket.socket, bytes, Callable[[], None]]:
        """See the class. Raises RuntimeError for a connection that is taken or answered already."""
        old = self.socket
        if old is None or self.headers_sent:
            raise RuntimeError("the connection is taken or answered already")
        self.socket = None
        self.server.connections.discard(self)
        data = bytes(self._reader.received)
        family, kind, protocol = old.family, old.type, old.proto
        # The listener still holds the old object and will close it: an empty shell by then.
        taken = gevent.socket.socket(family, kind, protocol, fileno=old.detach())
        return taken, data, self.client_address.closed

    def handle_one_response(self) -> None:
        """Call the app and send what it returns."""
        self.time_start = time.time()
        self.status = self.result = None
        self.code = self.response_length = 0
        self.headers_sent = self.response_use_chunked = self.connection_upgraded = False
        try:
            self.run_application()
        except ClientGoneError:
            self.close_connection = True
        except Exception:
            self.handle_error(*sys.exc_info())
        finally:
            self.time_finish = time.time()
            self.log_request()

    def finalize_headers(self) -> None:
        """Say that the connection ends, where it does."""
        super().finalize_headers()
        headers = cast(list[tuple[bytes, bytes]], self.response_headers)
        if self.close_connection and all(name.lower() != b"connection" for name, _ in headers):
            headers.append((b"Connection", b"close"))

    def write(self, data: bytes) -> None:
        """Send a part of the answer; for nobody once the connection is taken."""
        if self.socket is not None:
            super().write(data)

    def _sendall(self, data: bytes) -> None:
        try:
            self._socket().sendall(data)
        except OSError as error:
            # A kind of its own, so that an OSError of the app is not taken for a lost client.
            raise ClientGoneError from error
        self.response_length += len(data)

    def _refuse(self, refusal: RefusedError) -> None:
        """Answer a request that cannot be read further, and read on for a while.

        Closing with unread bytes would make the kernel reset the line and drop the answer.
        """
        status = refusal.status
        log.debug("request refused", status=status.value)
        lines = [
            f"HTTP/1.1 {status.value} {status.phrase}",
            "Connection: close",
            "Content-Type: text/plain",
            f"Content-Length: {len(status.phrase) + 1}",
        ]
        answer = "\r\n".join([*lines, "", status.phrase + "\n"]).encode()
        with suppress(OSError):
            sock = self._socket()
            sock.settimeout(REFUSAL_SECONDS)
            sock.sendall(answer)
            sock.shutdown(socket.SHUT_WR)
            self._reader.hear_out()

    def handle_error(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Log an error of the app, once, and answer 500 without a word about it."""
        self.close_connection = True
        log.error("request failed", method=self.command, exc_info=(kind, error, trace))
        if not self.response_length:
            with suppress(ClientGoneError):
                self.start_response("500 Internal Server Error", [("Content-Type", "text/plain")])
                self.write(b"Internal Server Error\n")

    def log_request(self) -> None:
        """Log the answer at debug level: the kind of page, for a whole path holds a room's code."""
        first, _, rest = (self.path or "").partition("?")[0].removeprefix("/").partition("/")
        seconds = self.time_finish - self.time_start
        log.debug(
            "request",
            method=self.command,
            page=f"/{first[:32]}{'/…' if rest else ''}",
            status="taken" if self.socket is None else abs(self.code or 0),
            milliseconds=round(seconds * 1000, 1),
        )
