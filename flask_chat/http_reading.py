"""What a client sends on one HTTP/1 connection: heads and bodies whole, within deadlines and caps.

http_head.py, next door, takes a head apart; http1.py answers.
"""

import re
import time
from dataclasses import dataclass
from http import HTTPStatus
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import IO

import gevent.socket

from flask_chat.http_head import (
    HEADERS_LIMIT,
    REQUEST_LINE_LIMIT_BYTES,
    TOKEN_START,
    Head,
    RefusedError,
)

HEAD_LIMIT_BYTES = 32_768
CHUNK_LINE_LIMIT_BYTES = 256
READ_BYTES = 65_536
BODY_IN_MEMORY_BYTES = 1_048_576
# A large file may take longer than the deadline as long as it comes at the rate of a poor line.
BODY_LEAST_BYTES_PER_SECOND = 32_768
# A proxy passes a refusal on only if it could first send what it was sending, so whoever goes on
# sending at that rate is heard out, up to a limit.
LINGER_SECONDS = 1.0
LINGER_LIMIT_BYTES = 16_777_216


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a client may take."""

    head_seconds: float = 10.0  # for the whole head, and for the first byte of a new connection
    body_seconds: float = 30.0
    idle_seconds: float = 60.0  # between two requests on one connection


class ClientGoneError(ConnectionResetError):
    """The other side went away, or stopped reading, in the middle of a request."""


class Reader:
    """Reads from a socket. `received` is what has come and was not taken yet."""

    def __init__(
        self, sock: gevent.socket.socket, deadlines: Deadlines, received: bytes = b""
    ) -> None:
        self.received = bytearray(received)
        self._sock = sock
        self._deadlines = deadlines

    def receive(self, until: float) -> bool:
        """Append what has come; False at the end of the stream. Raises TimeoutError."""
        self._sock.settimeout(max(until - time.monotonic(), 0.001))
        data = self._sock.recv(READ_BYTES)
        self.received += data
        return bool(data)

    def head(self, until: float) -> bytes:
        """The next head without its empty line. Raises RefusedError or OSError."""
        received = self.received
        if received.startswith(b"\r\n"):  # RFC 9112 §2.2: an empty line after the last request
            del received[:2]
        if received and not TOKEN_START.match(received):
            raise RefusedError(HTTPStatus.BAD_REQUEST)  # TLS, most likely: no need to wait for more
        searched = 0
        while (end := received.find(b"\r\n\r\n", searched)) < 0:
            if len(received) > HEAD_LIMIT_BYTES:
                break
            searched = max(len(received) - 3, 0)
            self._receive_or_refuse(until)
        if not 0 <= end <= HEAD_LIMIT_BYTES:
            is_one_line = b"\r\n" not in received[: REQUEST_LINE_LIMIT_BYTES + 2]
            raise RefusedError(
                HTTPStatus.REQUEST_URI_TOO_LONG
                if is_one_line
                else HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            )
        data = bytes(received[:end])
        del received[: end + 4]
        return data

    def body(self, head: Head, limit: float) -> IO[bytes]:
        """The whole body, from its start; beyond a megabyte it is kept on disk."""
        if head.length is not None and head.length > limit:
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        seconds = self._deadlines.body_seconds
        if head.length == 0:
            return BytesIO()
        body = SpooledTemporaryFile(max_size=BODY_IN_MEMORY_BYTES)  # noqa: SIM115
        if head.expects_continue and not self.received:
            self._sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if head.length is None:
            self._read_chunks(body, limit, time.monotonic() + seconds)
        else:
            seconds = max(seconds, head.length / BODY_LEAST_BYTES_PER_SECOND)
            self._move(head.length, body, time.monotonic() + seconds)
        body.seek(0)
        return body

    def _move(self, count: int, body: IO[bytes], until: float) -> None:
        """Read `count` bytes and append them to the body."""
        while count:
            if not self.received:
                self._receive_or_refuse(until)
            part = self.received[:count]
            body.write(part)
            del self.received[: len(part)]
            count -= len(part)

    def _read_chunks(self, body: IO[bytes], limit: float, until: float) -> None:
        """Read a chunked body (RFC 9112 §7.1); extensions and trailers are dropped."""
        while True:
            size = re.fullmatch(rb"([0-9A-Fa-f]{1,15})[ \t]*(;[^\r\n]*)?", self._read_line(until))
            if size is None:
                raise RefusedError(HTTPStatus.BAD_REQUEST)
            count = int(size[1], 16)
            if not count:
                break
            if body.tell() + count > limit:
                raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            self._move(count, body, until)
            if self._read_line(until):
                raise RefusedError(HTTPStatus.BAD_REQUEST)
        for _ in range(HEADERS_LIMIT):
            if not self._read_line(until):
                return
        raise RefusedError(HTTPStatus.BAD_REQUEST)

    def _read_line(self, until: float) -> bytes:
        received = self.received
        while (end := received.find(b"\r\n", 0, CHUNK_LINE_LIMIT_BYTES)) < 0:
            if len(received) >= CHUNK_LINE_LIMIT_BYTES:
                raise RefusedError(HTTPStatus.BAD_REQUEST)
            self._receive_or_refuse(until)
        line = bytes(received[:end])
        del received[: end + 2]
        return line

    def hear_out(self) -> None:
        """Throw away what still comes from somebody who has been refused. Raises OSError."""
        until = time.monotonic() + LINGER_SECONDS
        count = 0
        while count < LINGER_LIMIT_BYTES and time.monotonic() < until:
            self.received.clear()
            if not self.receive(until):
                return
            count += len(self.received)
            until += len(self.received) / BODY_LEAST_BYTES_PER_SECOND

    def _receive_or_refuse(self, until: float) -> None:
        try:
            if self.receive(until):
                return
        except TimeoutError:
            raise RefusedError(HTTPStatus.REQUEST_TIMEOUT) from None
        raise ClientGoneError
