"""Who has something to send, and when: at the end of the turn, or together with what comes next.

Where events come from elsewhere, those of one room come one by one, however many are on their way.
A write costs the same for one frame as for ten, so a room that talks fast waits a little for more.
A room that does not is sent to at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Final

from .rooms import Room

if TYPE_CHECKING:
    from .session import Session

# Company that came so long ago says nothing about what comes next.
_MEMORY_SECONDS: Final = 0.02


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
        if self._gather_seconds:
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
            if room.has_company and now - room.sent_at < _MEMORY_SECONDS:
                gathering.append((now + self._gather_seconds, room))
            else:
                due.append(room)
        while gathering and gathering[0][0] <= now:
            due.append(gathering.popleft()[1])
        for room in due:
            # company, or it came just too late for that
            room.has_company = len(room.frames) > 1 or now - room.sent_at < self._gather_seconds
            room.sent_at = now
        self.rooms = due
        if gathering:
            self._alarm(gathering[0][0] - now)
