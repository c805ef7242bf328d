"""What the proxy's records say of one person's connections: when they were good, what hit them."""

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.chaos.checker import Trouble

BREAKING = ("rst", "fin", "half_up", "half_down", "hole_up", "hole_down", "hole_both")
STOP = signal.Signals(signal.SIGTERM).name
LATE_SECONDS = 0.5  # the end of a connection is noticed so long after its server was back


@dataclass(frozen=True)
class Outage:
    """A time in which a server could not be reached."""

    start: float
    end: float
    what: str

    @property
    def lets_go(self) -> bool:
        """Whether the server closed its connections itself, each in its time."""
        return self.what.startswith(STOP)


class Lines:
    """One person's connections. `outages` are those of each server.

    With a single server nobody can come back before it does. With several everybody can go to
    another at once, so an outage concerns only those who were there.
    """

    def __init__(
        self, name: str, records: list[dict[str, Any]], outages: Sequence[list[Outage]]
    ) -> None:
        self.good: list[tuple[float, float]] = []  # when nothing was wrong
        self.troubles: list[Trouble] = []
        self.welcomes: list[float] = []
        self.without_fault: list[float] = []  # connections that ended and nobody knows why
        self._name = name
        self._outages = outages
        self._is_alone = len(outages) == 1
        if self._is_alone:
            self.troubles += [Trouble(each.start, each.end, each.what) for each in outages[0]]
        by_connection: dict[int, list[dict[str, Any]]] = {}
        for record in records:
            if record.get("link") == name and "connection" in record:
                by_connection.setdefault(record["connection"], []).append(record)
        for connection in by_connection.values():
            self._read(connection)

    def _read(self, records: list[dict[str, Any]]) -> None:
        good_since: float | None = None
        is_broken = was_welcomed = False
        closed_at = next((each["at"] for each in records if each["what"] == "closed"), None)
        outages: list[Outage] = []  # of its server
        for record in records:
            at, what = record["at"], record["what"]
            if what == "reached":
                outages = self._outages[record["server"]]
                self._suffer(outages, at, closed_at)
            elif what == "welcomed":
                was_welcomed = True
                self.welcomes.append(at)
                if not is_broken:
                    good_since = at
            elif what == "fault" and record["action"] in BREAKING:
                is_broken = True
                self._end(good_since, at, outages)
                good_since = None
                words = f"{record['action']} {record['where']} {record['step']} at {at:.2f}"
                self.troubles.append(Trouble(at, at, f"{self._name}: {words}"))
            elif what == "fault" and good_since is not None and record["action"] != "double":
                self._end(good_since, at, outages)
                # A frame that was lost or came late shows with the next one; that is not timed.
                good_since = at + record["seconds"] if record["action"] == "delay" else None
            elif what == "closed":
                self._end(good_since, at, outages)
                if was_welcomed and not is_broken and not _was_away(outages, at):
                    self.without_fault.append(at)
                    self.troubles.append(Trouble(at, at, f"{self._name}: lost at {at:.2f}"))
                good_since = None
        self._end(good_since, float("inf"), outages)

    def _suffer(self, outages: list[Outage], since: float, closed_at: float | None) -> None:
        """Note what the server's outages did to a connection to it, when others are there."""
        if self._is_alone:
            return
        until = float("inf") if closed_at is None else closed_at
        for outage in outages:
            if outage.lets_go and outage.start <= until <= outage.end + LATE_SECONDS:
                self.troubles.append(Trouble(until, until, outage.what))
            elif not outage.lets_go and since <= outage.start <= until:
                self.troubles.append(Trouble(outage.start, outage.start, outage.what))
            elif not outage.lets_go and outage.start <= since < outage.end:
                # Reached at the last moment of a server that was going.
                self.troubles.append(Trouble(since, since, outage.what))

    def _end(self, since: float | None, at: float, outages: list[Outage]) -> None:
        if since is None:
            return
        for outage in outages:
            if since <= outage.start < at:
                at = outage.start
        if at > since:
            self.good.append((since, at))


def _was_away(outages: list[Outage], at: float) -> bool:
    return any(outage.start <= at <= outage.end + LATE_SECONDS for outage in outages)
