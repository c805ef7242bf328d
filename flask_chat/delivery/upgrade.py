"""From long polling to WebSocket (Engine.IO v4, "Upgrade"), without losing or doubling anything.

The client opens a WebSocket beside its polling session and probes it. Until it says that it goes on
there, everything still leaves by polling; from then on, what waits goes down the WebSocket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import frames, polling
from .websocket import Wire

if TYPE_CHECKING:
    from .engine import Engine
    from .session import Session

_PONG_PROBE = frames.text(b"3probe")


class Upgrades:
    """The WebSockets that are being tried."""

    def __init__(self, engine: Engine, seconds: float) -> None:
        self._engine = engine
        self._deadline = engine.reactor.deadline(seconds, self._no_upgrade)

    def start(self, session: Session, sock: Any, first: bytes, response: bytes) -> None:
        """A client on long polling tries a WebSocket."""
        probe = Probe(self, session)
        wire = probe.wire = Wire(sock, self._engine.reactor, probe, first)
        session.probe = probe
        self._engine.reactor.add(wire)
        self._deadline.add(probe)
        wire.write(response)
        wire.resume()

    def probed(self, probe: Probe) -> None:
        """The probe came: answer it, and keep polls short, so that the last one can end."""
        poll = probe.session.poll
        if poll is not None:
            poll.upgrading = True
            probe.wire.write(_PONG_PROBE)
            poll.release(polling.NOOP)

    def upgraded(self, probe: Probe) -> None:
        """The client goes on with the WebSocket; what waits goes there."""
        session, wire = probe.session, probe.wire
        self._deadline.remove(probe)
        poll, session.poll, session.probe = session.poll, None, None
        wire.receiver, session.wire = session, wire
        if poll is not None:
            poll.release(polling.NOOP)
        self._engine.outbox.sessions.append(session)
        self._engine.reactor.wake()

    def lost(self, probe: Probe) -> None:
        """The WebSocket did not work out. The session goes on polling and has lost nothing."""
        self._deadline.remove(probe)
        session = probe.session
        if session.probe is probe:
            session.probe = None
            if session.poll is not None:
                session.poll.upgrading = False

    def _no_upgrade(self, probe: Probe, _late_by: float) -> None:
        probe.wire.close(frames.POLICY_VIOLATION, "upgrade timeout", "upgrade timeout")


class Probe:
    """A WebSocket that is being tried by a session on long polling (websocket.Receiver)."""

    __slots__ = ("_answered", "_upgrades", "session", "wire")

    wire: Wire

    def __init__(self, upgrades: Upgrades, session: Session) -> None:
        self._upgrades, self.session, self._answered = upgrades, session, False

    def text(self, payload: bytes) -> None:
        """First the probe, then UPGRADE; anything else breaks the protocol."""
        if payload == b"2probe" and not self._answered:
            self._answered = True
            self._upgrades.probed(self)
        elif payload == b"5" and self._answered and self.session.probe is self:
            self._upgrades.upgraded(self)
        else:
            raise ValueError("not an upgrade")

    def binary(self, _: bytes) -> None:
        """Nothing binary belongs here."""
        raise ValueError("not an upgrade")

    def drained(self) -> None:
        """Nothing waits for that."""

    def ending(self) -> None:
        """Nothing is left to send."""

    def lost(self, _wire: Wire, _reason: str) -> None:
        """The WebSocket is closed before the upgrade."""
        self._upgrades.lost(self)
