"""The room as a fold over its log."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from flask_chat.domain.codes import Code
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
    moment,
)
from flask_chat.domain.members import Member, MemberId, is_muted
from flask_chat.domain.rooms import (
    Room,
    RoomId,
    RoomView,
    fold,
    member_after,
    room_after,
    subjects_of,
)

AT = moment(1_795_381_398)
ADA, GRACE, MALLORY = MemberId("m-ada"), MemberId("m-grace"), MemberId("m-mallory")
PEOPLE = (ADA, GRACE, MALLORY)


def log(*events: Event) -> list[Event]:
    """The events with their numbers: 1, 2, 3 …"""
    return [msgspec.structs.replace(event, seq=seq) for seq, event in enumerate(events, 1)]


def person(member_id: MemberId, name: str = "Ada") -> Member:
    return Member(member_id=member_id, name=name, hue=1)


def joined(member_id: MemberId, name: str = "Ada") -> MemberJoined:
    return MemberJoined(at=AT, by=member_id, member=person(member_id, name))


def posted(text: str, by: MemberId = ADA) -> MessagePosted:
    return MessagePosted(at=AT, by=by, text=text, key=f"key-{text}")


def logs() -> st.SearchStrategy[list[Event]]:
    """Logs of any kind of event, most of them about messages and members that are there."""
    who = st.sampled_from(PEOPLE)
    target = st.integers(min_value=1, max_value=20)
    emoji = st.sampled_from("👍🦊")
    base = {"at": st.just(AT), "by": who}
    kinds: list[st.SearchStrategy[Event]] = [
        st.builds(MessagePosted, **base, text=st.text(max_size=5), key=st.uuids().map(str)),
        st.builds(MessageEdited, **base, target=target, text=st.text(max_size=5)),
        st.builds(MessageRemoved, **base, target=target),
        st.builds(ReactionAdded, **base, target=target, emoji=emoji),
        st.builds(ReactionRemoved, **base, target=target, emoji=emoji),
        who.map(joined),
        st.builds(MemberLeft, **base, member_id=who, reason=st.sampled_from(["left", "gone"])),
        st.builds(MemberRemoved, **base, member_id=who),
        st.builds(MemberRenamed, **base, member_id=who, name=st.text(max_size=5)),
        st.builds(RoomChanged, **base, topic=st.none() | st.text(max_size=5)),
        st.builds(MemberChanged, **base, member_id=who, role=st.sampled_from(["cohost", "guest"])),
        st.builds(
            HostChanged,
            **base,
            member_id=who,
            previous=who,
            reason=st.sampled_from(["handed_over", "gone"]),
        ),
    ]
    return st.lists(st.one_of(kinds), max_size=30).map(lambda events: log(*events))


@given(logs(), st.lists(st.integers(min_value=0, max_value=30), max_size=3))
def test_folding_in_pieces_equals_folding_whole(events: list[Event], cuts: Sequence[int]) -> None:
    view = RoomView()
    start = 0
    for cut in [*sorted(cuts), len(events)]:
        view = fold(events[start:cut], view)
        start = max(start, cut)

    assert view == fold(events)
    assert view.last_seq == len(events)


@given(logs(), st.integers(min_value=0, max_value=30), st.integers(min_value=0, max_value=30))
def test_events_that_come_twice_change_nothing(events: list[Event], start: int, end: int) -> None:
    once = fold(events)

    assert fold(events[start:end], fold(events)) == once
    assert fold(events + events) == once


@given(logs(), st.integers(min_value=0, max_value=30))
def test_a_log_whose_beginning_is_gone_folds_to_the_same_messages(
    events: list[Event], dropped: int
) -> None:
    whole, rest = fold(events), fold(events[dropped:])

    kept = {seq: message for seq, message in whole.messages.items() if seq > dropped}
    assert rest.messages == kept


def test_messages_come_in_the_order_of_their_seq() -> None:
    view = fold(log(posted("one"), joined(GRACE), posted("two", by=GRACE)))

    assert [(m.seq, m.text, m.by) for m in view.messages.values()] == [
        (1, "one", ADA),
        (3, "two", GRACE),
    ]


def test_an_edit_shows_the_new_text_and_says_so() -> None:
    view = fold(log(posted("Helo"), MessageEdited(at=AT, by=ADA, target=1, text="Hello")))

    assert view.messages[1].text == "Hello"
    assert view.messages[1].edited
    assert view.messages[1].at == AT


def test_a_removed_message_keeps_its_place_and_nothing_of_what_it_said() -> None:
    view = fold(
        log(
            posted("secret"),
            ReactionAdded(at=AT, by=GRACE, target=1, emoji="👍"),
            MessageRemoved(at=AT, by=ADA, target=1),
            MessageEdited(at=AT, by=ADA, target=1, text="back again"),
            ReactionAdded(at=AT, by=GRACE, target=1, emoji="🦊"),
        )
    )

    assert view.messages[1].removed
    assert view.messages[1].text == ""
    assert view.messages[1].reactions == {}


def test_a_reaction_counts_once_per_person_and_can_be_taken_back() -> None:
    def reacts(by: MemberId) -> Event:
        return ReactionAdded(at=AT, by=by, target=1, emoji="👍")

    def takes_back(by: MemberId) -> Event:
        return ReactionRemoved(at=AT, by=by, target=1, emoji="👍")

    both = log(posted("Hi"), reacts(ADA), reacts(GRACE), reacts(GRACE), takes_back(MALLORY))
    one = log(*both, takes_back(GRACE))

    assert fold(both).messages[1].reactions == {"👍": {ADA, GRACE}}
    assert fold(one).messages[1].reactions == {"👍": {ADA}}
    assert fold(log(*one, takes_back(ADA))).messages[1].reactions == {}


@pytest.mark.parametrize(
    "event",
    [
        MessageEdited(at=AT, by=ADA, target=9, text="x"),
        MessageEdited(at=AT, by=ADA, target=1, text="x"),  # 1 is no message
        MessageRemoved(at=AT, by=ADA, target=9),
        ReactionAdded(at=AT, by=ADA, target=9, emoji="👍"),
        ReactionAdded(at=AT, target=2, emoji="👍"),  # by nobody
        ReactionRemoved(at=AT, by=ADA, target=2, emoji="👍"),
        MemberLeft(at=AT, member_id=MALLORY, reason="gone"),
        MemberRemoved(at=AT, member_id=MALLORY),
        MemberRenamed(at=AT, member_id=MALLORY, name="x"),
        RoomChanged(at=AT, locked=True),
    ],
)
def test_what_refers_to_nothing_known_is_passed_over_but_counted(event: Event) -> None:
    before = fold(log(joined(ADA), posted("Hi")))

    after = fold(log(joined(ADA), posted("Hi"), event))

    assert after.last_seq == 3
    assert (after.members, after.messages, after.topic) == (
        before.members,
        before.messages,
        before.topic,
    )


def test_members_come_go_come_back_and_change_their_names() -> None:
    events = log(
        joined(ADA, "Ada"),
        joined(GRACE, "Grace"),
        MemberLeft(at=AT, by=GRACE, member_id=GRACE, reason="gone"),
        MemberRenamed(at=AT, by=ADA, member_id=ADA, name="Ada L."),
        joined(MALLORY, "Mallory"),
        MemberRemoved(at=AT, by=ADA, member_id=MALLORY),
        joined(GRACE, "Grace"),
    )

    def seen(count: int) -> dict[str, bool]:
        return {member.name: member.here for member in fold(events[:count]).members.values()}

    assert seen(3) == {"Ada": True, "Grace": False}
    assert seen(7) == {"Ada L.": True, "Grace": True, "Mallory": False}


def test_a_topic_is_what_was_set_last_and_may_be_taken_away() -> None:
    set_it, lock = RoomChanged(at=AT, topic="Maths"), RoomChanged(at=AT, locked=True)

    assert fold(log(set_it, lock)).topic == "Maths"
    assert fold(log(set_it, lock, RoomChanged(at=AT, topic=""))).topic == ""


def test_a_rooms_record_follows_its_topic_too() -> None:
    room = Room(room_id=RoomId("r1"), code=Code("BCDF"), created_at=AT, host_id=ADA)

    named = room_after(room, RoomChanged(at=AT, topic="Maths"))

    assert named.topic == room_after(named, RoomChanged(at=AT, locked=True)).topic == "Maths"
    assert room_after(named, RoomChanged(at=AT, topic="")) == room


def test_what_is_not_given_stays_as_it_was() -> None:
    room = Room(room_id=RoomId("r1"), code=Code("BCDF"), created_at=AT, host_id=ADA, topic="Maths")

    slow = room_after(room, RoomChanged(at=AT, locked=True, knock=True, slow_mode_seconds=10))
    open_again = room_after(slow, RoomChanged(at=AT, locked=False, has_passcode=True, invites=1))

    assert slow == replace(room, locked=True, knock=True, slow_mode_seconds=10)
    assert open_again == replace(slow, locked=False, has_passcode=True, invites=1)


def test_muting_lasts_until_then_and_can_be_lifted() -> None:
    later = AT + timedelta(minutes=5)

    muted = member_after(person(GRACE), MemberChanged(at=AT, member_id=GRACE, muted_until=later))
    promoted = member_after(muted, MemberChanged(at=AT, member_id=GRACE, role="cohost"))
    lifted = member_after(promoted, MemberChanged(at=AT, member_id=GRACE, muted_until=None))

    assert is_muted(promoted, AT)
    assert not is_muted(promoted, later)
    assert lifted == replace(person(GRACE), role="cohost")
    assert b"muted_until" not in msgspec.json.encode(lifted)


def test_a_host_who_hands_over_stays_a_co_host_and_one_who_is_gone_does_not() -> None:
    ada, grace = replace(person(ADA), role="host"), person(GRACE)
    handed = HostChanged(at=AT, member_id=GRACE, previous=ADA, reason="handed_over")
    gone = replace(handed, reason="gone")

    assert [member_after(each, handed).role for each in (ada, grace)] == ["cohost", "host"]
    assert [member_after(each, gone).role for each in (ada, grace)] == ["guest", "host"]
    room = Room(room_id=RoomId("r1"), code=Code("BCDF"), created_at=AT, host_id=ADA)
    assert room_after(room, gone).host_id == GRACE


def test_the_end_of_a_room_is_seen_in_its_log() -> None:
    events = log(posted("Bye"), RoomEnded(at=AT, reason="empty"))

    assert not fold(events[:1]).ended
    assert fold(events).ended


@given(logs())
def test_records_changed_one_event_at_a_time_equal_the_fold(events: list[Event]) -> None:
    room = Room(room_id=RoomId("r1"), code=Code("BCDF"), created_at=AT, host_id=ADA)
    members: dict[MemberId, Member] = {}
    for event in events:
        room = room_after(room, event)
        if isinstance(event, MemberJoined):
            members.setdefault(event.member.member_id, event.member)
        for subject in subjects_of(event):
            if subject in members:
                members[subject] = member_after(members[subject], event)

    view = fold(events)
    assert room.topic == view.topic
    assert {m.member_id: m.here for m in members.values()} == {
        m.member_id: m.here for m in view.members.values()
    }
