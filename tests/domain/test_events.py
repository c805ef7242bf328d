"""Events as bytes: what is kept, what goes over the wire, what is read back."""

import json
from datetime import UTC, datetime, timedelta
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from flask_chat.domain.events import (
    Event,
    HostChanged,
    MemberChanged,
    MemberJoined,
    MemberLeft,
    MemberRemoved,
    MemberRenamed,
    MessageEdited,
    MessagePosted,
    MessageRemoved,
    ReactionAdded,
    ReactionRemoved,
    RoomChanged,
    RoomEnded,
    decode_event,
    encode_event,
    moment,
    numbered,
    redacted,
)
from flask_chat.domain.members import GLYPHS, HUES, Member, MemberId, glyph_of, hue_of

AT = moment(1_795_381_398.123)
ADA = MemberId("m-ada")
GRACE = Member(member_id=MemberId("m-grace"), name="Grace", hue=3)

# One event of each kind, and the fields it has on the wire besides `seq`, `kind`, `at` and `by`.
EVERY_KIND: list[tuple[Event, str, dict[str, object]]] = [
    (
        MessagePosted(at=AT, by=ADA, text="Hi", key="k1"),
        "message_posted",
        {"text": "Hi", "key": "k1"},
    ),
    (
        MessagePosted(at=AT, by=ADA, text="Yes", key="k2", reply_to=4),
        "message_posted",
        {"text": "Yes", "key": "k2", "reply_to": 4},
    ),
    (
        MessageEdited(at=AT, by=ADA, target=2, text="Ho"),
        "message_edited",
        {"target": 2, "text": "Ho"},
    ),
    (MessageRemoved(at=AT, by=ADA, target=2), "message_removed", {"target": 2}),
    (
        ReactionAdded(at=AT, by=ADA, target=2, emoji="👍"),
        "reaction_added",
        {"target": 2, "emoji": "👍"},
    ),
    (
        ReactionRemoved(at=AT, by=ADA, target=2, emoji="👍"),
        "reaction_removed",
        {"target": 2, "emoji": "👍"},
    ),
    (
        MemberJoined(at=AT, by=GRACE.member_id, member=GRACE),
        "member_joined",
        {
            "member": {
                "member_id": "m-grace",
                "name": "Grace",
                "hue": 3,
                "glyph": 0,
                "role": "guest",
                "here": True,
            }
        },
    ),
    (
        MemberLeft(at=AT, by=ADA, member_id=ADA, reason="gone"),
        "member_left",
        {"member_id": "m-ada", "reason": "gone"},
    ),
    (
        MemberRenamed(at=AT, by=ADA, member_id=ADA, name="Ada L."),
        "member_renamed",
        {"member_id": "m-ada", "name": "Ada L."},
    ),
    (RoomChanged(at=AT, by=ADA, topic=""), "room_changed", {"topic": ""}),
    (
        RoomChanged(at=AT, by=ADA, locked=False, slow_mode_seconds=0),
        "room_changed",
        {"locked": False, "slow_mode_seconds": 0},
    ),
    (
        RoomChanged(at=AT, by=ADA, knock=True, has_passcode=False, invites=3),
        "room_changed",
        {"knock": True, "has_passcode": False, "invites": 3},
    ),
    (
        MemberChanged(at=AT, by=ADA, member_id=GRACE.member_id, role="cohost"),
        "member_changed",
        {"member_id": "m-grace", "role": "cohost"},
    ),
    (
        MemberChanged(at=AT, by=ADA, member_id=GRACE.member_id, muted_until=None),
        "member_changed",
        {"member_id": "m-grace", "muted_until": None},
    ),
    (
        HostChanged(at=AT, member_id=GRACE.member_id, previous=ADA, reason="gone"),
        "host_changed",
        {"member_id": "m-grace", "previous": "m-ada", "reason": "gone"},
    ),
    (
        MemberRemoved(at=AT, by=ADA, member_id=GRACE.member_id),
        "member_removed",
        {"member_id": "m-grace"},
    ),
    (
        MemberRemoved(at=AT, by=ADA, member_id=GRACE.member_id, until=AT),
        "member_removed",
        {"member_id": "m-grace", "until": "2026-11-22T21:03:18.123000Z"},
    ),
    (RoomEnded(at=AT, reason="empty"), "room_ended", {"reason": "empty"}),
]


def test_every_kind_of_event_is_tried_here() -> None:
    assert {type(event) for event, _, _ in EVERY_KIND} == set(get_args(Event))


@pytest.mark.parametrize(("event", "kind", "fields"), EVERY_KIND)
def test_an_event_on_the_wire_has_seq_kind_time_author_and_its_fields(
    event: Event, kind: str, fields: dict[str, object]
) -> None:
    shown = json.loads(numbered(encode_event(event), 41))

    at = datetime.fromisoformat(shown.pop("at"))
    by = {} if event.by is None else {"by": event.by}
    assert at == AT
    assert shown == {"seq": 41, "kind": kind} | by | fields


@pytest.mark.parametrize("event", [event for event, _, _ in EVERY_KIND])
def test_an_event_is_read_back_as_it_was_with_its_number(event: Event) -> None:
    data = numbered(encode_event(event), 7)

    assert decode_event(data) == msgspec.structs.replace(event, seq=7)
    assert encode_event(decode_event(data)).count(b'"seq"') == 1


def test_the_number_comes_first_and_an_event_without_one_shows_none() -> None:
    body = encode_event(EVERY_KIND[0][0])

    assert b'"seq"' not in body
    assert numbered(body, 9_007_199_254_740_991).startswith(b'{"seq":9007199254740991,"kind":')


def test_an_unknown_kind_is_not_taken_for_another() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_event(b'{"seq":1,"kind":"room_painted","at":"2026-11-22T21:03:18Z"}')


def test_a_field_that_a_newer_server_added_is_passed_over() -> None:
    event = decode_event(
        b'{"seq":1,"kind":"message_removed","at":"2026-11-22T21:03:18Z","target":2,"why":"spam"}'
    )

    assert event == MessageRemoved(
        at=datetime(2026, 11, 22, 21, 3, 18, tzinfo=UTC), target=2, seq=1
    )


@pytest.mark.parametrize("data", [b"", b"{}", b'{"seq":1}', b'{"kind":"room_ended"}', b"[1]"])
def test_what_is_no_event_is_refused(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_event(data)


@given(st.text(), st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True), st.integers(1, 2**53))
def test_any_text_comes_back_exactly_as_it_was_typed(text: str, key: str, seq: int) -> None:
    event = MessagePosted(at=AT, by=ADA, text=text, key=key)

    data = numbered(encode_event(event), seq)

    assert decode_event(data) == msgspec.structs.replace(event, seq=seq)
    assert json.loads(data)["text"] == text


@given(st.floats(min_value=0, max_value=4e9))
def test_a_moment_is_whole_milliseconds_in_utc(seconds: float) -> None:
    at = moment(seconds)

    assert at.microsecond % 1000 == 0
    assert at.tzinfo is UTC
    assert abs(at - datetime.fromtimestamp(seconds, UTC)) <= timedelta(milliseconds=1)


@given(st.text())
def test_a_colour_is_one_of_twelve_and_always_the_same(text: str) -> None:
    hue = hue_of(MemberId(text))

    assert 0 <= hue < HUES == 12
    assert hue == hue_of(MemberId(text))


def test_all_twelve_colours_are_given_out() -> None:
    assert {hue_of(MemberId(f"m{number}")) for number in range(200)} == set(range(HUES))


def test_all_shapes_are_used_and_go_with_every_colour() -> None:
    ids = [MemberId(f"m{number}") for number in range(5000)]

    assert {(hue_of(id_), glyph_of(id_)) for id_ in ids} == {
        (hue, glyph) for hue in range(HUES) for glyph in range(GLYPHS)
    }


@given(st.text(), st.none() | st.integers(min_value=1, max_value=99))
def test_of_a_removed_message_all_is_kept_but_its_text(text: str, reply_to: int | None) -> None:
    posted = MessagePosted(at=AT, by=GRACE.member_id, text=text, key="k1", reply_to=reply_to)

    kept = redacted(numbered(encode_event(posted), 41))

    assert decode_event(kept) == replace(posted, seq=41, text="", removed=True)
    assert redacted(kept) == kept
    assert kept.startswith(b'{"seq":41,"kind":"message_posted",')


def test_only_messages_lose_their_text() -> None:
    with pytest.raises(ValueError, match="message"):
        redacted(numbered(encode_event(MessageRemoved(at=AT, target=1)), 2))
