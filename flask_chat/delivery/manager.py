"""The client manager of python-socketio, over structures that cost a connection little.

A sid points to its session, and the session knows the one room it listens to. python-socketio's own
rooms work as documented, but the application does not use them: `fanout` is the way to send.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import socketio

from . import frames, packets
from .rooms import Room
from .session import Session, message

if TYPE_CHECKING:
    from .engine import Engine


class Manager(socketio.Manager):  # type: ignore[misc]
    """What python-socketio's server asks of its manager."""

    engine: Engine  # set by `install`

    def __init__(self) -> None:
        super().__init__()
        self._sessions: dict[str, Session] = {}  # by the sid of any namespace
        self._coming: set[str] = set()  # sids whose CONNECT is not answered yet
        self._going: set[str] = set()  # sids whose disconnect handler is running
        self._listening: dict[str, Room] = {}  # room_id → who listens, in this process
        self._names: dict[str, bytes] = {}  # event name → how its packets start
        # python-socketio's own rooms, which the application does not use
        self._groups: dict[tuple[str, str], dict[str, Session]] = {}
        self._groups_of: dict[str, set[tuple[str, str]]] = {}

    def get_namespaces(self) -> Iterable[str]:
        """The namespaces clients can be in."""
        return {"/", *self.server.handlers, *self.server.namespace_handlers}

    def emit(
        self,
        event: str,
        data: Any,
        namespace: str,
        room: Any = None,
        skip_sid: Any = None,
        callback: Any = None,
        to: Any = None,
        **_: Any,
    ) -> None:
        """python-socketio's way to send; the application has `deliver` and `send`."""
        skipped = skip_sid if isinstance(skip_sid, list) else [skip_sid]
        args = list(data) if isinstance(data, tuple) else [] if data is None else [data]
        made = None if callback else self._packet(event, args, namespace, None)
        for sid, session in self._participants(namespace, to or room).items():
            if sid not in skipped:
                number = self._generate_ack_id(sid, callback) if callback else None
                for frame in made or self._packet(event, args, namespace, number):
                    session.put(frame)

    def _packet(
        self, event: str, args: list[Any], namespace: str, number: int | None
    ) -> list[bytes]:
        packet = self.server.packet_class(
            packets.EVENT, namespace=namespace, data=[event, *args], id=number
        )
        encoded = packet.encode()
        return [
            message(part.encode()) if isinstance(part, str) else frames.binary(part)
            for part in (encoded if isinstance(encoded, list) else [encoded])
        ]

    def get_participants(self, namespace: str, room: Any) -> Iterator[tuple[str, str]]:
        """(sid, Engine.IO sid) of all in a room; None is the whole namespace."""
        for sid, session in self._participants(namespace, room).items():
            yield sid, session.id

    def _participants(self, namespace: str, room: Any) -> dict[str, Session]:
        found: dict[str, Session] = {}
        for name in room if isinstance(room, list | tuple | set) else (room,):
            found.update(self._members(namespace, name))
        return found

    def _members(self, namespace: str, name: str | None) -> dict[str, Session]:
        if name is None:
            everyone = self._sessions.items()
            return {sid: one for sid, one in everyone if _sid_in(one, namespace) == sid}
        session = self._sessions.get(name)
        if session is not None and _sid_in(session, namespace) == name:
            return {name: session}
        if namespace == "/" and name in self._listening:
            return {one.sid: one for one in self._listening[name].members if one.sid}
        return dict(self._groups.get((namespace, name), {}))

    def pre_connect(self, eio_sid: str, namespace: str) -> str | None:
        """Give a client its sid in a namespace, provisionally; None when it has one."""
        session = self.engine.sessions.get(eio_sid)
        if session is None or _sid_in(session, namespace) is not None:
            return None
        sid = self.engine.generate_id()
        if namespace == "/":
            session.sid = sid
        else:
            session.namespaces = {**(session.namespaces or {}), namespace: sid}
        self._sessions[sid] = session
        self._coming.add(sid)
        return sid

    def connect(self, sid: str, namespace: str) -> str:
        """The client is accepted."""
        self._coming.discard(sid)
        return sid

    def is_pre_connected(self, sid: str, namespace: str) -> bool:
        """Whether its CONNECT is not answered yet."""
        return sid in self._coming

    def is_connected(self, sid: str | None, namespace: str) -> bool:
        """Whether this is the sid of a client that is in the namespace, not coming, not going."""
        if sid is None or sid in self._coming or sid in self._going:
            return False
        session = self._sessions.get(sid)
        return session is not None and _sid_in(session, namespace) == sid

    def sid_from_eio_sid(self, eio_sid: str, namespace: str) -> str | None:
        """The client's sid in a namespace."""
        session = self.engine.sessions.get(eio_sid)
        return None if session is None else _sid_in(session, namespace)

    def eio_sid_from_sid(self, sid: str, namespace: str) -> str | None:
        """The Engine.IO sid of a client."""
        session = self._sessions.get(sid)
        return None if session is None else session.id

    def pre_disconnect(self, sid: str, namespace: str) -> str | None:
        """The disconnect handler is about to run: the client still has a sid, but is gone."""
        self._going.add(sid)
        return self.eio_sid_from_sid(sid, namespace)

    def disconnect(self, sid: str, namespace: str, **_: Any) -> None:
        """The client is out of the namespace. Costs what its own rooms cost."""
        session = self._sessions.get(sid)
        if session is not None:
            if namespace == "/":
                self._exit(session)
                session.sid = None
            elif session.namespaces:
                session.namespaces.pop(namespace, None)
        self._forget_sid(sid)

    def _forget_sid(self, sid: str) -> None:
        self._sessions.pop(sid, None)
        self._coming.discard(sid)
        self._going.discard(sid)
        self.callbacks.pop(sid, None)
        for key in self._groups_of.pop(sid, ()):
            self._leave(sid, key)

    def enter_room(self, sid: str, namespace: str, room: str, eio_sid: str | None = None) -> None:
        """A room of python-socketio's; the application has `enter`. Raises ValueError."""
        session = self._sessions.get(sid)
        if session is None:
            raise ValueError("sid is not connected to requested namespace")
        key = (namespace, room)
        self._groups.setdefault(key, {})[sid] = session
        self._groups_of.setdefault(sid, set()).add(key)

    def leave_room(self, sid: str, namespace: str, room: str) -> None:
        """Leave a room of python-socketio's."""
        self._groups_of.get(sid, set()).discard((namespace, room))
        self._leave(sid, (namespace, room))

    def close_room(self, room: str, namespace: str) -> None:
        """Everybody leaves a room of python-socketio's."""
        for sid in list(self._groups.get((namespace, room), {})):
            self.leave_room(sid, namespace, room)

    def get_rooms(self, sid: str, namespace: str) -> list[str]:
        """The rooms a client is in: its own sid, the one it listens to, and python-socketio's."""
        session = self._sessions.get(sid)
        if session is None:
            return []
        rooms = [sid]
        if namespace == "/" and session.room is not None:
            rooms.append(session.room.room_id)
        return rooms + [name for space, name in self._groups_of.get(sid, ()) if space == namespace]

    def _leave(self, sid: str, key: tuple[str, str]) -> None:
        group = self._groups.get(key)
        if group is not None:
            group.pop(sid, None)
            if not group:
                del self._groups[key]

    def forget(self, session: Session) -> None:
        """The session is over: nothing here knows it any more."""
        self._exit(session)
        for sid in (session.sid, *(session.namespaces or {}).values()):
            if sid is not None:
                self._forget_sid(sid)
        session.sid = session.namespaces = None

    def _exit(self, session: Session) -> None:
        room = session.exit()
        if room is not None and not room.members and self._listening.get(room.room_id) is room:
            del self._listening[room.room_id]


def _sid_in(session: Session, namespace: str) -> str | None:
    if namespace == "/":
        return session.sid
    return session.namespaces.get(namespace) if session.namespaces else None
