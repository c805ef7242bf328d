"""`make chaos`: ten people, bad lines, servers that die, and a checker over everything.

    python -m tests.chaos.run [--store sqlite|redis|sentinel|sentinel-all|cluster|memory:]
        [--seed N] [--servers 2] [--kills N] [--cuts N] [--redis-faults N] [--partitions N]

Without a store it is SQLite first and then Redis. Prints what was done and what was found; exits
with 1 if any promise was broken. The same seed gives the same faults in the same order for each
line; their moments depend on the machine.
"""

import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import requests

from tests.chaos import network
from tests.chaos.browsers import Browsers, add_to, judge_pages
from tests.chaos.checker import GONE_SECONDS, RECOVERY_SECONDS, Breach, Offer, Record, judge
from tests.chaos.faults import CUTS, faults_for
from tests.chaos.lines import Lines
from tests.chaos.people import NAMES, Passer, Regular
from tests.chaos.plan import Plan, read_plans
from tests.chaos.redis_world import Alone, Clustered, MakeNode, RedisWorld, Watching, WatchingAll
from tests.chaos.report import Report
from tests.chaos.world import Mortal, Proxy
from tests.over_redis.nodes import nodes

POSTERS = 5
SETTLE_SECONDS = 90  # after the faults: what has piled up is sent at the pace of the limits
CATCH_UP_SECONDS = 15


SHAPES: dict[str, Callable[[MakeNode], RedisWorld]] = {
    "sentinel": Watching,
    "sentinel-all": WatchingAll,
    "cluster": Clustered,
}


class Chaos:
    """One run, from empty servers to the verdict."""

    def __init__(self, plan: Plan, folder: Path, say: Callable[[str], None] = print) -> None:
        self._plan = plan
        self._folder = folder
        self._say = say
        self._chance = Random(f"{plan.seed} server")
        self._started_at = time.monotonic()
        self._complaints: list[str] = []
        self._record = Record(
            leave_grace_seconds=plan.leave_grace_seconds,
            may_reset=plan.is_over_redis and plan.store != "redis",
        )
        self._people = [Regular(name, self._record) for name in NAMES]
        self._passers: list[Passer] = []
        self._browsers: Browsers | None = None
        self._redis: RedisWorld | None = None
        self._servers: list[Mortal] = []

    def run(self) -> Report:
        """All of it."""
        with ExitStack() as stack:
            self._build(stack)
            self._gather()
            self._torment()
            self._settle()
            self._read_log()
        return self._report()

    # What happens, in this order

    def _build(self, stack: ExitStack) -> None:
        plan = self._plan
        homes = [network.HERE] * plan.servers
        if plan.partitions:
            homes = stack.enter_context(network.homes(plan.servers))
        store = f"sqlite:///{self._folder}/chat.db" if plan.store == "sqlite" else plan.store
        more: dict[str, object] = {"leave_grace_seconds": plan.leave_grace_seconds}
        if plan.is_over_redis:
            self._redis = self._make_redis(stack)
            store = self._redis.url
            more |= {"secret_key": "a key that all servers have", "allowed_origins": "*"}
        for number, home in enumerate(homes):
            self._servers.append(Mortal(self._folder, store, number, home, **more))
            stack.callback(self._servers[-1].ends)
        self._proxy = Proxy(*(server.address for server in self._servers))
        stack.callback(self._proxy.ends)
        stack.callback(self._everybody_goes)

    def _make_redis(self, stack: ExitStack) -> RedisWorld:
        make = stack.enter_context(nodes())
        if self._plan.store in SHAPES:
            return SHAPES[self._plan.store](make)
        also = (network.HUB_ADDRESS,) if self._plan.partitions else ()
        return Alone(make, ("127.0.0.1", *also))

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
        plan = self._plan
        time.sleep(min(plan.quiet_seconds, plan.most_seconds))
        has_outage = plan.outage_seconds == 0
        agenda = self._agenda()
        half = len(agenda) // 2
        said_at = 0.0
        while not self._is_over():
            if agenda:
                time.sleep(self._chance.uniform(0.3, plan.slowest_pause_seconds))
                agenda.pop()()
            else:
                time.sleep(0.5)
            if not has_outage and len(agenda) <= half:
                has_outage = True
                self._outage(plan.outage_seconds)
            if not agenda and has_outage and self._cuts() >= plan.cuts:
                return
            if time.monotonic() - said_at > 20:
                said_at = time.monotonic()
                self._say(
                    f"{said_at - self._started_at:4.0f} s: {len(self._record.offered)} posted, "
                    f"{self._cuts()} cuts, {self._count('kills')} kills, {len(agenda)} to do"
                )

    def _agenda(self) -> list[Callable[[], None]]:
        """All that is done to servers and to Redis, in an order of chance; the last comes first."""
        plan, redis = self._plan, self._redis
        agenda: list[Callable[[], None]] = [partial(self._take_down, signal.SIGKILL)] * plan.kills
        agenda += [partial(self._take_down, signal.SIGTERM)] * plan.stops
        agenda += [self._cut_off] * plan.partitions
        if redis is not None:
            faults = [redis.FAULTS[n % len(redis.FAULTS)] for n in range(plan.redis_faults)]
            agenda += [partial(redis.strikes, each, self._chance, self._proxy) for each in faults]
        self._chance.shuffle(agenda)
        return agenda

    def _take_down(self, number: signal.Signals) -> None:
        """At any moment, or, which is where it hurts, while a post is on its way."""
        step = self._chance.choice((None, "post", "ack", "event", "connect"))
        delay = self._chance.choice((0.0, self._chance.uniform(0.0, 0.01)))
        if number == signal.SIGTERM:  # each in turn
            self._servers[self._count("stops") % len(self._servers)].goes_down(number)
            return
        server = self._some_server()
        passer = None
        if self._count("kills") < self._plan.goners:
            passer = self._passes_by(server)
        if step is None or passer is not None:
            server.goes_down(number, then=passer.goes if passer is not None else None)
        else:
            server.dies_at(step, self._proxy, delay)

    def _passes_by(self, server: Mortal) -> Passer:
        name = f"Passer {len(self._passers) + 1}"
        passer = Passer(name, server.url, self._people[0].client.code, self._record)
        self._passers.append(passer)
        _wait(lambda: passer.is_connected, 10, f"a welcome for {name}")
        return passer

    def _cut_off(self) -> None:
        self._some_server().is_cut_off(self._chance.uniform(*self._plan.partition_seconds))

    def _outage(self, seconds: float) -> None:
        if self._redis is None:
            self._say(f"the server is away for {seconds:.0f} s")
            self._servers[0].goes_down(signal.SIGTERM, for_seconds=seconds)
        else:
            self._say(f"Redis is away for {seconds:.0f} s")
            self._redis.is_away(seconds)

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
        gone = len(self._record.gone)
        self._wait_or_complain(
            lambda: sum(one.kind == "member_left" for one in poster.seen) >= gone,
            self._plan.leave_grace_seconds + GONE_SECONDS if gone else 1,
            "not everybody who went was announced",
        )
        if self._browsers is not None:
            self._browsers.look(last.wait(0))
            if self._browsers.failure is not None:
                self._complaints.append(f"browsers: {self._browsers.failure!r}")

    def _read_log(self) -> None:
        poster = self._people[0].client
        self._record.log = read_log(self._servers[0].url, poster.code, poster.token)
        last = self._record.log[-1]["seq"]
        self._wait_or_complain(
            lambda: all(p.seen and p.seen[-1].seq >= last for p in self._people),
            CATCH_UP_SECONDS,
            "not everybody caught up",
        )
        self._record.outboxes_left = {p.name: p.client.unsent for p in self._people}
        self._record.ended_at = time.monotonic()

    def _report(self) -> Report:
        record, proxy = self._record, self._proxy
        outages = [server.outages for server in self._servers]
        if self._redis is not None:
            record.away = self._redis.away
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
        verdict = judge(record, live=self._plan.live_seconds, recovery=self._plan.recovery_seconds)
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
            redis=self._redis.struck if self._redis is not None else Counter(),
            kills=self._count("kills"),
            stops=self._count("stops"),
            partitions=self._count("partitions"),
            without_fault=without_fault,
            seconds=time.monotonic() - self._started_at,
            slowest_start=max(server.slowest_start for server in self._servers),
            pages=self._browsers.done if self._browsers is not None else {},
            complaints=[*self._complaints, *proxy.crashes(), *self._faults_logged()[:5]],
        )

    # Helpers

    def _everybody_goes(self) -> None:
        for person in self._people:
            person.goes()
        for passer in self._passers:
            passer.closes()

    def _faults_logged(self) -> list[str]:
        return [line for server in self._servers for line in server.faults_logged()]

    def _some_server(self) -> Mortal:
        return self._servers[0] if len(self._servers) == 1 else self._chance.choice(self._servers)

    def _count(self, what: str) -> int:
        return sum(getattr(server, what) for server in self._servers)

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
    """The whole log over REST, past the proxy, from a server that may have to find Redis first."""
    events: list[dict[str, Any]] = []
    until = time.monotonic() + RECOVERY_SECONDS
    while True:
        answer = requests.get(
            f"{url}/api/v1/rooms/{code}/events",
            params={"after": events[-1]["seq"] if events else 0, "limit": 100},
            headers={"Authorization": f"Bearer {token}"},
            timeout=10,
        )
        if answer.status_code == 503 and time.monotonic() < until:
            time.sleep(0.2)
            continue
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


def carry_out(plan: Plan) -> bool:
    """Do it and print what was found; whether all promises were kept."""
    print(f"chaos with --store {plan.store} --seed {plan.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    report = Chaos(plan, folder, lambda text: print(text, flush=True)).run()
    print(report.text(), flush=True)
    if report.is_good:
        shutil.rmtree(folder)
    else:
        print(f"logs and database are in {folder}", flush=True)
    return report.is_good


def carry_out_in_hub(plan: Plan, words: list[str]) -> bool:
    """The same in a network of our own, where servers can be cut off, if there can be one."""
    if why := network.missing():
        print(f"no server is cut off: {why}", flush=True)
        return carry_out(replace(plan, partitions=0))
    chosen = [*words, f"--store={plan.store}", f"--seed={plan.seed}"]
    return network.run_in_hub([sys.executable, "-m", "tests.chaos.run", *chosen]) == 0


def main() -> int:
    words = sys.argv[1:]
    results = [
        carry_out_in_hub(plan, words)
        if plan.partitions and not network.is_inside()
        else carry_out(plan)
        for plan in read_plans(words, __doc__)
    ]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
