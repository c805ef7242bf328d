"""The checker finds what it is there for: a good record passes, each doctored one does not."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.chaos.checker import LIVE_SECONDS, Offer, Record, Seen, Trouble, judge

INFINITE = float("inf")


def good_record() -> Record:
    """Ada and Grace say two things each; Grace's line is cut at 10 and back at 11."""
    record = Record(members={"Ada": "m-ada", "Grace": "m-grace"}, ended_at=30.0)
    record.log = [
        {"seq": 1, "kind": "member_joined", "by": "m-ada"},
        {"seq": 2, "kind": "member_joined", "by": "m-grace"},
    ]
    for seq, person in enumerate(["Ada", "Grace", "Ada", "Grace"], start=3):
        key, at, by = f"key-{seq}", 4.0 * seq, record.members[person]
        record.log.append(
            {"seq": seq, "kind": "message_posted", "by": by, "key": key, "text": f"text {seq}"}
        )
        record.offered.append(Offer(person, key, f"text {seq}", at))
        record.acknowledged[key] = (seq, at + 0.1)
    for person, first in (("Ada", 1), ("Grace", 2)):
        record.seen[person] = [
            Seen(event["seq"], event["kind"], event.get("key"), 4.0 * event["seq"] + 0.2)
            for event in record.log[first - 1 :]
        ]
    record.welcomes = {"Ada": [0.5], "Grace": [0.6, 11.0]}
    record.troubles = {"Grace": [Trouble(10.0, 10.0, "a cut")]}
    record.good = {"Ada": [(0.5, INFINITE)], "Grace": [(0.6, 10.0), (11.0, INFINITE)]}
    record.outboxes_left = {"Ada": 0, "Grace": 0}
    return record


def somebody_goes(record: Record) -> None:
    """Mallory, at 30, with a grace of 20; all is over at 120."""
    record.members["Mallory"] = "m-mallory"
    record.gone["Mallory"] = 30.0
    record.log.append({"seq": 7, "kind": "member_left", "by": "m-mallory", "reason": "gone"})
    for seen in record.seen.values():
        seen.append(Seen(7, "member_left", None, 52.0))
    record.ended_at = 120.0


def test_a_good_record_passes() -> None:
    verdict = judge(good_record())

    assert verdict.breaches == []
    assert verdict.slowest_recovery == pytest.approx(1.0)
    assert verdict.recoveries == 1
    assert verdict.live_checks == 8


def an_acknowledged_post_is_not_in_the_log(record: Record) -> None:
    del record.log[-1]
    for seen in record.seen.values():
        del seen[-1]


def a_post_never_arrived(record: Record) -> None:
    record.offered.append(Offer("Ada", "key-7", "text 7", 28.0))


def a_post_was_never_acknowledged(record: Record) -> None:
    del record.acknowledged["key-3"]


def a_post_is_still_in_an_outbox(record: Record) -> None:
    record.outboxes_left["Ada"] = 1


def somebody_missed_the_end(record: Record) -> None:
    del record.seen["Grace"][-1]


def a_post_was_refused(record: Record) -> None:
    record.failed["key-3"] = "internal"


def a_key_is_in_the_log_twice(record: Record) -> None:
    record.log.append({**record.log[2], "seq": 7})
    for seen in record.seen.values():
        seen.append(Seen(7, "message_posted", "key-3", 28.2))


def somebody_saw_an_event_twice(record: Record) -> None:
    record.seen["Grace"].append(record.seen["Grace"][-1])


def two_events_were_swapped_for_somebody(record: Record) -> None:
    seen = record.seen["Grace"]
    seen[1], seen[2] = seen[2], seen[1]


def a_sender_was_overtaken_by_themselves(record: Record) -> None:
    record.offered[0], record.offered[2] = record.offered[2], record.offered[0]


def somebody_has_a_silent_gap(record: Record) -> None:
    del record.seen["Grace"][2]


def somebody_missed_the_beginning(record: Record) -> None:
    del record.seen["Grace"][0]


def the_log_has_a_hole(record: Record) -> None:
    del record.log[3]


def somebody_had_to_start_anew(record: Record) -> None:
    record.seen["Grace"].insert(2, Seen(4, "reset", None, 15.0))


def the_text_is_another(record: Record) -> None:
    record.log[3]["text"] = "not what was typed"


def the_author_is_another(record: Record) -> None:
    record.log[3]["by"] = "m-ada"


def the_acknowledgement_named_another_number(record: Record) -> None:
    record.acknowledged["key-4"] = (5, 16.1)


def somebody_saw_another_event_under_a_number(record: Record) -> None:
    record.seen["Ada"][3] = replace(record.seen["Ada"][3], key="key-9")


def there_is_a_message_nobody_wrote(record: Record) -> None:
    record.log.append(
        {"seq": 7, "kind": "message_posted", "by": "m-ada", "key": "ghost", "text": "boo"}
    )
    for seen in record.seen.values():
        seen.append(Seen(7, "message_posted", "ghost", 28.2))


def an_event_came_late_on_a_good_line(record: Record) -> None:
    one = record.seen["Ada"][3]
    record.seen["Ada"][3] = replace(one, at=one.at + LIVE_SECONDS + 0.1)


def somebody_took_long_to_come_back(record: Record) -> None:
    record.welcomes["Grace"][1] = 15.5
    record.good["Grace"][1] = (15.5, INFINITE)


def somebody_never_came_back(record: Record) -> None:
    del record.welcomes["Grace"][1]
    del record.good["Grace"][1]


def somebody_was_announced_as_gone(record: Record) -> None:
    record.log.append({"seq": 7, "kind": "member_left", "by": "m-grace", "reason": "gone"})
    for seen in record.seen.values():
        seen.append(Seen(7, "member_left", None, 28.2))


def somebody_was_announced_again(record: Record) -> None:
    record.log.append({"seq": 7, "kind": "member_joined", "by": "m-grace"})
    for seen in record.seen.values():
        seen.append(Seen(7, "member_joined", None, 28.2))


def somebody_who_went_was_never_announced(record: Record) -> None:
    somebody_goes(record)
    del record.log[-1]
    for seen in record.seen.values():
        del seen[-1]


def somebody_who_went_was_announced_too_early(record: Record) -> None:
    somebody_goes(record)
    record.gone["Mallory"] += 10


def somebody_who_went_was_announced_too_late(record: Record) -> None:
    somebody_goes(record)
    record.gone["Mallory"] -= 60


@pytest.mark.parametrize(
    ("doctor", "kind"),
    [
        (an_acknowledged_post_is_not_in_the_log, "lost"),
        (a_post_never_arrived, "lost"),
        (a_post_was_never_acknowledged, "lost"),
        (a_post_is_still_in_an_outbox, "lost"),
        (somebody_missed_the_end, "lost"),
        (a_post_was_refused, "refused"),
        (a_key_is_in_the_log_twice, "doubled"),
        (somebody_saw_an_event_twice, "doubled"),
        (two_events_were_swapped_for_somebody, "order"),
        (a_sender_was_overtaken_by_themselves, "order"),
        (somebody_has_a_silent_gap, "gap"),
        (somebody_missed_the_beginning, "gap"),
        (the_log_has_a_hole, "gap"),
        (somebody_had_to_start_anew, "gap"),
        (the_text_is_another, "differs"),
        (the_author_is_another, "differs"),
        (the_acknowledgement_named_another_number, "differs"),
        (somebody_saw_another_event_under_a_number, "differs"),
        (there_is_a_message_nobody_wrote, "differs"),
        (an_event_came_late_on_a_good_line, "late"),
        (somebody_took_long_to_come_back, "recovery"),
        (somebody_never_came_back, "recovery"),
        (somebody_was_announced_as_gone, "presence"),
        (somebody_was_announced_again, "presence"),
        (somebody_who_went_was_never_announced, "presence"),
        (somebody_who_went_was_announced_too_early, "presence"),
        (somebody_who_went_was_announced_too_late, "presence"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_doctored_record_is_found(doctor: Callable[[Record], None], kind: str) -> None:
    record = good_record()

    doctor(record)

    assert kind in {breach.kind for breach in judge(record).breaches}


def test_a_trouble_within_a_trouble_starts_the_clock_again() -> None:
    record = good_record()
    record.troubles["Grace"].append(Trouble(14.0, 14.0, "another cut"))
    record.welcomes["Grace"][1] = 18.5
    record.good["Grace"][1] = (18.5, INFINITE)

    verdict = judge(record)

    assert verdict.breaches == []
    assert verdict.slowest_recovery == pytest.approx(4.5)


def test_who_went_for_good_is_announced() -> None:
    record = good_record()
    somebody_goes(record)

    assert judge(record).breaches == []


def test_who_was_away_for_longer_than_the_grace_may_be_announced() -> None:
    record = good_record()
    record.leave_grace_seconds = 3.0
    record.welcomes["Grace"][1] = 14.0  # a chain of troubles
    record.troubles["Grace"] = [Trouble(at, at, "a cut") for at in (10.0, 12.0)]
    record.good["Grace"][1] = (14.0, INFINITE)
    record.log.append({"seq": 7, "kind": "member_left", "by": "m-grace", "reason": "gone"})
    for seen in record.seen.values():
        seen.append(Seen(7, "member_left", None, 13.5))
    assert judge(record).breaches == []

    record.leave_grace_seconds = 4.0
    assert [breach.kind for breach in judge(record).breaches] == ["presence"]


def test_so_may_somebody_whose_page_was_not_online_for_so_long() -> None:
    record = good_record()
    record.members["Browser 1"] = "m-browser"
    record.absent["Browser 1"] = [(3.0, 28.9)]
    record.log.append({"seq": 7, "kind": "member_left", "by": "m-browser", "reason": "gone"})
    for seen in record.seen.values():
        seen.append(Seen(7, "member_left", None, 28.5))
    assert judge(record).breaches == []

    record.absent["Browser 1"] = [(3.0, 10.0), (10.0, 28.9)]
    assert [breach.kind for breach in judge(record).breaches] == ["presence"]


def test_nobody_can_come_back_while_the_store_is_away() -> None:
    record = good_record()
    record.away = [Trouble(10.5, 16.0, "Redis killed")]
    record.welcomes["Grace"][1] = 20.5
    record.good["Grace"][1] = (20.5, INFINITE)

    verdict = judge(record)

    assert verdict.breaches == []
    assert verdict.slowest_recovery == pytest.approx(4.5)


def test_a_store_that_goes_away_when_it_is_too_late_excuses_nothing() -> None:
    record = good_record()
    record.away = [Trouble(15.5, 16.0, "Redis killed")]
    record.welcomes["Grace"][1] = 17.0
    record.good["Grace"][1] = (17.0, INFINITE)

    assert [breach.kind for breach in judge(record).breaches] == ["recovery"]


def test_what_comes_while_the_store_is_away_may_come_later() -> None:
    record = good_record()
    record.away = [Trouble(16.0, 18.0, "Redis frozen")]
    record.seen["Ada"][3] = replace(record.seen["Ada"][3], at=20.0)

    assert judge(record).breaches == []


def with_a_reset(record: Record) -> Record:
    """Grace saw a 5 that was lost with its master, was told, and then saw the 5 that there is."""
    record.may_reset = True
    seen = record.seen["Grace"]
    seen[3:3] = [Seen(5, "message_posted", "phantom", 20.1), Seen(4, "reset", None, 20.15), seen[2]]
    return record


def test_what_was_taken_back_may_be_something_else_afterwards() -> None:
    assert judge(with_a_reset(good_record())).breaches == []


def test_what_was_lost_is_taken_back_with_a_word() -> None:
    record = with_a_reset(good_record())
    record.seen["Grace"] = [one for one in record.seen["Grace"] if one.kind != "reset"]

    assert {breach.kind for breach in judge(record).breaches} >= {"doubled", "differs"}


def test_a_hole_before_a_reset_is_one_all_the_same() -> None:
    record = with_a_reset(good_record())
    del record.seen["Grace"][2]

    assert "gap" in {breach.kind for breach in judge(record).breaches}
