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

from tests.chaos.checker import Breach, Record, judge
from tests.chaos.people import Regular
from tests.chaos.run import read_log
from tests.deploy.proxies import Front, free_ports, nginx
from tests.over_redis.nodes import nodes
from tests.servers import LIFTED, RunningServer, launch

POSTERS = 5
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


@dataclass
class Report:
    """What people noticed."""

    people: int
    restarts: int
    posts: int
    lines_lost: int
    longest_without_line: float
    slowest_stop: float
    breaches: list[Breach]

    def text(self) -> str:
        return (
            f"{self.people} people, {self.restarts} restarts, {self.posts} posts acknowledged, "
            f"{self.lines_lost} lines lost and found, the longest time without one "
            f"{self.longest_without_line:.2f} s, slowest stop {self.slowest_stop:.2f} s, "
            f"{len(self.breaches)} promises broken {self.breaches[:5]}"
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
        record = Record()
        visitors = _gather(front.url, people, record)
        for number, visitor in enumerate(visitors[:POSTERS]):
            visitor.starts_posting(number, POST_PAUSE_SECONDS)
        time.sleep(2)
        slowest_stop = 0.0
        for number in range(2 * rounds):
            began = time.monotonic()
            assert servers[number % 2].stop() == 0
            slowest_stop = max(slowest_stop, time.monotonic() - began)
            servers[number % 2] = start(number % 2)
            _wait_for(visitors, lambda visitor: visitor.is_online)
            time.sleep(1)
        for visitor in visitors[:POSTERS]:
            visitor.stops_posting()
        _wait_for(visitors, lambda visitor: visitor.has_settled())
        ada = visitors[0]
        record.log = read_log(servers[0].url, ada.client.code, ada.client.token)
        last = record.log[-1]["seq"]
        _wait_for(visitors, lambda visitor: visitor.has_seen(last))
        record.outboxes_left = {visitor.name: visitor.client.unsent for visitor in visitors}
        record.ended_at = time.monotonic()
        for visitor in visitors:
            visitor.goes()
        for log in folder.glob("server-*"):
            assert "Traceback" not in log.read_text(), log.read_text()
        lost = [seconds for visitor in visitors for seconds in visitor.without_line]
        return Report(
            people,
            2 * rounds,
            len(record.acknowledged),
            len(lost),
            max(lost, default=0.0),
            slowest_stop,
            judge(record).breaches,
        )


def _trust(front: Front) -> None:
    """The clients have no option for certificates; their libraries have variables."""
    for name in ("REQUESTS_CA_BUNDLE", "WEBSOCKET_CLIENT_CA_BUNDLE"):
        os.environ[name] = str(front.certificate)


def _gather(url: str, people: int, record: Record) -> list[Visitor]:
    host = Visitor("Ada", record)
    code = host.creates(url)
    guests = [Visitor(f"Visitor {number}", record) for number in range(2, people + 1)]
    for guest in guests:
        guest.joins(url, code)
    _wait_for([host, *guests], lambda visitor: visitor.is_online)
    return [host, *guests]


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
