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
STORE_BACK_SECONDS = 3.0  # from the moment the store is back until everything is live again
# Somebody who went for good is announced within this of the end of their grace: a server counts as
# dead after ten seconds, one that dies before it has told is replaced after fifteen.
GONE_SECONDS = 10.0 + 15.0 + 5.0


@dataclass(frozen=True)
class Offer:
    """A text given to somebody's client to be sent."""

    person: str
    key: str
    text: str
    at: float


@dataclass(frozen=True)
class Seen:
    """An event that somebody's client has handed on.

    Of kind "reset": they were told to start anew from `seq`.
    """

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
    members: dict[str, str] = field(default_factory=dict)  # person → member_id
    troubles: dict[str, list[Trouble]] = field(default_factory=dict)
    welcomes: dict[str, list[float]] = field(default_factory=dict)  # when one had passed the proxy
    good: dict[str, list[tuple[float, float]]] = field(default_factory=dict)  # when lines were fine
    away: list[Trouble] = field(default_factory=list)  # when the store was; nobody can come in then
    gone: dict[str, float] = field(default_factory=dict)  # person → when they went for good
    absent: dict[str, list[tuple[float, float]]] = field(
        default_factory=dict
    )  # of who has no lines
    leave_grace_seconds: float = 20.0
    may_reset: bool = False  # what was told, and never acknowledged, may be lost with a master
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


def judge(
    record: Record, *, live: float = LIVE_SECONDS, recovery: float = RECOVERY_SECONDS
) -> Verdict:
    """Hold a record against every promise."""
    breaches = [
        *_log_itself(record),
        *_posts(record),
        *_sender_order(record),
        *_what_people_saw(record),
        *_presence(record),
    ]
    late, slowest_live, checks = _liveness(record, live)
    slow, slowest, recoveries = _recoveries(record, recovery)
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
        before: int | None = joined.get(record.members[person], 1) - 1
        *taken_back, valid = _between_resets(seen)
        for one in seen:
            if one.kind == "reset" and not record.may_reset:
                yield Breach("gap", f"{person} was told to start anew from {one.seq}")
        for part in taken_back:
            yield from _stretch(person, part, before, {})
            before = None
        if before is None:
            before = valid[0].seq - 1 if valid else last
        yield from _stretch(person, valid, before, key_of)
        newest = max((one.seq for one in valid), default=before)
        if newest < last:
            yield Breach("lost", f"{person} saw events up to {newest} of {last}")


def _between_resets(seen: list[Seen]) -> list[list[Seen]]:
    """What somebody saw, in parts: all but the last were taken back by a reset."""
    parts: list[list[Seen]] = [[]]
    for one in seen:
        if one.kind == "reset":
            parts.append([])
        else:
            parts[-1].append(one)
    return parts


def _stretch(
    person: str, seen: list[Seen], before: int | None, key_of: dict[int, tuple[str, str | None]]
) -> Iterator[Breach]:
    """Whether it goes on from `before` without holes, and, given a log, is what that has."""
    known: set[int] = set()
    for one in seen:
        if before is None:
            before = one.seq - 1
        if one.seq in known:
            yield Breach("doubled", f"{person} saw {one.seq} twice")
        elif one.seq < before:
            yield Breach("order", f"{person} saw {one.seq} after {before}")
        elif one.seq > before + 1:
            yield Breach("gap", f"{person} saw {one.seq} after {before}")
        if key_of and key_of.get(one.seq) != (one.kind, one.key):
            yield Breach("differs", f"{person} saw another {one.seq} than the log has")
        known.add(one.seq)
        before = max(before, one.seq)


def _presence(record: Record) -> Iterator[Breach]:
    """Who went for good is announced, in time and once, and nobody who came back in time."""
    joined: Counter[str] = Counter()
    names = {member_id: person for person, member_id in record.members.items()}
    told: dict[str, int] = {}  # person → seq of the event that says they are gone
    for event in record.log:
        person = names.get(event["by"], "somebody")
        if event["kind"] == "member_joined":
            joined[event["by"]] += 1
        if event["kind"] == "member_left":
            if person in told or not (person in record.gone or _was_away(record, person, event)):
                yield Breach("presence", f"{person} was announced as {event['reason']}")
            told[person] = event["seq"]
    for member_id, times in joined.items():
        if times > 1 + (names.get(member_id) in told):
            yield Breach("presence", f"{names.get(member_id)} was announced {times} times")
    for person, at in record.gone.items():
        yield from _announcement(record, person, at, told.get(person))


def _was_away(record: Record, person: str, event: dict[str, Any]) -> bool:
    """Whether somebody had been without a line for the whole grace when they were called gone."""
    told_at = _first_seen(record, event["seq"])
    gone_by = told_at - record.leave_grace_seconds
    if any(since <= gone_by and told_at <= back for since, back in record.absent.get(person, [])):
        return True
    welcomed_at = max((at for at in record.welcomes.get(person, []) if at < told_at), default=0.0)
    lost_at = (each.start for each in record.troubles.get(person, []) if each.start >= welcomed_at)
    return told_at - min(lost_at, default=told_at) >= record.leave_grace_seconds


def _first_seen(record: Record, seq: int) -> float:
    times = [one.at for seen in record.seen.values() for one in seen if one.seq == seq]
    return min(times, default=record.ended_at)


def _announcement(record: Record, person: str, at: float, seq: int | None) -> Iterator[Breach]:
    """Somebody who went at this time, announced by this event."""
    due = at + record.leave_grace_seconds
    away = sum(each.end - each.start for each in record.away if each.end > at)
    if seq is None:
        if record.ended_at > due + GONE_SECONDS + away:
            yield Breach("presence", f"{person} went and was never announced")
        return
    told_at = _first_seen(record, seq)
    if told_at < due - 0.1:
        yield Breach("presence", f"{person} was announced {due - told_at:.1f} s too early")
    if told_at > due + GONE_SECONDS + away:
        yield Breach("presence", f"{person} was announced {told_at - due:.1f} s after their grace")


def _liveness(record: Record, live: float) -> tuple[list[Breach], float, int]:
    """Whoever has a line nothing was done to has each event in time."""
    breaches, slowest, checks = [], 0.0, 0
    known_at: dict[int, float] = dict(record.acknowledged.values())
    key_of = {event["seq"]: event.get("key") for event in record.log}
    for person, seen in record.seen.items():
        at_of: dict[int, float] = {}
        for one in seen:
            if one.kind != "reset" and one.key == key_of.get(one.seq):
                at_of.setdefault(one.seq, one.at)
        good = sorted(_without(record.good.get(person, []), record.away))
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


def _without(
    stretches: list[tuple[float, float]], away: list[Trouble]
) -> Iterator[tuple[float, float]]:
    """What is left of these stretches when the store is there, and has been for a while."""
    for begin, end in stretches:
        since = begin
        for gap in sorted(away, key=lambda gap: gap.start):
            back = gap.end + STORE_BACK_SECONDS
            if gap.start < end and since < back:
                if since < gap.start:
                    yield since, gap.start
                since = back
        if since < end:
            yield since, end


def _recoveries(record: Record, bound: float) -> tuple[list[Breach], float, int]:
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
            took = back - _possible_from(trouble.end, back, record.away, bound)
            if interrupted or (not is_back and took <= bound):
                continue  # the later trouble is judged instead, or time was up
            count += 1
            slowest = max(slowest, took)
            if took > bound:
                text = f"{person} took {took:.2f} s to come back after {trouble.what}"
                breaches.append(Breach("recovery", text))
    return breaches, slowest, count


def _possible_from(end: float, back: float, away: list[Trouble], bound: float) -> float:
    """When somebody can come back whose trouble was over at `end`: not while the store is away.

    They have the whole bound from then on, but not if it had run out before.
    """
    for gap in sorted(away, key=lambda gap: gap.start):
        if end < gap.end and gap.start < min(back, end + bound):
            end = gap.end
    return end


def _oddities(numbers: list[int]) -> list[int]:
    return [b for a, b in zip([0, *numbers], numbers, strict=False) if b != a + 1][:5]
