"""The Engine.IO v4 server under python-socketio: sessions, heartbeat, upgrade, closing.

It takes the place of `engineio.Server`; `requests` is its HTTP side, `reactor` moves the bytes of
its WebSockets, `dispatch` gets the messages.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic
from typing import Any, Protocol

from . import frames, polling
from .interface import EngineInterface
from .outbox import Outbox
from .reactor import Reactor
from .requests import Accepts, Requests, same_origin
from .session import Session
from .settings import EngineSettings
from .upgrade import Upgrades
from .websocket import Wire

log = logging.getLogger(__name__)

_TICK_SECONDS = 0.25  # how exact heartbeats are, at the usual intervals
_PARTING_SECONDS = 5.0  # for a polling client to fetch the last words of a closed session
_LEAVING_SECONDS = 0.25  # for a client that said it leaves to close its WebSocket
_PING = frames.text(b"2")


class Dispatcher(Protocol):
    """Who gets the messages: the Socket.IO layer."""

    def event(self, session: Session, payload: bytes) -> None: ...
    def message(self, session: Session, text: str) -> None: ...
    def attachment(self, session: Session, data: bytes) -> None: ...
    def opened(self, session: Session, environ: dict[str, Any]) -> None: ...
    def closed(self, session: Session, reason: str) -> None: ...
    def keeps_waiting(self, session: Session) -> bool: ...
    def farewell(self, session: Session) -> None: ...
    def run(self, session: Session, task: Callable[..., None], *args: Any) -> None: ...


class Engine(EngineInterface):
    """All sessions of this process."""

    def __init__(
        self,
        settings: EngineSettings,
        dispatcher: Callable[[Engine], Dispatcher],
        accepts: Accepts = same_origin,
    ) -> None:
        self.settings = settings
        self.logger = log
        self.sessions: dict[str, Session] = {}
        self.parting: dict[str, Session] = {}  # closed, with something left for one more poll
        self.handlers: dict[str, Callable[..., Any]] = {}
        delays = (settings.ping_interval_seconds, settings.ping_timeout_seconds)
        self.reactor = Reactor(
            packet_limit=settings.packet_limit_bytes,
            backlog_limit=settings.backlog_limit_bytes,
            tick_seconds=max(0.005, min(_TICK_SECONDS, min(delays) / 20)),
        )
        self.outbox = Outbox(settings.gather_seconds, self.reactor.wake_in)
        self.reactor.flush = self.outbox.flush
        self.reactor.on_slow = self._slow_wire
        deadline = self.reactor.deadline
        self._ping = deadline(settings.ping_interval_seconds, self._send_ping)
        self._pong = deadline(settings.ping_timeout_seconds, self._no_pong)
        self._connect = deadline(settings.connect_timeout_seconds, self._no_connect)
        self.upgrades = Upgrades(self, settings.upgrade_timeout_seconds)
        self._leaving = deadline(
            _LEAVING_SECONDS, lambda wire, _: wire.close(frames.NORMAL, "", "client disconnect")
        )
        self._parting = deadline(_PARTING_SECONDS, lambda gone, _: self.part(gone))
        self.dispatcher = dispatcher(self)
        self.requests = Requests(self, accepts)

    # Opening and closing

    def open(self, environ: dict[str, Any]) -> Session:
        """A new session. The caller gives it a transport and sends the OPEN packet."""
        session = Session(self, self.settings.session_prefix + self.generate_id())
        self.sessions[session.id] = session
        self.dispatcher.opened(session, environ)
        self._ping.add(session)
        self._connect.add(session)
        return session

    def open_packet(self, session: Session, upgrades: bytes) -> bytes:
        """The OPEN packet (Engine.IO v4, "Handshake"); times in milliseconds."""
        settings = self.settings
        return (
            b'0{"sid":"%s","upgrades":[%s],"pingInterval":%d,"pingTimeout":%d,"maxPayload":%d}'
        ) % (
            session.id.encode(),
            upgrades,
            round(settings.ping_interval_seconds * 1000),
            round(settings.ping_timeout_seconds * 1000),
            settings.packet_limit_bytes or 2**31 - 1,
        )

    def connected(self, session: Session) -> None:
        """The client is in a namespace: it need not hurry any more."""
        self._connect.remove(session)

    def left(self, session: Session) -> None:
        """The client is in no namespace any more; it may connect again, but not idle for ever."""
        if not session.closed:
            self._connect.add(session)

    def close(
        self, session: Session, reason: str, *, code: int = frames.NORMAL, why: str = ""
    ) -> None:
        """Close a session, behind everything it has been sent in this turn."""
        if session.closed:
            return
        self.flush(session)
        if session.wire is not None:
            session.wire.close(code, why, reason)  # tells the session, which tells us
        elif (
            reason == self.reason.SERVER_DISCONNECT
            and session.waiting
            and session.poll is not None
            and not session.poll.waiting
        ):
            # a farewell between two polls: the next one gets what was said last
            self.parting[session.id] = session
            self._parting.add(session)
        self.closed(session, reason)

    def fail(self, session: Session, why: str) -> None:
        """The client broke a protocol: close it, and drop what it still had to get."""
        if session.wire is not None:
            session.wire.close(frames.POLICY_VIOLATION, why, "parse error", at_once=True)
        self.closed(session, "parse error")

    def closed(self, session: Session, reason: str, last: bytes = polling.CLOSE) -> None:
        """Forget a session whose transport has gone or is going."""
        if session.closed:
            return
        session.closed = True
        for deadlines in (self._ping, self._pong, self._connect):
            deadlines.remove(session)
        if session.poll is not None:
            session.poll.release(last)
        if session.probe is not None:
            session.probe.wire.close(frames.NORMAL, "", reason)
        self.dispatcher.closed(session, reason)

    def forget(self, session: Session) -> None:
        """The application knows that the session is closed: nothing needs it any more."""
        self.sessions.pop(session.id, None)

    def part(self, session: Session) -> None:
        """A closed session on long polling has had its last poll."""
        self.parting.pop(session.id, None)
        self._parting.remove(session)

    def flush(self, session: Session) -> None:
        """Send what this session has to get now, before the turn ends."""
        if session.room is not None and session.room.frames:
            session.exit()
        session.flush()

    def too_slow(self, session: Session) -> None:
        """More is unsent than one connection may have. Its client comes back and catches up."""
        if session.closed:
            return
        log.warning(
            "A connection reads too slowly and is closed (over %d unsent bytes)",
            self.settings.backlog_limit_bytes,
        )
        if session.wire is not None:
            session.wire.close(
                frames.POLICY_VIOLATION, "reading too slowly", "transport error", at_once=True
            )
        self.closed(session, self.reason.TRANSPORT_ERROR)

    def _slow_wire(self, wire: Wire) -> None:
        if isinstance(wire.receiver, Session):
            self.too_slow(wire.receiver)
        else:
            wire.drop("transport error")

    def shutdown(self) -> None:
        """Close everything, without ceremony."""
        self.disconnect()
        self.outbox.flush()
        self.reactor.stop()

    # Packets

    def packet(self, session: Session, payload: bytes) -> None:
        """A packet that is not an event. Raises ValueError for what is not allowed."""
        kind = payload[:1]
        if kind == b"4":
            self.dispatcher.message(session, payload[1:].decode())
        elif payload == b"3":
            # one that was not asked for changes nothing: it must not put off the next ping
            if self._pong.remove(session):
                self._ping.add(session)
        elif payload == b"1":
            self._close_packet(session)
        elif payload != polling.NOOP:
            raise ValueError("not an Engine.IO packet of a client")

    def _close_packet(self, session: Session) -> None:
        self.closed(session, self.reason.CLIENT_DISCONNECT, polling.NOOP)
        if session.wire is not None:
            # clients close the WebSocket themselves right after this; a close frame of ours would
            # cross theirs, and some then leave their socket open
            session.wire.receiver = None
            self._leaving.add(session.wire)

    def check(self, session: Session) -> None:
        """Do what is due for this session before one of its requests is answered."""
        now = monotonic()
        self._ping.check(session, now)
        self._pong.check(session, now)

    def _send_ping(self, session: Session, late_by: float) -> None:
        session.put(_PING)
        # a tick late is made up for; after a longer stall the client gets its full time
        self._pong.add(session, late_by=late_by if late_by < _TICK_SECONDS else 0.0)

    def _no_pong(self, session: Session, _late_by: float) -> None:
        if self.dispatcher.keeps_waiting(session):  # what it has sent is not read
            self._pong.add(session)
            return
        self.close(session, self.reason.PING_TIMEOUT, code=frames.GOING_AWAY, why="ping timeout")

    def called(self, session: Session) -> None:
        """It has stood in the line: what it has sent meanwhile is read from now on."""
        for deadlines in (self._pong, self._connect):
            if deadlines.remove(session):
                deadlines.add(session)

    def _no_connect(self, session: Session, _late_by: float) -> None:
        if self.dispatcher.keeps_waiting(session):
            self._connect.add(session)
            return
        self.close(session, "connect timeout", code=frames.POLICY_VIOLATION, why="no CONNECT")
