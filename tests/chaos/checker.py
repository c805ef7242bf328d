"""Judges the complete record of a run. Plain values in, breaches out: it talks to nobody.

All times are of one monotonic clock, in seconds.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

LIVE_SECONDS = 1.5  # on a good line everybody has an event this long after it was acknowledged
RECOVERY_SECONDS = 5.0  # from the end of a fault to the next welcome


@dataclass(frozen=True)
class Offer:
    """A text given to somebody's client to be sent."""

    person: str
    key: str
    text: str
    at: float


@dataclass(frozen=True)
class Seen:
    """An event that somebody's client has handed on."""

    seq: int
    kind: str
    key: str | None
    at: float


@dataclass(frozen=True)
class Trouble:
    """Something that took somebody's line away; over at `end`, when coming back is possible."""

    start: float
    end: float
    what: str


@dataclass
class Record:
    """Everything that is known of a run."""

    offered: list[Offer] = field(default_factory=list)
    acknowledged: dict[str, tuple[int, float]] = field(default_factory=dict)  # key → seq, when
    failed: dict[str, str] = field(default_factory=dict)  # key → code of the refusal
    seen: dict[str, list[Seen]] = field(default_factory=dict)  # by person, as handed on
    resets: dict[str, list[int]] = field(default_factory=dict)
    members: dict[str, str] = field(default_factory=dict)  # person → member_id
    troubles: dict[str, list[Trouble]] = field(default_factory=dict)
    welcomes: dict[str, list[float]] = field(default_factory=dict)  # when one had passed the proxy
    good: dict[str, list[tuple[float, float]]] = field(default_factory=dict)  # when lines were fine
    log: list[dict[str, Any]] = field(default_factory=list)  # as REST gives it in the end
    ended_at: float = 0.0
    outboxes_left: dict[str, int] = field(default_factory=dict)  # person → posts still unsent


@dataclass(frozen=True)
class Breach:
    """A promise that was not kept."""

    kind: str  # lost, doubled, order, gap, differs, refused, late, recovery, presence
    text: str


@dataclass
class Verdict:
    """What the checker found."""

    breaches: list[Breach]
    slowest_recovery: float
    recoveries: int
    slowest_live: float
    live_checks: int

    def count(self, *kinds: str) -> int:
        return sum(breach.kind in kinds for breach in self.breaches)


def judge(record: Record, *, live: float = LIVE_SECONDS) -> Verdict:
    """Hold a record against every promise."""
    breaches = [
        *_log_itself(record),
        *_posts(record),
        *_sender_order(record),
        *_what_people_saw(record),
        *_presence(record),
    ]
    late, slowest_live, checks = _liveness(record, live)
    slow, slowest, recoveries = _recoveries(record)
    return Verdict([*breaches, *late, *slow], slowest, recoveries, slowest_live, checks)


def _log_itself(record: Record) -> Iterator[Breach]:
    numbers = [event["seq"] for event in record.log]
    if numbers != list(range(1, len(numbers) + 1)):
        yield Breach("gap", f"the log is not numbered 1 to {len(numbers)}: {_oddities(numbers)}")
    keys = Counter((e["by"], e["key"]) for e in record.log if e["kind"] == "message_posted")
    for (_, key), times in keys.items():
        if times > 1:
            yield Breach("doubled", f"{key} is in the log {times} times")


def _posts(record: Record) -> Iterator[Breach]:
    kept = {event["key"]: event for event in record.log if event["kind"] == "message_posted"}
    for offer in record.offered:
        event = kept.get(offer.key)
        if offer.key in record.failed:
            yield Breach("refused", f"{offer.key}: {record.failed[offer.key]}")
        elif event is None:
            acknowledged = " although it was acknowledged" * (offer.key in record.acknowledged)
            yield Breach("lost", f"{offer.key} of {offer.person} is not in the log{acknowledged}")
        elif event["text"] != offer.text or event["by"] != record.members[offer.person]:
            yield Breach("differs", f"{offer.key} was kept as {event}")
        elif offer.key not in record.acknowledged:
            yield Breach("lost", f"{offer.key} was kept, and {offer.person} never heard of it")
        elif record.acknowledged[offer.key][0] != event["seq"]:
            told = record.acknowledged[offer.key][0]
            yield Breach("differs", f"{offer.key} is number {event['seq']}, not {told} as told")
    offered = {offer.key for offer in record.offered}
    for key in kept.keys() - offered:
        yield Breach("differs", f"{key} is in the log, and nobody posted it")
    for person, left in record.outboxes_left.items():
        if left:
            yield Breach("lost", f"{left} posts of {person} were still unsent in the end")


def _sender_order(record: Record) -> Iterator[Breach]:
    seq_of = {e["key"]: e["seq"] for e in record.log if e["kind"] == "message_posted"}
    newest: dict[str, int] = {}
    for offer in record.offered:
        seq = seq_of.get(offer.key)
        if seq is None:
            continue
        if seq < newest.get(offer.person, 0):
            yield Breach("order", f"{offer.key} of {offer.person} overtook an earlier one")
        newest[offer.person] = max(seq, newest.get(offer.person, 0))


def _what_people_saw(record: Record) -> Iterator[Breach]:
    key_of = {event["seq"]: (event["kind"], event.get("key")) for event in record.log}
    joined = {e["by"]: e["seq"] for e in reversed(record.log) if e["kind"] == "member_joined"}
    last = len(record.log)
    for person, seen in record.seen.items():
        before = joined.get(record.members[person], 1) - 1
        known: set[int] = set()
        for one in seen:
            if one.seq in known:
                yield Breach("doubled", f"{person} saw {one.seq} twice")
            elif one.seq < before:
                yield Breach("order", f"{person} saw {one.seq} after {before}")
            elif one.seq > before + 1:
                yield Breach("gap", f"{person} saw {one.seq} after {before}")
            if key_of.get(one.seq) != (one.kind, one.key):
                yield Breach("differs", f"{person} saw another {one.seq} than the log has")
            known.add(one.seq)
            before = max(before, one.seq)
        if before < last:
            yield Breach("lost", f"{person} saw events up to {before} of {last}")
        for first in record.resets.get(person, []):
            yield Breach("gap", f"{person} was told to start anew from {first}")


def _presence(record: Record) -> Iterator[Breach]:
    """Nobody was away for longer than the grace, so nobody has left and nobody came back."""
    joined: Counter[str] = Counter()
    names = {member_id: person for person, member_id in record.members.items()}
    for event in record.log:
        if event["kind"] == "member_left":
            yield Breach("presence", f"{names.get(event['by'])} was announced as {event['reason']}")
        if event["kind"] == "member_joined":
            joined[event["by"]] += 1
    for member_id, times in joined.items():
        if times > 1:
            yield Breach("presence", f"{names.get(member_id)} was announced {times} times")


def _liveness(record: Record, live: float) -> tuple[list[Breach], float, int]:
    """Whoever has a line nothing was done to has each event in time."""
    breaches, slowest, checks = [], 0.0, 0
    known_at: dict[int, float] = dict(record.acknowledged.values())
    for person, seen in record.seen.items():
        at_of = {}
        for one in seen:
            at_of.setdefault(one.seq, one.at)
        good = sorted(record.good.get(person, []))
        for seq, known in known_at.items():
            # The stretch in which the event is known, or the first one after that.
            start = max(0, bisect_right(good, (known, float("inf"))) - 1)
            for begin, end in good[start : start + 3]:
                due = max(known, begin) + live
                if due > min(end, record.ended_at):
                    continue
                checks += 1
                delay = at_of.get(seq, record.ended_at) - max(known, begin)
                slowest = max(slowest, delay)
                if delay > live:
                    text = f"{person} had {seq} {delay:.2f} s after it was due on a good line"
                    breaches.append(Breach("late", text))
                break  # one stretch is enough
    return breaches, slowest, checks


def _recoveries(record: Record) -> tuple[list[Breach], float, int]:
    """From the end of every trouble to the next welcome, unless the next trouble came before."""
    breaches, slowest, count = [], 0.0, 0
    for person, troubles in record.troubles.items():
        welcomes = sorted(record.welcomes.get(person, []))
        ordered = sorted(troubles, key=lambda trouble: trouble.end)
        for number, trouble in enumerate(ordered):
            following = bisect_right(welcomes, trouble.start)
            back = welcomes[following] if following < len(welcomes) else record.ended_at
            is_back = following < len(welcomes)
            interrupted = any(
                later.start <= back and later.end > trouble.end for later in ordered[number + 1 :]
            )
            if interrupted or (not is_back and back - trouble.end <= RECOVERY_SECONDS):
                continue  # the later trouble is judged instead, or time was up
            count += 1
            slowest = max(slowest, back - trouble.end)
            if back - trouble.end > RECOVERY_SECONDS:
                text = f"{person} took {back - trouble.end:.2f} s to come back after {trouble.what}"
                breaches.append(Breach("recovery", text))
    return breaches, slowest, count


def _oddities(numbers: list[int]) -> list[int]:
    return [b for a, b in zip([0, *numbers], numbers, strict=False) if b != a + 1][:5]
