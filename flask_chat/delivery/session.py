"""One Engine.IO session: a client, whichever transport it is on, and its packets on the way out.

Everything a client is sent is kept as WebSocket frames, so that an upgrade just moves them to the
socket; for long polling they are turned back into packets (`polling`).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from . import frames
from .rooms import Edit, Room, edited, not_straight
from .websocket import Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from .engine import Engine
    from .polling import Poll
    from .upgrade import Probe

Task = tuple["Callable[..., None]", tuple[Any, ...]]


class Session:
    """State of one client. The engine opens and closes it."""

    __slots__ = (
        "_edits",
        "_out",
        "busy",
        "closed",
        "engine",
        "environ",
        "farewell",
        "held",
        "id",
        "namespaces",
        "owed",
        "place",
        "poll",
        "probe",
        "room",
        "sid",
        "tasks",
        "user",
        "wire",
    )

    def __init__(self, engine: Engine, session_id: str) -> None:
        self.engine = engine
        self.id = session_id  # Engine.IO's; a secret between this client and the server
        self.sid: str | None = None  # Socket.IO's in the namespace "/", once asked for
        self.namespaces: dict[str, str] | None = None  # other namespaces: their sids
        self.environ: dict[str, Any] | None = None  # of the handshake, until it has connected
        self.room: Room | None = None  # what it listens to
        self.place = 0  # among the members of the room
        self.wire: Wire | None = None  # the WebSocket, once it is the transport
        self.poll: Poll | None = None  # the state of long polling, until upgraded
        self.probe: Probe | None = None  # a WebSocket that is being tried
        self.held = False  # the answer to CONNECT has to be out first
        self.closed = False
        self.busy = False  # a handler is running for it
        self.owed = 0  # events that are being handled and will be answered later
        self.farewell = False  # close when that handler is done
        self.tasks: deque[Task] | None = None  # what waits for that handler (`dispatch`)
        self.user: dict[str, Any] | None = None  # python-socketio's session of the application
        self._out: list[bytes] | None = None  # frames that are not part of the room's text
        self._edits: list[Edit] | None = None  # of the room's text

    # Messages of the client (websocket.Receiver)

    def text(self, payload: bytes) -> None:
        """A packet. Raises ValueError when it breaks the protocol, Stop to have it later."""
        if payload[:2] == b"42":
            self.engine.dispatcher.event(self, payload)
        else:
            self.engine.packet(self, payload)

    def binary(self, payload: bytes) -> None:
        """An attachment came in."""
        self.engine.dispatcher.attachment(self, payload)

    def ending(self) -> None:
        """The client closes the WebSocket."""
        self.engine.flush(self)

    def lost(self, wire: Wire, reason: str) -> None:
        """The WebSocket has gone."""
        if wire is self.wire:
            self.engine.closed(self, reason)

    def drained(self) -> None:
        """The WebSocket has taken all that was queued."""
        self.ready()

    # Going out

    def put(self, frame: bytes) -> None:
        """Send a frame at the end of the turn, behind all that was put or delivered before."""
        if self.closed:
            return
        room = self.room
        if room is not None and room.frames:
            self._edit((room.size, room.size, frame))
        else:
            if self._out is None or self.wire is None:
                self.engine.outbox.sessions.append(self)
            if self._out is None:
                self._out = []
            self._out.append(frame)
            self._not_straight()
            self.engine.reactor.wake()

    def leave_out(self, start: int, end: int) -> None:
        """Do not get this part of the room's text."""
        self._edit((start, end, b""))

    def enter(self, room: Room) -> None:
        """Listen to a room, from the next frame on."""
        self.exit()
        self.room = room
        room.join(self)
        if room.frames:
            self._edit((0, room.size, b""))
        else:
            self.ready()

    def exit(self) -> Room | None:
        """Listen to no room. What was delivered before still comes. Gives the room it was."""
        room, self.room = self.room, None
        if room is None:
            return None
        room.part(self)
        if room.frames:
            text = edited(room.text(), self._edits or [])
            self._edits = None
            self.put(text)
        return room

    def hold(self) -> int:
        """Keep everything back until `release`; tells what `release` needs to know."""
        self.held = True
        self._not_straight()
        return len(self._out or ())

    def release(self, mark: int, first: bytes, *, drop: bool = False) -> None:
        """Send `first`, then what was held back (unless it is to be dropped)."""
        self.held = False
        if self.closed:
            return
        out = self._out or []
        if drop:
            del out[mark:]
            self._edits = None
        out.insert(mark, first)
        self._out = out
        self.engine.outbox.sessions.append(self)
        self.engine.reactor.wake()

    def flush(self, data: bytes = b"") -> None:
        """Send what is kept for this client and `data`, the text of its room, if that goes out."""
        if self.closed:
            return
        out, self._out = self._out or [], None
        if data and self._edits:
            data = edited(data, self._edits)
            self._edits = None
        if data:
            out.append(data)
        wire = self.wire
        if out and (self.held or wire is None):
            self._keep(out)
            return
        if out and wire is not None:
            wire.write(out[0] if len(out) == 1 else b"".join(out))
        self.ready()

    def ready(self) -> None:
        """Let the room write straight to the socket, if nothing is in the way."""
        room, wire = self.room, self.wire
        waits = self.held or self._out or self._edits or self.closed
        if room is not None and wire is not None and not wire.writes and not waits:
            room.sends[self.place] = wire.send

    def _not_straight(self) -> None:
        if self.room is not None:
            self.room.sends[self.place] = not_straight

    def came_short(self, data: bytes, sent: int) -> None:
        """A straight send took only `sent` bytes, or failed (less than none)."""
        assert self.wire is not None
        self._not_straight()
        if sent < 0:
            self.engine.reactor.broken(self.wire)
        else:
            self.wire.hold(data, sent)

    def take(self) -> list[bytes]:
        """Everything that waits, for a poll."""
        out, self._out = self._out or [], None
        return out

    @property
    def waiting(self) -> bool:
        """Whether there is something for a poll to take."""
        return bool(self._out) and not self.held

    def _edit(self, edit: Edit) -> None:
        if self._edits is None:
            self._edits = []
        self._edits.append(edit)
        self._not_straight()

    def _keep(self, out: list[bytes]) -> None:
        """For a client on long polling, or one whose CONNECT is not answered yet."""
        self._out = out
        limit = self.engine.reactor.backlog_limit
        if limit and sum(map(len, out)) > limit:
            self.engine.reactor.later(self.engine.too_slow, self)
        elif self.poll is not None and not self.held:
            self.poll.wake()


def message(packet: bytes) -> bytes:
    """The frame of an Engine.IO message that is text: of a Socket.IO packet."""
    return frames.text(b"4" + packet)
