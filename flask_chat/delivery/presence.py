"""Who is connected, and who has been away for longer than the grace.

Several tabs and devices of a member are one person. Losing the last connection starts the grace;
a reload or a tunnel ends it again without anybody noticing. No timers in here: ask `overdue`.

`LocalPresence` counts in this process; shared_presence.py next door does for several servers.
"""

import heapq
from collections.abc import Callable, Collection, Hashable
from typing import Generic, Protocol, TypeVar

Person = TypeVar("Person", bound=Hashable)  # for `chat` this is (room_id, member_id)


class Presence(Protocol[Person]):
    """Counts connections per person. Methods of a shared one may raise Unavailable."""

    survives: bool  # whether it knows, after a start, who was there before
    shares: int  # how many servers look for those who are overdue, this one included

    def expect(self, person: Person) -> None:
        """Somebody is about to connect: give them the grace to do so."""

    def connected(self, person: Person) -> None:
        """One more connection of this person."""

    def disconnected(self, person: Person) -> None:
        """One connection fewer; the last one starts the grace. Nobody known: nothing happens."""

    def forget(self, person: Person) -> None:
        """This person has left for good; their connections no longer count."""

    def is_awaited(self, person: Person) -> bool:
        """Whether a connection is open, or one may still come within the grace."""

    def overdue(self) -> list[Person]:
        """Those whose grace has ended since the last call, in that order; they are forgotten.

        A shared presence gives each to one server, and to another one after a while unless `settle`
        says that it is known by now.
        """

    def settle(self, people: Collection[Person]) -> list[Person]:
        """That these are gone has been told. Those of them who have come back meanwhile."""

    def returned(self) -> list[Person]:
        """People connected here who may have been called gone, since this server could not be seen.

        Each is given once.
        """

    def stop(self) -> None:
        """This server goes; its connections are closed."""


class LocalPresence(Generic[Person]):
    """The presence of one process. `clock` gives seconds; only differences matter."""

    survives = False
    shares = 1

    def __init__(self, grace_seconds: float, clock: Callable[[], float]) -> None:
        self._grace_seconds = grace_seconds
        self._clock = clock
        self._connections: dict[Person, int] = {}
        self._gone_at: dict[
            Person, float
        ] = {}  # when the grace of a person without connection ends
        self._deadlines: list[tuple[float, int, Person]] = []  # a heap; entries may be out of date
        self._ticket = 0  # keeps heap entries comparable

    def expect(self, person: Person) -> None:
        """Somebody is about to connect: give them the grace to do so."""
        if person not in self._connections:
            self._start_grace(person)

    def connected(self, person: Person) -> None:
        """One more connection of this person."""
        self._connections[person] = self._connections.get(person, 0) + 1
        self._gone_at.pop(person, None)

    def disconnected(self, person: Person) -> None:
        """One connection fewer; the last one starts the grace. Nobody known: nothing happens."""
        left = self._connections.get(person, 0) - 1
        if left > 0:
            self._connections[person] = left
        elif left == 0:
            del self._connections[person]
            self._start_grace(person)

    def forget(self, person: Person) -> None:
        """This person has left for good; their connections no longer count."""
        self._connections.pop(person, None)
        self._gone_at.pop(person, None)

    def is_connected(self, person: Person) -> bool:
        """Whether at least one connection is open."""
        return person in self._connections

    def is_awaited(self, person: Person) -> bool:
        """Whether a connection is open, or one may still come within the grace."""
        return person in self._connections or person in self._gone_at

    def overdue(self) -> list[Person]:
        """Those whose grace has ended since the last call, in that order; they are forgotten."""
        now, found = self._clock(), []
        while self._deadlines and self._deadlines[0][0] <= now:
            at, _, person = heapq.heappop(self._deadlines)
            if self._gone_at.get(person) == at:
                del self._gone_at[person]
                found.append(person)
        return found

    def settle(self, people: Collection[Person]) -> list[Person]:
        """Those who have come back while it was told that they are gone."""
        return [person for person in people if person in self._connections]

    def returned(self) -> list[Person]:
        """Nobody: a process always sees itself."""
        return []

    def stop(self) -> None:
        """Nothing is left to do."""

    def _start_grace(self, person: Person) -> None:
        self._ticket += 1
        at = self._gone_at[person] = self._clock() + self._grace_seconds
        heapq.heappush(self._deadlines, (at, self._ticket, person))
