"""Who has something to send, and when: at the end of the turn, or together with what comes next."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from .rooms import Room

if TYPE_CHECKING:
    from .session import Session


class Outbox:
    """The rooms and sessions that have something to send."""

    def __init__(self, gather_seconds: float, alarm: Callable[[float], None]) -> None:
        """With 0 nothing waits. `alarm` has `flush` called after so many seconds."""
        self.rooms: list[Room] = []  # that got their first frame, or their last, in this turn
        self.sessions: list[Session] = []
        self._gather_seconds = gather_seconds
        self._alarm = alarm
        self._gathering: dict[Room, float] = {}  # which waits for more, and until when; in order

    def add(self, room: Room, frame: bytes) -> bool:
        """Send the frame to everybody in the room. Whether there is reason for a turn."""
        is_news = not room.frames
        room.add(frame)
        if is_news or len(room.frames) == room.company.expected:
            self.rooms.append(room)
            return True
        return False

    def flush(self) -> None:
        """Send what is due, and what comes of it: a broken connection may be news for its room."""
        if self._gather_seconds and (self.rooms or self._gathering):
            self._gather()
        while self.rooms or self.sessions:
            rooms, self.rooms = self.rooms, []
            for room in rooms:
                if room.frames:
                    room.flush()
            sessions, self.sessions = self.sessions, []
            for session in sessions:
                session.flush()

    def _gather(self) -> None:
        """Leave only those rooms in `rooms` that are to be sent to now."""
        now, gathering = monotonic(), self._gathering
        due = []
        for room in self.rooms:
            if room.company.is_awaited(len(room.frames), now):
                gathering.setdefault(room, now + self._gather_seconds)
            else:
                gathering.pop(room, None)
                due.append(room)
        while gathering:
            room, until = next(iter(gathering.items()))
            if until > now:
                self._alarm(until - now)
                break
            del gathering[room]
            due.append(room)
        for room in due:
            room.company.sent(len(room.frames), now)
        self.rooms = due
