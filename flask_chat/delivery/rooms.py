"""What goes out to whom in one turn of the reactor.

A room collects the frames of the turn and joins them once; every member's socket gets the same bytes
by one send. What concerns one member only is noted as an edit of that text: an acknowledgement is put
in at its place, an event the member shall not get is cut out. So all packets of a connection stay in
the order they were made, and a plain member costs nothing but the send.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .session import Session

# From byte, to byte, and what stands there instead, for one member of a room in this turn.
Edit = tuple[int, int, bytes]


class Room:
    """Those in this process who listen to one room, and what they are about to get."""

    __slots__ = ("frames", "members", "room_id", "size")

    def __init__(self, room_id: str) -> None:
        self.room_id = room_id
        self.members: set[Session] = set()
        self.frames: list[bytes] = []  # of this turn
        self.size = 0  # bytes of them

    def add(self, frame: bytes) -> None:
        """Send the frame to every member, when the turn ends."""
        self.frames.append(frame)
        self.size += len(frame)

    def text(self) -> bytes:
        """Everything of this turn so far."""
        return self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)

    def flush(self) -> None:
        """Send what the turn has collected."""
        data, size = self.text(), self.size
        self.frames, self.size = [], 0
        special: list[tuple[Session, int]] = []  # with what is out already; -1: broken
        for member in self.members:
            send = member.send
            if send is None:
                special.append((member, 0))
                continue
            try:
                sent = send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError:
                sent = -1
            if sent != size:
                special.append((member, sent))
        for member, sent in special:
            if member.send is None:
                member.flush(data)
            else:
                member.came_short(data, sent)


def edited(data: bytes, edits: list[Edit]) -> list[bytes | memoryview]:
    """The text of the turn as one member gets it, in pieces."""
    whole, at = memoryview(data), 0
    pieces: list[bytes | memoryview] = []
    for start, end, instead in edits:
        if start > at:
            pieces.append(whole[at:start])
        if instead:
            pieces.append(instead)
        at = end
    if at < len(data):
        pieces.append(whole[at:])
    return pieces


class Outbox:
    """The rooms and sessions that have something to send at the end of this turn."""

    def __init__(self) -> None:
        self.rooms: list[Room] = []
        self.sessions: list[Session] = []

    def flush(self) -> None:
        """Send everything, and what comes of it: a broken connection may be news for its room."""
        while self.rooms or self.sessions:
            rooms, self.rooms = self.rooms, []
            for room in rooms:
                room.flush()
            sessions, self.sessions = self.sessions, []
            for session in sessions:
                session.flush()
