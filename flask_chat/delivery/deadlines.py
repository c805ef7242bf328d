"""Things that are due after the same delay: pings, time-outs, half-done upgrades.

What is added last is due last, so a dict in order of insertion is the whole timer: adding and
removing cost a dict operation, and one tick of the reactor serves every connection.
"""

from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Deadlines(Generic[Item]):
    """Calls `action(item, late_by)` once for each item that was not removed within `seconds`."""

    def __init__(self, seconds: float, action: Callable[[Item, float], None]) -> None:
        self.seconds = seconds
        self._action = action
        self._due: dict[Item, float] = {}

    def __len__(self) -> int:
        return len(self._due)

    def __contains__(self, item: Item) -> bool:
        return item in self._due

    def add(self, item: Item, *, late_by: float = 0.0) -> None:
        """Start the delay for this item, afresh if it was running, or `late_by` seconds ago."""
        self._due.pop(item, None)
        self._due[item] = monotonic() + self.seconds - late_by

    def remove(self, item: Item) -> bool:
        """Forget the item; tells whether it was waited for."""
        return self._due.pop(item, None) is not None

    def expire(self, now: float) -> None:
        """Act on everything that is due. The action may add and remove."""
        over = []
        for item, at in self._due.items():
            if at > now:
                break
            over.append(item)
        for item in over:
            self.check(item, now)

    def check(self, item: Item, now: float) -> None:
        """Act on this item if it is due."""
        at = self._due.get(item)
        if at is not None and at <= now:
            del self._due[item]
            self._action(item, now - at)
