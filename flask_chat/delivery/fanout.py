"""Events to connections: which connection listens to which room, and sending to them.

This is the application's side; `manager` is what python-socketio sees of the same object.
"""

from __future__ import annotations

import gevent

from . import frames, packets
from .manager import Manager
from .rooms import Room
from .session import Session

_LOOK_SECONDS = 0.02


class Fanout(Manager):
    """The client manager. A connection listens to one room; the methods never wait."""

    def enter(self, sid: str, room_id: str) -> None:
        """From now on this connection gets what is delivered to the room, and to no other room."""
        session = self._sessions.get(sid)
        if session is None or session.closed:
            return
        self.exit(sid)
        room = self._listening.get(room_id)
        if room is None:
            room = self._listening[room_id] = Room(room_id)
        session.enter(room)

    def exit(self, sid: str) -> None:
        """Listen to no room any more. What was delivered before still comes."""
        session = self._sessions.get(sid)
        if session is not None:
            self._exit(session)

    def deliver(self, room_id: str, name: str, payload: bytes, *, skip: str | None = None) -> None:
        """Send an event to all who listen to the room; `payload` is its argument as JSON."""
        room = self._listening.get(room_id)
        if room is None:
            return
        start = room.size
        if not room.frames:
            self.engine.outbox.rooms.append(room)
            self.engine.reactor.wake()
        room.add(self._frame(name, payload))
        if skip is not None:
            session = self._sessions.get(skip)
            if session is not None and session.room is room:
                session.leave_out(start, room.size)

    def send(self, sid: str, name: str, payload: bytes) -> None:
        """Send an event to one connection, in order with `deliver`."""
        session = self._sessions.get(sid)
        if session is not None:
            session.put(self._frame(name, payload))

    def close(self, sid: str) -> None:
        """Disconnect a client for good: it gets all that was sent before, and does not come back.

        Within a handler for this client the acknowledgement goes out first.
        """
        session = self._sessions.get(sid)
        if session is not None:
            self.engine.dispatcher.farewell(session)

    def close_all(self, spread_seconds: float = 0.0) -> None:
        """Close all connections so that the clients come back, over some seconds if asked.

        A connection with events that are not acknowledged yet is read no further, and closed behind
        the acknowledgements. Closing is begun, not done: see `wait_until_empty`.
        """
        sessions = list(self.engine.sessions.values())
        pause = spread_seconds / len(sessions) if sessions else 0.0
        slept = 0.0
        late = []
        try:
            for count, session in enumerate(sessions):
                if _is_at_rest(session):
                    self._send_away(session)
                else:
                    late.append(session)
                    if session.wire is not None:
                        session.wire.stop()
                if pause and count * pause - slept > 0.05:
                    gevent.sleep(count * pause - slept)
                    slept = count * pause
            while late:
                gevent.sleep(_LOOK_SECONDS)
                for session in filter(_is_at_rest, late):
                    self._send_away(session)
                late = [session for session in late if not session.closed]
        finally:  # the time is over: the clients send again what was not acknowledged
            for session in late:
                self._send_away(session)

    def _send_away(self, session: Session) -> None:
        engine = self.engine
        reason = engine.reason.SERVER_DISCONNECT
        engine.close(session, reason, code=frames.GOING_AWAY, why="server is stopping")

    def wait_until_empty(self) -> None:
        """Wait until every client has got its last words and has closed its side, or is lost."""
        while self.engine.sessions or len(self.engine.reactor):
            gevent.sleep(_LOOK_SECONDS)

    def connections(self) -> int:
        """How many clients this process has."""
        return len(self.engine.sessions)

    def listeners(self, room_id: str) -> int:
        """How many connections of this process listen to the room."""
        room = self._listening.get(room_id)
        return len(room.members) if room is not None else 0

    def _frame(self, name: str, payload: bytes) -> bytes:
        start = self._names.get(name)
        if start is None:
            start = b"42[" + packets.encode(name) + b","
            if len(self._names) < 100:
                self._names[name] = start
        length = len(start) + len(payload) + 1
        return frames.header(frames.TEXT, length) + start + payload + b"]"


def _is_at_rest(session: Session) -> bool:
    return session.tasks is None and not session.owed
