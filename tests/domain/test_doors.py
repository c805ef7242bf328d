"""What a room's doors know."""

from datetime import timedelta

from msgspec.structs import replace

from flask_chat.domain.doors import (
    KNOCK_SECONDS,
    PASSCODE,
    Ban,
    Knock,
    KnockId,
    Notes,
    as_note,
    banned,
)
from flask_chat.domain.events import moment
from flask_chat.domain.members import NO_END, MemberId

AT = moment(1_795_381_398)
HOUR = timedelta(hours=1)
BAN = Ban(member_id=MemberId("m-mallory"), name="Mallory", at=AT, until=AT + HOUR, marks=("a", "b"))
KNOCK = Knock(knock_id=KnockId("k-grace"), name="Grace", at=AT)


def notes(*about: Ban | Knock, at: timedelta = timedelta(0)) -> Notes:
    return Notes({each.note: as_note(each) for each in about}, AT + at)


def test_what_was_noted_is_read_again() -> None:
    read = Notes({PASSCODE: "hash", BAN.note: as_note(BAN), KNOCK.note: as_note(KNOCK)}, AT)

    assert read.passcode == "hash"
    assert read.bans == [BAN]
    assert read.waiting == [KNOCK]
    assert read.knock(KNOCK.knock_id) == KNOCK
    assert read.outdated == []
    assert Notes({}, AT).passcode is None


def test_a_ban_ends_and_its_note_can_go() -> None:
    assert notes(BAN, at=HOUR).bans == []
    assert notes(BAN, at=HOUR).outdated == [BAN.note]
    assert notes(replace(BAN, until=NO_END), at=100 * HOUR).bans


def test_somebody_who_waits_in_vain_has_to_knock_again() -> None:
    late = notes(KNOCK, at=timedelta(seconds=KNOCK_SECONDS))

    assert late.knock(KNOCK.knock_id) is None
    assert late.outdated == [KNOCK.note]


def test_who_has_been_answered_does_not_wait_and_is_known() -> None:
    answered = replace(KNOCK, state="refused")

    assert notes(answered).waiting == []
    assert notes(answered).knock(KNOCK.knock_id) == answered


def test_bans_and_knocks_are_told_the_oldest_first() -> None:
    older = replace(BAN, member_id=MemberId("m-trudy"), at=AT - HOUR)

    assert notes(BAN, older).bans == [older, BAN]


def test_somebody_banned_is_told_for_how_long() -> None:
    refusal = banned(BAN, AT)

    assert refusal.message == "The host does not let you into this room for another 60 minutes."
    assert refusal.data == {"until": BAN.until, "retry_after_seconds": 3600}
    assert banned(replace(BAN, until=NO_END), AT).data == {"until": NO_END}
