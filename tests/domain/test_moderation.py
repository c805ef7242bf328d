"""Who may do what to whom, and when a member may speak."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from flask_chat.domain.codes import Code
from flask_chat.domain.errors import ChatError, Forbidden, Invalid, Muted, SlowMode
from flask_chat.domain.events import moment
from flask_chat.domain.members import NO_END, Member, MemberId
from flask_chat.domain.moderation import (
    TOPIC_CHARACTERS,
    check_host,
    check_moderator,
    check_over,
    clean_topic,
    in_words,
    lasting,
    refused_to_speak,
    successor,
)
from flask_chat.domain.rooms import Room, RoomId

AT = moment(1_795_381_398)
MINUTE = timedelta(minutes=1)

ADA = Member(member_id=MemberId("m-ada"), name="Ada", hue=1, role="host")
ALAN = Member(member_id=MemberId("m-alan"), name="Alan", hue=2, role="cohost")
KATE = Member(member_id=MemberId("m-kate"), name="Kate", hue=3, role="cohost")
GRACE = Member(member_id=MemberId("m-grace"), name="Grace", hue=4)
MALLORY = Member(member_id=MemberId("m-mallory"), name="Mallory", hue=5)
ROOM = Room(room_id=RoomId("r1"), code=Code("BCDF"), created_at=AT, host_id=ADA.member_id)
SLOW = replace(ROOM, slow_mode_seconds=10)


def is_allowed(check: Callable[..., None], *people: Member) -> bool:
    try:
        check(*people)
    except Forbidden:
        return False
    return True


def test_the_host_and_co_hosts_keep_order_and_only_the_host_is_host() -> None:
    assert [is_allowed(check_moderator, who) for who in (ADA, ALAN, GRACE)] == [True, True, False]
    assert [is_allowed(check_host, who) for who in (ADA, ALAN, GRACE)] == [True, False, False]


@pytest.mark.parametrize(
    ("actor", "target", "may"),
    [
        (ADA, GRACE, True),
        (ADA, ALAN, True),
        (ALAN, GRACE, True),
        (ALAN, KATE, False),
        (ALAN, ADA, False),
        (GRACE, MALLORY, False),
        (GRACE, ADA, False),
        (ADA, ADA, False),
        (ALAN, ALAN, False),
    ],
    ids=lambda each: each.name if isinstance(each, Member) else str(each),
)
def test_who_may_send_whom_away(actor: Member, target: Member, may: bool) -> None:
    assert is_allowed(check_over, actor, target) is may


def test_somebody_muted_is_told_for_how_long() -> None:
    mallory = replace(MALLORY, muted_until=AT + 5 * MINUTE)

    refusal = refused_to_speak(ROOM, mallory, None, AT)

    assert isinstance(refusal, Muted)
    assert refusal.message == "The host has muted you for another 5 minutes."
    assert refusal.data == {"until": AT + 5 * MINUTE, "retry_after_seconds": 300}
    assert refused_to_speak(ROOM, mallory, None, AT + 5 * MINUTE) is None


def test_a_mute_without_end_says_nothing_of_a_time_to_try_again() -> None:
    refusal = refused_to_speak(ROOM, replace(MALLORY, muted_until=NO_END), None, AT)

    assert isinstance(refusal, Muted)
    assert refusal.data == {"until": NO_END}


def test_in_slow_mode_guests_speak_one_at_a_time() -> None:
    def refusal(who: Member, seconds: float) -> ChatError | None:
        return refused_to_speak(SLOW, who, AT, AT + timedelta(seconds=seconds))

    slowed = refusal(GRACE, 4)
    assert isinstance(slowed, SlowMode)
    assert slowed.data == {"limit": 10, "retry_after_seconds": 6.0}
    assert refusal(GRACE, 10) is None
    assert refusal(ADA, 0) is refusal(ALAN, 0) is None
    assert refused_to_speak(SLOW, GRACE, None, AT) is None
    assert refused_to_speak(ROOM, GRACE, AT, AT) is None


def test_a_clock_that_was_set_back_makes_nobody_wait_longer_than_slow_mode() -> None:
    refusal = refused_to_speak(SLOW, GRACE, AT + 60 * MINUTE, AT)

    assert refusal is not None
    assert refusal.data["retry_after_seconds"] <= 10.1


def test_the_longest_present_follows_a_host_but_a_co_host_first_and_somebody_muted_last() -> None:
    muted = replace(MALLORY, muted_until=NO_END)

    assert successor([muted, GRACE, KATE, ALAN], AT) == KATE.member_id
    assert successor([muted, GRACE], AT) == GRACE.member_id
    assert successor([muted], AT) == muted.member_id
    assert successor([], AT) is None


def test_what_lasts_no_time_lasts_until_it_is_lifted() -> None:
    assert lasting(60, AT) == AT + MINUTE
    assert lasting(0, AT) == NO_END


def test_a_topic_is_one_line_that_can_be_seen() -> None:
    assert clean_topic("  Maths \n II ") == "Maths II"
    assert clean_topic("") == ""
    assert len(clean_topic("x" * TOPIC_CHARACTERS)) == TOPIC_CHARACTERS
    for bad in ("x" * (TOPIC_CHARACTERS + 1), "a\u202eb", "a\u200b"):
        with pytest.raises(Invalid) as refusal:
            clean_topic(bad)
        assert refusal.value.data["field"] == "topic"


def test_times_are_said_as_people_say_them() -> None:
    said = [in_words(seconds) for seconds in (0.2, 1, 59, 60, 300, 5400, 7200, 86_400 * 3)]

    assert said == [
        "1 second", "1 second", "59 seconds", "60 seconds", "5 minutes", "2 hours", "2 hours",
        "3 days",
    ]  # fmt: skip
