"""How many frames of a room come together, which decides whether it waits for more.

Where events come from elsewhere, those of one room come one by one, however many are on their way.
A write costs the same for one frame as for ten, so a room that talks fast waits a few milliseconds,
unless as many as came together lately are there in one turn. One that does not is sent to at once.
"""

from typing import Final

# Company that came so long ago says nothing about what comes next.
_MEMORY_SECONDS: Final = 0.1
# What comes so soon behind a text just missed it.
_JUST_MISSED_SECONDS: Final = 0.004
# Every so many texts one waits whatever is there, to see whether there are more by now. An odd
# number, so that where texts come in pairs it is not always the second one.
_LOOK_EVERY: Final = 15
# So often fewer may come than expected before fewer are. A text that waits in vain is a few
# milliseconds late; one that does not wait for what comes is two writes to everybody.
_PATIENCE: Final = 6
_ANY_NUMBER: Final = 1 << 30


class Company:
    """Keeps count for one room."""

    __slots__ = ("_count", "_lately", "_met", "expected", "sent_at")

    def __init__(self) -> None:
        self.expected = 0  # frames that need not wait for more; 0: none does
        self.sent_at = 0.0  # the last text
        self._count = 0  # how many came together lately
        self._met = 0  # texts since it was looked how many there are
        self._lately: list[int] = []  # how many, each time since, when it was fewer

    def is_awaited(self, count: int, now: float) -> bool:
        """Whether more is worth waiting for when there are so many frames."""
        return count < self.expected and now - self.sent_at < _MEMORY_SECONDS

    def sent(self, count: int, now: float) -> None:
        """So many go out together."""
        pause, self.sent_at = now - self.sent_at, now
        self._lately.append(count)
        if count >= self._count or len(self._lately) > _PATIENCE:
            self._count = max(self._lately)
            self._lately.clear()
        if pause >= _MEMORY_SECONDS:
            self._met = 0
        if self._count > 1 or pause < _JUST_MISSED_SECONDS:
            known = self._count if self._count > 1 else 0
            self.expected = known if self._met % _LOOK_EVERY else _ANY_NUMBER
            self._met += 1
        else:
            self.expected = 0
