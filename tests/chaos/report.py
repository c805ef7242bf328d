"""What a run of the chaos suite says in the end."""

from collections import Counter
from dataclasses import dataclass, field

from tests.chaos.checker import Record, Trouble, Verdict
from tests.chaos.faults import CUTS, HOLES, TRICKS
from tests.chaos.plan import Plan


@dataclass
class Report:
    """What was done, and what the checker says."""

    plan: Plan
    record: Record
    verdict: Verdict
    actions: Counter[str] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    redis: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    stops: int = 0
    partitions: int = 0
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
            "servers": f"{self.plan.servers}: {self.kills} kill -9, {self.stops} SIGTERM, "
            f"{self.partitions} cut off, slowest start {self.slowest_start:.1f} s",
            "Redis": ", ".join(f"{what} {n}" for what, n in sorted(self.redis.items())),
            "Redis away": f"{len(record.away)} times, {_sum(record.away):.0f} s, "
            f"the longest {max((each.end - each.start for each in record.away), default=0):.1f} s",
            "gone for good": str(len(record.gone)),
            "browsers": ", ".join(f"{what} {n}" for what, n in sorted(self.pages.items())),
            "lines lost without a fault": str(self.without_fault),
            "lost": str(verdict.count("lost", "refused", "differs")),
            "doubled": str(verdict.count("doubled")),
            "out of order": str(verdict.count("order")),
            "gaps": str(verdict.count("gap")),
            "shown anew": str(sum(e.kind == "reset" for s in record.seen.values() for e in s)),
            "wrong about presence": str(verdict.count("presence")),
            "late on a good line": f"{verdict.count('late')} of {verdict.live_checks}, "
            f"slowest {verdict.slowest_live:.2f} s",
            "slowest recovery": f"{verdict.slowest_recovery:.2f} s of {verdict.recoveries}, "
            f"too slow: {verdict.count('recovery')}",
        }
        lines = [f"{name + ':':28}{value}" for name, value in tell.items() if value]
        lines += [f"BREACH {breach.kind}: {breach.text}" for breach in verdict.breaches[:40]]
        if len(verdict.breaches) > 40:
            lines.append(f"… and {len(verdict.breaches) - 40} more")
        lines += [f"COMPLAINT {complaint}" for complaint in self.complaints]
        return "\n".join(lines)


def _sum(times: list[Trouble]) -> float:
    return sum(each.end - each.start for each in times)


def _counts(counts: Counter[str], names: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {counts[name]}" for name in names)
