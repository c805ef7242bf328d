"""How far the listeners of one room have got, on this server."""

from collections.abc import Sequence

from flask_chat.domain.events import redacted


class Feed:
    """Counts the events of a room. bus.py next door moves them."""

    __slots__ = (
        "idle_since",
        "is_reading",
        "is_waiting",
        "last",
        "listeners",
        "newest",
        "pending",
        "room_id",
    )

    def __init__(self, room_id: str) -> None:
        self.room_id = room_id
        self.listeners = 0
        self.idle_since = 0.0
        self.last: int | None = None  # the newest event delivered; None before the first welcome
        self.newest: bytes | None = None  # what it was, if that is known
        self.pending: dict[int, bytes] = {}  # events behind a hole, by seq
        self.is_waiting = False  # for a hole to close by itself
        self.is_reading = False  # the log, to close it

    def begin(self, last: int, newest: bytes | None) -> None:
        """Listeners have everything up to `last`."""
        self.last, self.newest = last, newest
        self.pending = {seq: data for seq, data in self.pending.items() if seq > last}

    def next_pending(self) -> bytes | None:
        """The next event, if it has come already."""
        if self.last is None or not self.pending:
            return None
        data = self.pending.pop(self.last + 1, None)
        if data is None:  # what is left is old, or behind another hole
            self.pending = {seq: data for seq, data in self.pending.items() if seq > self.last}
        return data

    def continues(self, before: int, start: int, events: Sequence[bytes]) -> bool:
        """Whether a stretch read from `before` on goes on from what was delivered then.

        A Redis that took over without the newest events has others under their numbers. A message
        that was removed since is read without its text, and still the same.
        """
        if start > before + 1:
            return False  # more was forgotten than was delivered
        if start == before and self.newest is not None and self.last == before:
            return bool(events) and events[0] in (self.newest, _redacted(self.newest))
        return bool(events) or start == before + 1


def _redacted(event: bytes) -> bytes:
    try:
        return redacted(event)
    except ValueError:  # no message
        return event
