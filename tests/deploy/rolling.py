"""A rolling restart of two servers behind nginx while people talk; what they notice of it.

    python -m tests.deploy.rolling [--people 200] [--rounds 3]

Every person is a client that keeps its line; the record of all of them is judged in the end.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.chaos.checker import Breach, Record, judge
from tests.chaos.people import Regular
from tests.chaos.run import read_log
from tests.deploy.proxies import Front, free_ports, nginx
from tests.over_redis.nodes import nodes
from tests.servers import LIFTED, RunningServer, launch

ROOM_PEOPLE = 20  # one process plays all of them, and each hears what the others of the room say
POSTERS = 2  # in each room
POST_PAUSE_SECONDS = 2.0
SETTLE_SECONDS = 120
LONGEST_WITHOUT_A_LINE_SECONDS = 5.0


class Visitor(Regular):
    """Somebody who knows when there was a line."""

    def __init__(self, name: str, record: Record) -> None:
        super().__init__(name, record)
        self.without_line: list[float] = []
        self._lost_at: float | None = None

    @property
    def is_online(self) -> bool:
        return self._lost_at is None and self.client.is_connected

    def has_seen(self, seq: int) -> bool:
        return bool(self.seen) and self.seen[-1].seq >= seq

    def state(self) -> str:
        """Where it hangs, for a run that does not end."""
        last = self.seen[-1].seq if self.seen else 0
        line = "online" if self.is_online else f"offline since {self._lost_at}"
        return f"{self.name}: {line}, seen {last}, unsent {self.client.unsent}"

    def _ears(self) -> dict[str, object]:
        return {**super()._ears(), "on_line": self._line}

    def _line(self, is_there: bool) -> None:
        if not is_there:
            self._lost_at = time.monotonic()
        elif self._lost_at is not None:
            self.without_line.append(time.monotonic() - self._lost_at)
            self._lost_at = None


class Room:
    """Some people in one room."""

    def __init__(self, url: str, people: int) -> None:
        self.record = Record()
        self.visitors = [Visitor(f"Visitor {number}", self.record) for number in range(people)]
        code = self.visitors[0].creates(url)
        for guest in self.visitors[1:]:
            guest.joins(url, code)

    @property
    def posters(self) -> list[Visitor]:
        return self.visitors[:POSTERS]

    def verdict(self, url: str) -> list[Breach]:
        """Wait until everybody has seen everything; the promises that were broken."""
        client = self.visitors[0].client
        self.record.log = read_log(url, client.code, client.token)
        last = self.record.log[-1]["seq"]
        _wait_for(self.visitors, lambda visitor: visitor.has_seen(last))
        self.record.outboxes_left = {each.name: each.client.unsent for each in self.visitors}
        self.record.ended_at = time.monotonic()
        return judge(self.record).breaches


@dataclass
class Report:
    """What people noticed."""

    people: int
    restarts: int
    posts: int
    lines_lost: int
    longest_without_line: float
    usual_without_line: float  # the median
    slowest_stop: float
    breaches: list[Breach]

    def text(self) -> str:
        return (
            f"{self.people} people, {self.restarts} restarts, {self.posts} posts acknowledged, "
            f"{self.lines_lost} lines lost and found, the longest time without one "
            f"{self.longest_without_line:.2f} s, the median {self.usual_without_line:.2f} s, "
            f"slowest stop {self.slowest_stop:.2f} s, {len(self.breaches)} promises broken "
            f"{self.breaches[:5]}"
        )


def run(folder: Path, people: int, rounds: int) -> Report:
    """Two servers over a Redis that writes everything down, nginx, and so many people."""
    with ExitStack() as stack:
        store = stack.enter_context(nodes())(appendonly="yes", appendfsync="always").url
        ports = free_ports(2)

        def start(number: int) -> RunningServer:
            settings = {
                **LIFTED,
                "store": store,
                "port": ports[number],
                "node": f"app{number + 1}",
                "trusted_proxies": 1,
                "events_burst": 0,
                "posts_per_second": 0,
            }
            count = len(list(folder.glob("server-*")))
            server = launch(folder / f"server-{count}.log", settings)
            stack.callback(server.stop)
            return server

        servers = [start(0), start(1)]
        front = stack.enter_context(nginx(folder, ports))
        _trust(front)
        rooms = [
            Room(front.url, min(ROOM_PEOPLE, people - first))
            for first in range(0, people, ROOM_PEOPLE)
        ]
        visitors = [visitor for room in rooms for visitor in room.visitors]
        _wait_for(visitors, lambda visitor: visitor.is_online)
        for number, room in enumerate(rooms):
            for poster in room.posters:
                poster.starts_posting(number, POST_PAUSE_SECONDS)
        time.sleep(2)
        slowest_stop = 0.0
        for number in range(2 * rounds):
            began = time.monotonic()
            assert servers[number % 2].stop() == 0
            slowest_stop = max(slowest_stop, time.monotonic() - began)
            servers[number % 2] = start(number % 2)
            _wait_for(visitors, lambda visitor: visitor.is_online)
            time.sleep(1)
        for room in rooms:
            for poster in room.posters:
                poster.stops_posting()
        _wait_for(visitors, lambda visitor: visitor.has_settled())
        breaches = [breach for room in rooms for breach in room.verdict(servers[0].url)]
        for visitor in visitors:
            visitor.goes()
        for log in folder.glob("server-*"):
            assert "Traceback" not in log.read_text(), log.read_text()
        lost = [seconds for visitor in visitors for seconds in visitor.without_line]
        return Report(
            people,
            2 * rounds,
            sum(len(room.record.acknowledged) for room in rooms),
            len(lost),
            max(lost, default=0.0),
            median(lost or [0.0]),
            slowest_stop,
            breaches,
        )


def _trust(front: Front) -> None:
    """The clients have no option for certificates; their libraries have variables."""
    for name in ("REQUESTS_CA_BUNDLE", "WEBSOCKET_CLIENT_CA_BUNDLE"):
        os.environ[name] = str(front.certificate)


def _wait_for(visitors: list[Visitor], condition: Callable[[Visitor], bool]) -> None:
    """For what takes as long as it takes; it is the report that judges."""
    until = time.monotonic() + SETTLE_SECONDS
    while waiting := [visitor for visitor in visitors if not condition(visitor)]:
        assert time.monotonic() < until, [visitor.state() for visitor in waiting]
        time.sleep(0.05)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chat") as folder:
        report = run(Path(folder), options.people, options.rounds)
    print(report.text())
    is_good = not report.breaches
    return 0 if is_good and report.longest_without_line <= LONGEST_WITHOUT_A_LINE_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
