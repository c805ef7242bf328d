"""One connection to a Redis: bytes out, answers in. This is where redis-py is used.

It makes the connection; what goes over it from then on is a socket and a parser of hiredis, since
redis-py's own way through a dozen functions cost more than all else that is done with an answer.
"""

import socket
import struct
from typing import Any

import hiredis
import redis
import redis.connection
from redis.backoff import NoBackoff
from redis.retry import Retry

from flask_chat.redis_link.urls import Node, RedisUrl

# One command hangs this long on a server that is frozen, and no command is tried for longer.
TIMEOUT_SECONDS = 2.0

# A link that is broken, closed or refused; a time-out is one as well.
LINK_ERRORS = (redis.ConnectionError, redis.TimeoutError, OSError)

Word = str | bytes | int | float

_CHUNK = 65536  # bytes per read
_NOTHING = object()  # what the parser says while there is no whole answer


def packed(command: tuple[Word, ...]) -> bytes:
    """A command as it goes over the wire."""
    data: bytes = hiredis.pack_command(command)  # type: ignore[arg-type]
    return data


class Wire:
    """A connection that is up. Every method may raise one of LINK_ERRORS."""

    def __init__(
        self,
        url: RedisUrl,
        node: Node,
        *,
        is_sentinel: bool = False,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        """Raises another RedisError when the name or the password is wrong."""
        options: dict[str, Any] = {
            "db": 0 if is_sentinel else url.db,
            "username": url.sentinel_username if is_sentinel else url.username,
            "password": url.sentinel_password if is_sentinel else url.password,
            "socket_timeout": timeout_seconds,
            "socket_connect_timeout": timeout_seconds,
            "retry": Retry(NoBackoff(), 0),  # whether to try again is for those who ask to decide
            "protocol": 2,
            "client_name": "flask-chat",
            "driver_info": None,
        }
        if node.port == 0:
            make: Any = redis.connection.UnixDomainSocketConnection
            options["path"] = node.host
        else:
            make = redis.connection.SSLConnection if url.tls else redis.connection.Connection
            options |= {"host": node.host, "port": node.port}
        if url.tls:
            options |= {"ssl_ca_certs": url.ca, "ssl_certfile": url.cert, "ssl_keyfile": url.key}
        self._connection = make(**options)
        self._connection.connect()
        self._sock = self._connection._sock
        self._timeout_seconds = self._patience = timeout_seconds
        self._reader = hiredis.Reader(
            protocolError=redis.InvalidResponse,
            replyError=self._connection._parser.parse_error,
            notEnoughData=_NOTHING,
        )

    def send(self, data: bytes) -> None:
        """Send packed commands."""
        try:
            sent = self._sock.send(data)
            if sent < len(data):
                self._sock.sendall(data[sent:])
        except BaseException:
            self.close()  # a command may be half out
            raise

    def read(self, timeout_seconds: float | None = None) -> Any:
        """The next answer. An error that Redis answers with is returned, not raised."""
        while (reply := self._reader.gets()) is _NOTHING:
            self._feed(timeout_seconds or self._timeout_seconds)
        if isinstance(reply, redis.ConnectionError):  # such as LOADING: no answer to a command
            raise reply
        return reply

    def _feed(self, timeout_seconds: float) -> None:
        if timeout_seconds != self._patience:
            self._patience = timeout_seconds
            self._sock.settimeout(timeout_seconds)
        data = self._sock.recv(_CHUNK)
        if not data:
            raise redis.ConnectionError("Redis has closed the connection")
        self._reader.feed(data)

    def ask(self, *command: Word) -> Any:
        """Send one command and read its answer. Raises what Redis answers as an error."""
        self.send(packed(command))
        answer = self.read()
        if isinstance(answer, redis.ResponseError):
            raise answer
        return answer

    def close(self) -> None:
        """Let go of the connection, and of what has not reached the other side yet.

        A network that is back would deliver it after many seconds, as if it had been said now: that
        somebody is disconnected, say, who has come back meanwhile.
        """
        sock = self._connection._sock
        if sock is not None and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
        self._connection.disconnect()
