"""Who has something to send, and when: at the end of the turn, or together with what comes next."""

from __future__ import annotations

from collections import deque
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
        self.rooms: list[Room] = []  # that got their first frame in this turn
        self.sessions: list[Session] = []
        self._gather_seconds = gather_seconds
        self._alarm = alarm
        self._gathering: deque[tuple[float, Room]] = deque()  # when it is to be sent to which

    def flush(self) -> None:
        """Send what is due, and what comes of it: a broken connection may be news for its room."""
        if self._gather_seconds and (self.rooms or self._gathering):
            self._gather()
        while self.rooms or self.sessions:
            rooms, self.rooms = self.rooms, []
            for room in rooms:
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
                gathering.append((now + self._gather_seconds, room))
            else:
                due.append(room)
        while gathering and gathering[0][0] <= now:
            due.append(gathering.popleft()[1])
        for room in due:
            room.company.sent(len(room.frames), now)
        self.rooms = due
        if gathering:
            self._alarm(gathering[0][0] - now)
