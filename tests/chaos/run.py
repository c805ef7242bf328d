"""`make chaos`: ten people, bad lines, a server that dies, and a checker over everything.

    python -m tests.chaos.run [--seed N] [--kills 100] [--cuts 1000] [--outage-seconds 60]

Prints what was done and what was found; exits with 1 if any promise was broken. The same seed gives
the same faults in the same order for each line; their moments depend on the machine.
"""

import argparse
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import requests

from tests.chaos.browsers import Browsers, add_to, judge_pages
from tests.chaos.checker import LIVE_SECONDS, Breach, Offer, Record, Verdict, judge
from tests.chaos.faults import CUTS, HOLES, TRICKS, faults_for
from tests.chaos.people import NAMES, Regular
from tests.chaos.world import Lines, Mortal, Proxy

POSTERS = 5
SETTLE_SECONDS = 90  # after the faults: what has piled up is sent at the pace of the limits
CATCH_UP_SECONDS = 15
SLOWEST_KILL_PAUSE_SECONDS = 4.0


@dataclass(frozen=True)
class Plan:
    """How much of everything."""

    seed: int
    store: str  # "sqlite" or "memory:"
    cuts: int = 1000
    kills: int = 100
    stops: int = 10
    outage_seconds: float = 60.0
    quiet_seconds: float = 30.0  # cuts only, before the first kill
    most_seconds: float = 720.0
    fault_pause_seconds: float = 0.5
    post_pause_seconds: float = 0.7
    browsers: bool = True
    live_seconds: float = LIVE_SECONDS


@dataclass
class Report:
    """What was done, and what the checker says."""

    plan: Plan
    record: Record
    verdict: Verdict
    actions: Counter[str] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    stops: int = 0
    without_fault: int = 0
    seconds: float = 0.0
    slowest_start: float = 0.0
    complaints: list[str] = field(default_factory=list)
    pages: dict[str, int] = field(default_factory=dict)

    @property
    def cuts(self) -> int:
        return sum(self.actions[action] for action in CUTS)

    @property
    def is_good(self) -> bool:
        return not self.verdict.breaches and not self.complaints

    def text(self) -> str:
        verdict, record = self.verdict, self.record
        acknowledged = len(record.acknowledged)
        seen = sum(map(len, record.seen.values()))
        tell = {
            "seed": str(self.plan.seed),
            "store": self.plan.store,
            "time": f"{self.seconds:.0f} s",
            "messages": f"{len(record.offered)} posted, {acknowledged} acknowledged, {seen} seen",
            "cuts": f"{self.cuts} ({_counts(self.actions, CUTS)})",
            "black holes": _counts(self.actions, HOLES),
            "tricks": _counts(self.actions, TRICKS),
            "at": ", ".join(f"{step} {n}" for step, n in self.steps.most_common()),
            "server": f"{self.kills} kill -9, {self.stops} SIGTERM, "
            f"slowest start {self.slowest_start:.1f} s",
            "browsers": ", ".join(f"{what} {n}" for what, n in sorted(self.pages.items())),
            "lines lost without a fault": str(self.without_fault),
            "lost": str(verdict.count("lost", "refused", "differs")),
            "doubled": str(verdict.count("doubled")),
            "out of order": str(verdict.count("order")),
            "gaps": str(verdict.count("gap")),
            "announced as left": str(verdict.count("presence")),
            "late on a good line": f"{verdict.count('late')} of {verdict.live_checks}, "
            f"slowest {verdict.slowest_live:.2f} s",
            "slowest recovery": f"{verdict.slowest_recovery:.2f} s of {verdict.recoveries}, "
            f"too slow: {verdict.count('recovery')}",
        }
        lines = [f"{name + ':':28}{value}" for name, value in tell.items()]
        lines += [f"BREACH {breach.kind}: {breach.text}" for breach in verdict.breaches[:40]]
        if len(verdict.breaches) > 40:
            lines.append(f"… and {len(verdict.breaches) - 40} more")
        lines += [f"COMPLAINT {complaint}" for complaint in self.complaints]
        return "\n".join(lines)


class Chaos:
    """One run, from an empty server to the verdict."""

    def __init__(self, plan: Plan, folder: Path, say: Callable[[str], None] = print) -> None:
        self._plan = plan
        self._folder = folder
        self._say = say
        self._chance = Random(f"{plan.seed} server")
        self._started_at = time.monotonic()
        self._complaints: list[str] = []
        store = f"sqlite:///{folder}/chat.db" if plan.store == "sqlite" else plan.store
        self._server = Mortal(folder, store)
        self._proxy = Proxy(self._server.port)
        self._record = Record()
        self._people = [Regular(name, self._record) for name in NAMES]
        self._browsers: Browsers | None = None

    def run(self) -> Report:
        """All of it."""
        try:
            self._gather()
            self._torment()
            self._settle()
            self._read_log()
        finally:
            for person in self._people:
                if hasattr(person, "client"):
                    person.goes()
            self._proxy.ends()
            self._server.ends()
        return self._report()

    # What happens, in this order

    def _gather(self) -> None:
        links = {person.name: self._proxy.link(person.name) for person in self._people}
        first, *others = self._people
        code = first.creates(links[first.name])
        for person in others:
            person.joins(links[person.name], code)
        _wait(lambda: all(person.client.is_connected for person in self._people), 20, "welcomes")
        for number, person in enumerate(self._people):
            faults = faults_for(
                self._plan.seed,
                person.name,
                posts=number < POSTERS,
                pause_seconds=self._plan.fault_pause_seconds,
            )
            for _ in range(3 * self._plan.cuts // len(self._people) + 10):
                self._proxy.plans(person.name, next(faults))
        if self._plan.browsers:
            self._browsers = Browsers(self._proxy, code, self._plan.seed)
            self._browsers.start()
        for person in self._people[:POSTERS]:
            person.starts_posting(self._plan.seed, self._plan.post_pause_seconds)

    def _torment(self) -> None:
        plan, server = self._plan, self._server
        time.sleep(min(plan.quiet_seconds, plan.most_seconds))
        has_outage = plan.outage_seconds == 0
        signals = [signal.SIGKILL] * plan.kills + [signal.SIGTERM] * plan.stops
        self._chance.shuffle(signals)
        half = len(signals) // 2
        said_at = 0.0
        while not self._is_over():
            if signals:
                time.sleep(self._chance.uniform(0.3, SLOWEST_KILL_PAUSE_SECONDS))
                self._take_down(signals.pop())
            else:
                time.sleep(0.5)
            if not has_outage and len(signals) <= half:
                has_outage = True
                self._say(f"the server is away for {plan.outage_seconds:.0f} s")
                server.goes_down(signal.SIGTERM, for_seconds=plan.outage_seconds)
            if not signals and has_outage and self._cuts() >= plan.cuts:
                return
            if time.monotonic() - said_at > 20:
                said_at = time.monotonic()
                posted = len(self._record.offered)
                self._say(
                    f"{said_at - self._started_at:4.0f} s: {posted} posted, "
                    f"{self._cuts()} cuts, {server.kills} kills"
                )

    def _take_down(self, number: signal.Signals) -> None:
        """At any moment, or, which is where it hurts, while a post is on its way."""
        step = self._chance.choice((None, "post", "ack", "event", "connect"))
        delay = self._chance.choice((0.0, self._chance.uniform(0.0, 0.01)))
        if step is None or number != signal.SIGKILL:
            self._server.goes_down(number)
        else:
            self._server.dies_at(step, self._proxy, delay)

    def _settle(self) -> None:
        self._proxy.calms()
        time.sleep(0.5)
        for person in self._people:
            person.stops_posting()
        if self._browsers is not None:
            self._browsers.stop()
        self._wait_or_complain(
            lambda: all(person.has_settled() for person in self._people),
            SETTLE_SECONDS,
            "posts were not acknowledged",
        )
        # One last word over good lines: a frame lost at the very end shows with the next.
        poster = self._people[0]
        last = poster.client.post("the last word", key="last-word")
        offer = Offer(poster.name, "last-word", "the last word", time.monotonic())
        self._record.offered.append(offer)
        try:
            self._record.acknowledged["last-word"] = (last.wait(10), time.monotonic())
        except Exception as error:
            self._complaints.append(f"the last word: {error!r}")
            return
        if self._browsers is not None:
            self._browsers.look(last.wait(0))
            if self._browsers.failure is not None:
                self._complaints.append(f"browsers: {self._browsers.failure!r}")

    def _read_log(self) -> None:
        poster = self._people[0].client
        self._record.log = read_log(self._server.url, poster.code, poster.token)
        last = self._record.log[-1]["seq"]
        self._wait_or_complain(
            lambda: all(p.seen and p.seen[-1].seq >= last for p in self._people),
            CATCH_UP_SECONDS,
            "not everybody caught up",
        )
        self._record.outboxes_left = {p.name: p.client.unsent for p in self._people}
        self._record.ended_at = time.monotonic()

    def _report(self) -> Report:
        record, proxy, outages = self._record, self._proxy, self._server.outages
        actions: Counter[str] = Counter()
        steps: Counter[str] = Counter()
        for fault in proxy.struck():
            actions[fault["action"]] += 1
            steps[f"{fault['where']} {fault['step']}"] += 1
        without_fault = 0
        ended = record.ended_at
        for person in self._people:
            lines = Lines(person.name, proxy.records, outages)
            record.welcomes[person.name] = lines.welcomes
            record.troubles[person.name] = [t for t in lines.troubles if t.start < ended]
            record.good[person.name] = lines.good
            without_fault += sum(at < ended for at in lines.without_fault)
        if self._browsers is not None:
            add_to(record, self._browsers)
        verdict = judge(record, live=self._plan.live_seconds)
        verdict.breaches.extend(Breach("order", text) for text in proxy.misordered())
        if self._browsers is not None:
            verdict.breaches.extend(judge_pages(record, self._browsers))
            if any("Browser" in breach.text for breach in verdict.breaches):
                trails = self._browsers.trails.items()
                self._complaints += [f"{name} {line}" for name, trail in trails for line in trail]
        return Report(
            plan=self._plan,
            record=record,
            verdict=verdict,
            actions=actions,
            steps=steps,
            kills=self._server.kills,
            stops=self._server.stops,
            without_fault=without_fault,
            seconds=time.monotonic() - self._started_at,
            slowest_start=self._server.slowest_start,
            pages=self._browsers.done if self._browsers is not None else {},
            complaints=[*self._complaints, *proxy.crashes(), *self._server.faults_logged()[:5]],
        )

    # Helpers

    def _cuts(self) -> int:
        return sum(fault["action"] in CUTS for fault in self._proxy.struck())

    def _is_over(self) -> bool:
        is_over = time.monotonic() - self._started_at > self._plan.most_seconds
        if is_over:
            self._complaints.append("time was up before everything planned was done")
        return is_over

    def _wait_or_complain(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        try:
            _wait(condition, seconds, what)
        except AssertionError as error:
            self._complaints.append(str(error))


def read_log(url: str, code: str, token: str) -> list[dict[str, Any]]:
    """The whole log over REST, past the proxy."""
    events: list[dict[str, Any]] = []
    while True:
        answer = requests.get(
            f"{url}/api/v1/rooms/{code}/events",
            params={"after": events[-1]["seq"] if events else 0, "limit": 100},
            headers={"Authorization": f"Bearer {token}"},
            timeout=10,
        )
        answer.raise_for_status()
        page = answer.json()
        events += page["events"]
        if not page["more"]:
            return events


def _wait(condition: Callable[[], bool], seconds: float, what: str) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"{what}: waited {seconds} s in vain"
        time.sleep(0.05)


def _counts(counts: Counter[str], names: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {counts[name]}" for name in names)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--store", default="sqlite", help="sqlite, or memory: without kills")
    parser.add_argument("--cuts", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--stops", type=int, default=10)
    parser.add_argument("--outage-seconds", type=float, default=60.0)
    parser.add_argument("--quiet-seconds", type=float, default=30.0)
    parser.add_argument("--most-seconds", type=float, default=720.0)
    parser.add_argument("--live-seconds", type=float, default=LIVE_SECONDS)
    parser.add_argument("--no-browsers", dest="browsers", action="store_false")
    options = parser.parse_args()
    print(f"chaos with --seed {options.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    report = Chaos(Plan(**vars(options)), folder, lambda text: print(text, flush=True)).run()
    print(report.text())
    if report.is_good:
        shutil.rmtree(folder)
        return 0
    print(f"logs and database are in {folder}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
