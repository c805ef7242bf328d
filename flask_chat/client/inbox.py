"""Events in order that nobody has read yet, and how far the reader is."""

from collections import deque

from flask_chat.client.timeline import Event


class Inbox:
    """Not safe for threads by itself."""

    def __init__(self, after: int | None) -> None:
        self.handed_on = after  # the newest event the reader is done with
        self._waiting: deque[Event | int] = deque()  # events, and numbers where a reset begins
        self._reading: int | None = None  # what the reader is busy with

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, event: Event) -> None:
        """One more event, the next in order."""
        self._waiting.append(event)

    def add_reset(self, first: int) -> None:
        """Events are missing for good: the next one has this number."""
        self._waiting.append(first)

    def take(self) -> Event | int:
        """The next event, or the number at which it goes on after a reset."""
        item = self._waiting.popleft()
        self._reading = item - 1 if isinstance(item, int) else item["seq"]
        return item

    def done_with_last(self) -> None:
        """The reader comes back: what was taken last has been dealt with."""
        if self._reading is not None:
            self.handed_on, self._reading = self._reading, None
