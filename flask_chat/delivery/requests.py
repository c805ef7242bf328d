"""The HTTP side of Engine.IO v4: handshakes, polls, posts, and every request that is refused.

A WSGI application. WebSocket handshakes take the socket away from the HTTP server, so that nothing
of the request is kept for the hours the connection lives.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from gevent import monkey

from . import answers, frames, polling
from .answers import Answer, StartResponse
from .websocket import Wire

if TYPE_CHECKING:
    from .engine import Engine
    from .session import Session

Accepts = Callable[[str, dict[str, Any]], bool]  # whether a page of this origin may connect

_raw_socket = monkey.get_original("socket", "socket")


class Requests:
    """Answers what arrives at /socket.io/."""

    def __init__(self, engine: Engine, accepts: Accepts) -> None:
        self._engine = engine
        self._accepts = accepts

    def handle(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """The WSGI application."""
        answer = Answer(environ, start_response)
        origin = environ.get("HTTP_ORIGIN")
        if origin is not None:
            if not self._accepts(origin, environ):
                return answer.error(answers.FORBIDDEN, "403 Forbidden")
            answer.allow(origin)
        method = environ["REQUEST_METHOD"]
        if method == "OPTIONS":
            return answer.preflight()
        try:
            query = parse_qs(environ.get("QUERY_STRING", ""), max_num_fields=20)
        except ValueError:
            return answer.error(answers.BAD_REQUEST)
        transport = query.get("transport", [""])[0]
        if transport not in ("polling", "websocket"):
            return answer.error(answers.UNKNOWN_TRANSPORT)
        session_id = query.get("sid", [""])[0]
        if not session_id:
            if method != "GET":
                return answer.error(answers.BAD_METHOD)
            if query.get("EIO", [""])[0] != "4":
                return answer.error(answers.BAD_VERSION)
            return self._open_polling(answer) if transport == "polling" else self._open(answer)
        return self._in_session(session_id, transport, answer)

    def _in_session(self, session_id: str, transport: str, answer: Answer) -> Iterable[bytes]:
        method = answer.environ["REQUEST_METHOD"]
        session = self._engine.sessions.get(session_id)
        if session is not None:
            self._engine.check(session)
        if session is None or session.closed:
            gone = self._engine.parting.get(session_id)
            if gone is None or method != "GET" or transport != "polling":
                return answer.error(answers.UNKNOWN_SESSION)
            self._engine.part(gone)
            return answer.text(polling.encode(gone.take()) + b"\x1e" + polling.CLOSE)
        if session.poll is None:  # upgraded, or a WebSocket from the start
            return answer.error(answers.BAD_REQUEST)
        if transport == "websocket":
            return self._probe(session, answer)
        if method == "GET":
            return self._poll(session, session.poll, answer)
        if method == "POST":
            return self._post(session, session.poll, answer)
        return answer.error(answers.BAD_REQUEST)

    # Opening a session

    def _open_polling(self, answer: Answer) -> Iterable[bytes]:
        if answer.environ.get("HTTP_UPGRADE", "").strip().lower() == "websocket":
            return answer.error(answers.BAD_REQUEST)
        session = self._engine.open(answer.environ)
        session.poll = polling.Poll()
        self._engine.reactor.start()
        upgrades = b'"websocket"' if _can_take(answer.environ) else b""
        return answer.text(self._engine.open_packet(session, upgrades))

    def _open(self, answer: Answer) -> Iterable[bytes]:
        try:
            response = frames.handshake(answer.environ)
        except ValueError as error:
            return answer.error((answers.BAD_REQUEST[0], str(error)))
        if not _can_take(answer.environ):
            return answer.error(answers.BAD_REQUEST, "501 Not Implemented")
        sock, first = _take(answer.environ)
        session = self._engine.open(answer.environ)
        wire = session.wire = Wire(sock, self._engine.reactor, session, first)
        self._engine.reactor.add(wire)
        wire.write(response + frames.text(self._engine.open_packet(session, b"")))
        if first:
            self._engine.reactor.again(wire)
        return _done(answer.environ)

    def _probe(self, session: Session, answer: Answer) -> Iterable[bytes]:
        """A WebSocket for a session that polls (Engine.IO v4, "Upgrade")."""
        try:
            response = frames.handshake(answer.environ)
        except ValueError as error:
            return answer.error((answers.BAD_REQUEST[0], str(error)))
        if session.probe is not None or not _can_take(answer.environ):
            return answer.error(answers.BAD_REQUEST)
        sock, first = _take(answer.environ)
        self._engine.upgrades.start(session, sock, first, response)
        return _done(answer.environ)

    # Long polling

    def _poll(self, session: Session, poll: polling.Poll, answer: Answer) -> Iterable[bytes]:
        if poll.waiting:
            self._engine.closed(session, self._engine.reason.TRANSPORT_ERROR)
            return answer.error(answers.BAD_REQUEST)
        packet = None
        if not session.waiting:
            packet = poll.wait(answer.environ)
        if poll.gone:
            self._engine.closed(session, self._engine.reason.TRANSPORT_CLOSE)
            return answer.error(answers.UNKNOWN_SESSION)
        if session.poll is not None and (session.waiting or packet is None):
            # what is there goes out even if the session has been closed in the meantime
            body = polling.encode(session.take())
            return answer.text(
                body + b"\x1e" + packet if session.closed and packet else body or polling.NOOP
            )
        return answer.text(packet or polling.NOOP)

    def _post(self, session: Session, poll: polling.Poll, answer: Answer) -> Iterable[bytes]:
        if poll.posting:
            self._engine.closed(session, self._engine.reason.TRANSPORT_ERROR)
            return answer.error(answers.BAD_REQUEST)
        poll.posting = True
        try:
            body = _body(answer.environ, self._engine.settings.packet_limit_bytes)
        finally:
            poll.posting = False
        if body is None:
            self._engine.closed(session, self._engine.reason.TRANSPORT_ERROR)
            return answer.error(answers.BAD_REQUEST, "413 Content Too Large")
        try:
            for is_binary, packet in polling.decode(body):
                if session.closed:
                    break
                if is_binary:
                    session.binary(packet)
                else:
                    session.text(packet)
        except ValueError:
            self._engine.fail(session, "invalid payload")
            return answer.error(answers.BAD_REQUEST)
        return answer.text(b"ok")


def same_origin(origin: str, environ: dict[str, Any]) -> bool:
    """Whether a request comes from a page of this server (RFC 6455 §10.2)."""
    return origin == f"{environ.get('wsgi.url_scheme', 'http')}://{environ.get('HTTP_HOST', '')}"


def _body(environ: dict[str, Any], limit: int) -> bytes | None:
    """The body of the request; None when it is longer than allowed, and then not read."""
    source, length = environ["wsgi.input"], environ.get("CONTENT_LENGTH")
    if length:
        if not length.isdigit() or (limit and int(length) > limit):
            return None
        return bytes(source.read(int(length)))
    body = bytes(source.read(limit + 1) if limit else source.read())
    return None if limit and len(body) > limit else body


def _can_take(environ: dict[str, Any]) -> bool:
    if "chat.take_socket" in environ:
        return True
    sock = environ.get("gunicorn.socket")
    return sock is not None and not hasattr(
        sock, "do_handshake"
    )  # TLS ends before us, or not at all


class _Socket(_raw_socket):  # type: ignore[misc, valid-type]
    """A plain socket, for gevent's keeps two watchers for each, that tells when it is closed."""

    __slots__ = ("closed",)

    closed: Callable[[], None]

    def close(self) -> None:
        closed, self.closed = self.closed, _nobody_counts
        super().close()
        closed()


def _nobody_counts() -> None:
    pass


def _take(environ: dict[str, Any]) -> tuple[Any, bytes]:
    """The raw socket of the request, ready for use, and what has been read from it already."""
    first = b""
    if "chat.take_socket" in environ:
        taken, first, closed = environ["chat.take_socket"]()
        fd = taken.detach()
    else:
        # gunicorn closes its socket when the worker's greenlet ends; ours is another descriptor
        taken = environ["gunicorn.socket"]
        fd, closed = os.dup(taken.fileno()), _nobody_counts
    sock = _Socket(taken.family, taken.type, taken.proto, fileno=fd)
    sock.closed = closed
    sock.setblocking(False)
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock, first


def _done(environ: dict[str, Any]) -> Iterable[bytes]:
    """Nothing more to answer. gunicorn's worker ends a connection silently on StopIteration."""
    if "chat.take_socket" not in environ:
        raise StopIteration
    return []
