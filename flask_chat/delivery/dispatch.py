"""Packets to handlers: the Socket.IO v5 layer between the engine and python-socketio's server.

An event in the namespace "/" without attachments takes the short way: decoded once, straight to
the namespace's `trigger_event`, the acknowledgement into the write of this turn. The rest (other
namespaces, attachments, acknowledgements of clients) goes on through python-socketio's server, but
is checked more strictly first.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gevent
from socketio import exceptions

from . import frames, packets
from .doorway import Doorway
from .packets import RESERVED, Packet
from .reading import Stop
from .session import Session, message

if TYPE_CHECKING:
    from .engine import Engine

log = logging.getLogger(__name__)

_TASKS_LIMIT = 64  # of one connection, waiting for its handler; more stay in the socket
_REFUSED = {"message": "Connection rejected by server"}

# What a connect handler may want to know of the handshake; the rest is not kept.
_KEPT = (
    "REMOTE_ADDR",
    "HTTP_HOST",
    "HTTP_ORIGIN",
    "HTTP_COOKIE",
    "HTTP_USER_AGENT",
    "HTTP_X_FORWARDED_FOR",
    "QUERY_STRING",
    "wsgi.url_scheme",
    "flask.app",
)


class NotConnectedError(Exception):
    """A client sent to a namespace that it is not in, which no client does (Socket.IO v5)."""


class Dispatcher:
    """Gives what clients send to the handlers registered with the server."""

    def __init__(self, server: Any, engine: Engine) -> None:
        self._server = server
        self._engine = engine
        self._may_block = engine.settings.may_block
        self._binary: dict[Session, tuple[Packet, list[bytes]]] = {}  # attachments are coming
        self._doorway = Doorway(engine.reactor.later, engine.called)

    # What the engine tells

    def opened(self, session: Session, environ: dict[str, Any]) -> None:
        """A session is open; the client is in no namespace yet."""
        if self._server.handlers:  # decorated handlers of Flask-SocketIO need all of it, for ever
            session.environ = environ
        else:
            session.environ = {name: environ[name] for name in _KEPT if name in environ}
        self._server._handle_eio_connect(session.id, session.environ)

    def closed(self, session: Session, reason: str) -> None:
        """The transport has gone: tell the handlers of each namespace, then forget the session."""
        self._binary.pop(session, None)
        self._doorway.leave(session)
        self.run(session, self._gone, session, reason)

    def event(self, session: Session, payload: bytes) -> None:
        """A message that starts with `42`. Raises ValueError for an invalid packet."""
        start = 2
        if payload[2:3] != b"[":
            start = payload.find(b"[", 2, 3 + packets.MAX_ID_DIGITS)
            if start < 0 or not payload[2:start].isdigit():
                self.message(session, payload[1:].decode())
                return
        data = packets.loads(payload[start:])
        if not data or type(data[0]) is not str or data[0] in RESERVED:
            packets.check_event(data)
        if session in self._binary:
            raise ValueError("an attachment was to come")
        if self._may_block or session.sid is None:
            soon = self._soon(data[0]) if session.tasks is None and session.sid else None
            if soon is not None:
                self._event_soon(session, payload[2:start], data, soon)
            else:
                self.run(session, self._event, session, payload[2:start], data)
        else:
            self._event(session, payload[2:start], data)

    def message(self, session: Session, text: str) -> None:
        """Any Socket.IO packet as text. Raises ValueError for an invalid one."""
        if session in self._binary:
            raise ValueError("an attachment was to come")
        packet = packets.parse(text)
        if packet.kind == packets.CONNECT and not self._doorway.enter(session):
            raise Stop
        if packet.attachments:
            self._binary[session] = (packet, [])
        else:
            self.run(session, self._packet, session, packet)

    def attachment(self, session: Session, data: bytes) -> None:
        """A binary message. Raises ValueError when none is expected."""
        if session not in self._binary:
            raise ValueError("an unexpected attachment")
        packet, attachments = self._binary[session]
        attachments.append(data)
        if len(attachments) == packet.attachments:
            del self._binary[session]
            filled = packets.fill(packet.data, attachments)
            self.run(session, self._packet, session, packet._replace(data=filled))

    def keeps_waiting(self, session: Session) -> bool:
        """Whether its CONNECT is here and has to wait for those of others."""
        return session in self._doorway

    # Running handlers

    def run(self, session: Session, task: Callable[..., None], *args: Any) -> None:
        """Run a task for this session: now, or after the one that is running for it."""
        if session.tasks is not None:
            session.tasks.append((task, args))
            wire = session.wire
            if len(session.tasks) >= _TASKS_LIMIT and wire is not None and not session.closed:
                wire.stop()
        elif self._may_block:
            session.tasks = deque(((task, args),))
            gevent.spawn(self._work, session)
        else:
            session.tasks = deque(((task, args),))
            self._work(session)

    def _work(self, session: Session) -> None:
        """Run the tasks of a session, one after the other, until there are none."""
        tasks = session.tasks
        assert tasks is not None
        session.busy = True
        while tasks:
            task, args = tasks.popleft()
            try:
                task(*args)
            except NotConnectedError:
                self._engine.fail(session, "not connected to the namespace")
            except Exception:
                log.exception("A Socket.IO handler failed")
            session.busy = False
            self._end(session)
            session.busy = True
        session.busy = False
        session.tasks = None
        wire = session.wire
        if wire is not None:
            wire.go_on()

    # Tasks

    def _event(self, session: Session, number: bytes, data: list[Any]) -> None:
        """An event in the namespace "/"."""
        sid = session.sid
        if session.closed or session.farewell:
            return
        if sid is None:
            raise NotConnectedError
        session.busy = True
        try:
            value = self._trigger(data, sid)
            if number and value is not self._server.not_handled:
                session.put(frames.text(packets.ack(number, value)))
        except Exception:
            log.exception("The handler of a Socket.IO event failed")
        finally:
            session.busy = session.tasks is not None
        self._end(session)

    def _soon(self, event: str) -> Callable[..., None] | None:
        """The handler that never waits itself, where the namespace "/" has one for this event."""
        namespace = self._server.namespace_handlers.get("/")
        found: Callable[..., None] | None = getattr(namespace, "soon", {}).get(event)
        return found

    def _event_soon(
        self, session: Session, number: bytes, data: list[Any], soon: Callable[..., None]
    ) -> None:
        """An event that is answered later. Those that come meanwhile do not wait for that."""
        if session.closed or session.farewell:
            return

        def answer(value: Any) -> None:
            session.owed -= 1
            if number:
                session.put(frames.text(packets.ack(number, value)))

        session.owed += 1
        try:
            soon(answer, session.sid, *data[1:])
        except Exception:
            session.owed -= 1
            log.exception("The handler of a Socket.IO event failed")

    def _trigger(self, data: list[Any], sid: str) -> Any:
        server = self._server
        namespace = server.namespace_handlers.get("/")
        if namespace is None or server.handlers:
            return server._trigger_event(data[0], "/", sid, *data[1:])
        return namespace.trigger_event(data[0], sid, *data[1:])

    def _packet(self, session: Session, packet: Packet) -> None:
        server, namespace = self._server, packet.namespace
        if session.closed or session.farewell:
            return
        if packet.kind == packets.CONNECT:
            try:
                self._connect(session, namespace, packet.data)
            finally:
                self._doorway.leave(session)
            return
        if server.manager.sid_from_eio_sid(session.id, namespace) is None:
            raise NotConnectedError
        if packet.kind == packets.DISCONNECT:
            server._handle_disconnect(session.id, namespace, server.reason.CLIENT_DISCONNECT)
            if session.sid is None and not session.namespaces:
                self._engine.left(session)
        elif packet.kind in (packets.EVENT, packets.BINARY_EVENT):
            server._handle_event(session.id, namespace, packet.id, packet.data)
        else:
            server._handle_ack(session.id, namespace, packet.id, packet.data)

    def _connect(self, session: Session, namespace: str, auth: Any) -> None:
        """CONNECT: ask the handler; its answer goes out before all that the handler sent."""
        server, manager = self._server, self._server.manager
        known = namespace in server.handlers or namespace in server.namespace_handlers
        if not (known or server.namespaces == "*" or namespace in server.namespaces):
            session.put(_refusal(namespace, {"message": "Invalid namespace"}))
            return
        sid = manager.pre_connect(session.id, namespace)
        if sid is None:
            session.put(_refusal(namespace, {"message": "Already connected"}))
            return
        mark = session.hold()
        try:
            refusal = self._ask(session, namespace, sid, auth)
        except Exception:
            log.exception("The connect handler failed")
            refusal = _REFUSED
        if session.closed:  # while the handler waited
            if refusal is None:
                manager.connect(sid, namespace)  # so that `_gone`, which comes next, tells it
            return
        if refusal is not None:
            session.release(mark, _refusal(namespace, refusal), drop=True)
            manager.disconnect(sid, namespace, ignore_queue=True)
            return
        manager.connect(sid, namespace)
        self._engine.connected(session)
        answer = b'{"sid":"%s"}' % sid.encode()
        session.release(mark, message(b"0" + _prefix(namespace) + answer))
        if namespace == "/" and not server.handlers:
            session.environ = None
            server.environ.pop(session.id, None)

    def _ask(self, session: Session, namespace: str, sid: str, auth: Any) -> Any:
        """What the connect handler says against this client; None when it is welcome."""
        environ = session.environ if session.environ is not None else {}
        args = (auth,) if auth is not None else ()
        try:
            try:
                said = self._server._trigger_event("connect", namespace, sid, environ, *args)
            except TypeError:
                # handlers may leave out the parameter for `auth`, or ask for it
                other = () if args else (None,)
                said = self._server._trigger_event("connect", namespace, sid, environ, *other)
        except exceptions.ConnectionRefusedError as refused:
            return refused.error_args
        except ConnectionRefusedError:
            return {"message": "Connection refused by server"}
        return _REFUSED if said is False else None

    def _gone(self, session: Session, reason: str) -> None:
        """The last task of a session."""
        try:
            self._server._handle_eio_disconnect(session.id, reason)
        finally:
            self._server.manager.forget(session)
            self._engine.forget(session)
            session.environ = None

    def farewell(self, session: Session) -> None:
        """Disconnect the client from "/" for good and close, after the running handler's answer."""
        session.farewell = True
        self._end(session)

    def _end(self, session: Session) -> None:
        """Carry out a farewell that had to wait for a handler."""
        if session.farewell and not session.busy and not session.closed:
            session.put(_BYE)
            self._engine.close(session, self._server.reason.SERVER_DISCONNECT)


_BYE = message(b"1")


def _prefix(namespace: str) -> bytes:
    return b"" if namespace == "/" else namespace.encode() + b","


def _refusal(namespace: str, reason: Any) -> bytes:
    return message(b"4" + _prefix(namespace) + packets.encode(reason))
