"""Events in the order of `seq`, each once: what comes too early waits for what is missing."""

from collections.abc import Iterable
from typing import Any

Event = dict[str, Any]


class Timeline:
    """Not safe for threads by itself."""

    def __init__(self, after: int | None) -> None:
        self._next = None if after is None else after + 1
        self._waiting: dict[int, Event] = {}  # seq → what cannot be handed on yet

    @property
    def after(self) -> int | None:
        """The newest event handed on; None before it is known where to begin."""
        return None if self._next is None else self._next - 1

    @property
    def has_hole(self) -> bool:
        """Whether something is missing before what waits."""
        return self._next is not None and bool(self._waiting)

    def begin(self, seq: int) -> None:
        """Go on from this number, whatever was before."""
        self._next = seq
        self._waiting = {known: event for known, event in self._waiting.items() if known >= seq}

    def add(self, events: Iterable[Event]) -> list[Event]:
        """Take events in, from anywhere and in any order; the ones whose turn it is now."""
        for event in events:
            if self._next is None or event["seq"] >= self._next:
                self._waiting[event["seq"]] = event
        return self.take()

    def take(self) -> list[Event]:
        """The events whose turn it is."""
        ready: list[Event] = []
        if self._next is None:
            return ready
        while (event := self._waiting.pop(self._next, None)) is not None:
            ready.append(event)
            self._next += 1
        return ready
