"""What the room page says of its history before its script runs."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from flask_chat.chat import History
from flask_chat.domain import events
from flask_chat.domain.events import encode_event, numbered
from flask_chat.domain.members import NO_END, Member, MemberId
from flask_chat.web.lines import history_lines

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
ADA = Member(member_id=MemberId("ada"), name="Ada", hue=1, role="host")
GRACE = Member(member_id=MemberId("grace"), name="Grace", hue=2)
MALLORY = Member(member_id=MemberId("mallory"), name="Mallory", hue=3)


def said(*happened: Any, me: Member = GRACE, people: Sequence[Member] = (ADA, GRACE)) -> list[str]:
    """The quiet lines that these events make for somebody."""
    log = [numbered(encode_event(event), seq) for seq, event in enumerate(happened, 1)]
    lines = history_lines(History(log, list(people), False), me.member_id)
    return [line["text"] for line in lines if line["type"] == "presence"]


def room_changed(**changes: Any) -> events.RoomChanged:
    return events.RoomChanged(at=NOON, by=ADA.member_id, **changes)


def member_changed(member: Member, **changes: Any) -> events.MemberChanged:
    changed = {"at": NOON, "by": ADA.member_id, "member_id": member.member_id, **changes}
    return events.MemberChanged(**changed)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"topic": "Questions"}, "Ada changed the topic to “Questions”"),
        ({"topic": ""}, "Ada took the topic away"),
        ({"locked": True}, "Ada locked the room"),
        ({"locked": False}, "Ada opened the room again"),
        ({"knock": True}, "Ada turned knocking on: newcomers wait to be let in"),
        ({"knock": False}, "Ada turned knocking off"),
        ({"has_passcode": True}, "Ada set a passcode"),
        ({"has_passcode": False}, "Ada lifted the passcode"),
        ({"slow_mode_seconds": 10}, "Slow mode: one message every 10 seconds"),
        ({"slow_mode_seconds": 60}, "Slow mode: one message every minute"),
        ({"slow_mode_seconds": 5400}, "Slow mode: one message every 90 minutes"),
        ({"slow_mode_seconds": 0}, "Slow mode is off"),
        ({"invites": 2}, "Ada renewed the invite link"),
    ],
)
def test_changes_of_the_room_are_said_in_words(change: dict[str, Any], line: str) -> None:
    assert said(room_changed(**change)) == [line]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("Bob was removed", "“Bob was removed” left"),
        ("Ada locked the room", "“Ada locked the room” left"),
        ("Ada, Bob and 3 others", "“Ada, Bob and 3 others” left"),
        ("Ada van Dyck", "Ada van Dyck left"),
        ("Leticia Isley", "Leticia Isley left"),
    ],
)
def test_a_name_that_reads_like_one_of_our_sentences_stands_in_quotes(name: str, line: str) -> None:
    troll = replace(MALLORY, name=name)
    left = events.MemberLeft(at=NOON, member_id=troll.member_id, reason="left")

    assert said(left, people=(ADA, GRACE, troll)) == [line]


def test_people_are_named_with_until_when() -> None:
    joined = events.MemberJoined(at=NOON, member=MALLORY)
    soon, tomorrow = NOON + timedelta(minutes=5), NOON + timedelta(days=1)

    def removed(until: datetime | None) -> events.MemberRemoved:
        member_id = MALLORY.member_id
        return events.MemberRemoved(at=NOON, by=ADA.member_id, member_id=member_id, until=until)

    assert said(
        joined,
        member_changed(MALLORY, muted_until=soon),
        member_changed(MALLORY, muted_until=tomorrow),
        member_changed(MALLORY, muted_until=NO_END),
        member_changed(MALLORY, muted_until=None),
        removed(None),
        removed(soon),
        removed(NO_END),
    ) == [
        "Mallory joined",
        "Ada muted Mallory until 12:05 UTC",
        "Ada muted Mallory until 26 November at 12:00 UTC",
        "Ada muted Mallory",
        "Ada let Mallory write again",
        "Mallory was removed",
        "Mallory was banned until 12:05 UTC",
        "Mallory was banned",
    ]


def test_names_and_topics_that_run_from_right_to_left_turn_no_sentence_around() -> None:
    salam, ada = replace(MALLORY, name="سلام"), replace(ADA, name="דהו")

    assert said(
        events.MemberJoined(at=NOON, member=ada),
        events.MemberJoined(at=NOON, member=salam),
        member_changed(salam, muted_until=NO_END),
        room_changed(topic="אבג"),
        people=[GRACE],
    )[2:] == [
        "\u2068דהו\u2069 muted \u2068سلام\u2069",
        "\u2068דהו\u2069 changed the topic to “\u2068אבג\u2069”",
    ]


def test_the_reader_is_you() -> None:
    host_changed = events.HostChanged(
        at=NOON,
        by=ADA.member_id,
        member_id=GRACE.member_id,
        previous=ADA.member_id,
        reason="handed_over",
    )

    assert said(
        events.MemberJoined(at=NOON, member=GRACE),
        member_changed(GRACE, role="cohost"),
        member_changed(GRACE, role="guest", muted_until=None),
        member_changed(GRACE, muted_until=NO_END),
        host_changed,
    ) == [
        "You joined",
        "Ada made you a co-host",
        "You are no longer a co-host",
        "Ada let you write again",
        "Ada muted you",
        "You are the host now",
    ]
    assert said(room_changed(locked=True), me=ADA) == ["You locked the room"]


def test_several_changes_at_once_are_lines_of_their_own() -> None:
    assert said(room_changed(locked=True, slow_mode_seconds=5)) == [
        "Ada locked the room",
        "Slow mode: one message every 5 seconds",
    ]


def test_somebody_unheard_of_is_somebody() -> None:
    assert said(member_changed(MALLORY, muted_until=NO_END)) == ["Ada muted Somebody"]
