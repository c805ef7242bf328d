"""What goes out to whom: in one turn of the reactor, or a little later (`outbox`).

A room collects the frames of the turn and joins them once; every member's socket gets the same
bytes by one send. What concerns one member only is noted as an edit of that text: an
acknowledgement is put in at its place, an event the member shall not get is cut out. So all packets
of a connection stay in the order they were made, and a plain member costs nothing but the send.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from .company import Company

if TYPE_CHECKING:
    from .session import Session

# From byte, to byte, and what stands there instead, for one member of a room in this turn.
Edit = tuple[int, int, bytes]

# A socket's own `send`: takes bytes, gives how many the kernel took.
Send = Callable[[bytes], int]


class Room:
    """Those in this process who listen to one room, and what they are about to get."""

    __slots__ = ("company", "frames", "members", "room_id", "sends", "size")

    def __init__(self, room_id: str) -> None:
        self.room_id = room_id
        self.members: list[Session] = []  # in no order; each knows its place
        self.sends: list[
            Send
        ] = []  # how each is sent to, in the same places: a flush reads only this
        self.frames: list[bytes] = []  # of this turn
        self.size = 0  # bytes of them
        self.company = Company()  # how many frames to wait for (`outbox`)

    def join(self, member: Session) -> None:
        """One more member."""
        member.place = len(self.members)
        self.members.append(member)
        self.sends.append(not_straight)

    def part(self, member: Session) -> None:
        """One member fewer; the last takes the place."""
        last, send = self.members.pop(), self.sends.pop()
        if last is not member:
            self.members[member.place], self.sends[member.place] = last, send
            last.place = member.place

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
        sent = send_to_all(self.sends, data)
        if sent.count(size) == len(sent):
            return
        rest = [(self.members[place], n) for place, n in enumerate(sent) if n != size]
        for member, n in rest:
            if n == _NOT_STRAIGHT:
                member.flush(data)
            else:
                member.came_short(data, n)


_NOT_STRAIGHT: Final = -1
_BROKEN: Final = -2

# Stands for the send of a member with something in the way: a C function, as quick to call as a
# real send, that finds no data in nothing and says -1.
not_straight: Send = b"".find


def send_to_all(sends: list[Send], data: bytes) -> list[int]:
    """Send the data to each; how many bytes each took, or why none (-1: not asked, -2: broken)."""
    sent: list[int] = []
    note = sent.append
    while len(sent) < len(sends):
        try:
            for send in sends[len(sent) :]:
                note(send(data))
        except (BlockingIOError, InterruptedError):
            note(0)
        except OSError:
            note(_BROKEN)
    return sent


def edited(data: bytes, edits: list[Edit]) -> bytes:
    """The text of the turn as one member gets it."""
    pieces: list[bytes] = []
    at = 0
    for start, end, instead in edits:
        pieces += (data[at:start], instead)
        at = end
    pieces.append(data[at:])
    return b"".join(pieces)
