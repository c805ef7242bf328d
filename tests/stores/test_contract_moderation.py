"""What `stores.base` promises about rules, muting, hosts, removed messages and notes."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from flask_chat.domain.codes import Code
from flask_chat.domain.errors import ChatError, Forbidden, NotFound, TokenInvalid
from flask_chat.domain.events import (
    Event,
    HostChanged,
    MemberChanged,
    MemberRemoved,
    MemberRenamed,
    MessagePosted,
    MessageRemoved,
    RoomChanged,
    decode_event,
    encode_event,
    numbered,
    redacted,
)
from flask_chat.domain.events import RoomEnded as RoomEndedEvent
from flask_chat.domain.members import NO_END, Member, MemberId
from flask_chat.domain.moderation import muted, slowed
from flask_chat.domain.rooms import Room, RoomId
from flask_chat.stores.base import Append, Appended, DoorChanged
from tests.stores.conftest import MakeStore
from tests.stores.place import AT, Person, Place, joined, posted


@pytest.fixture
def place(make_store: MakeStore) -> Place:
    return Place(make_store)


@pytest.fixture
def ada(place: Place) -> Person:
    """The host of a room."""
    return place.opens("Ada")


@pytest.fixture
def grace(place: Place, ada: Person) -> Person:
    """A guest of Ada's."""
    return place.joins(ada.room_id, "Grace")


def member(name: str) -> Member:
    """Somebody who wants in."""
    return Member(member_id=MemberId(f"m-{name}"), name=name, hue=1)


def said(error: ChatError | None) -> tuple[str, str, dict[str, object]]:
    """All that people are told of a refusal."""
    assert error is not None
    return error.code, error.message, error.data


# A room's rules


def test_a_room_and_its_host_are_kept_whatever_they_are(place: Place) -> None:
    room = Room(
        room_id=RoomId("r-maths"),
        code=Code("WXZB"),
        created_at=AT,
        host_id=MemberId("m-ada"),
        topic="Maths, physics = and | more",
        locked=True,
        knock=True,
        has_passcode=True,
        slow_mode_seconds=3600,
        invites=7,
    )
    host = Member(
        member_id=MemberId("m-ada"),
        name="Ada | Byron",
        hue=11,
        glyph=7,
        role="host",
        muted_until=AT + timedelta(milliseconds=1),
    )

    place.store.create_room(room, host, joined(host))

    assert place.store.room(room.room_id) == place.store.find_room(room.code) == room
    assert place.store.members(room.room_id) == [host]
    assert place.store.member(room.room_id, host.member_id) == host
    snapshot = place.store.snapshot(room.room_id, None, newest=10, most=10)
    assert (snapshot.room, snapshot.members) == (room, [host])


@pytest.mark.parametrize(
    "changes",
    [
        {"topic": "Maths = algebra\nand more"},
        {"locked": True},
        {"knock": True},
        {"has_passcode": True},
        {"slow_mode_seconds": 30},
        {"invites": 2},
        {"topic": "", "locked": False, "knock": True, "slow_mode_seconds": 0, "invites": 9},
        {},
    ],
)
def test_a_change_of_a_room_changes_what_it_names(
    place: Place, ada: Person, changes: dict[str, str | bool | int]
) -> None:
    place.changes_room(ada, topic="before", locked=True, slow_mode_seconds=5, invites=1)
    was = place.store.room(ada.room_id)

    place.changes_room(ada, **changes)

    assert place.store.room(ada.room_id) == replace(was, **changes)
    assert place.store.snapshot(ada.room_id, 0, newest=9, most=9).room == replace(was, **changes)


# Members


def test_a_member_may_do_more_or_less(place: Place, grace: Person) -> None:
    was = place.member(grace)

    place.changes(grace, role="cohost")
    assert place.member(grace) == replace(was, role="cohost")

    place.changes(grace, muted_until=AT + timedelta(seconds=60))
    assert place.member(grace) == replace(
        was, role="cohost", muted_until=AT + timedelta(seconds=60)
    )

    place.changes(grace, role="guest")
    place.changes(grace, muted_until=None)
    assert place.member(grace) == was


def test_a_mute_until_it_is_lifted_stays_exactly_that(place: Place, grace: Person) -> None:
    place.changes(grace, muted_until=NO_END)

    assert place.member(grace).muted_until == NO_END
    assert place.store.members(grace.room_id)[1].muted_until == NO_END


def test_what_a_member_is_stays_through_a_new_name_and_being_away(
    place: Place, ada: Person, grace: Person
) -> None:
    place.changes(grace, role="cohost", muted_until=NO_END)
    renamed = MemberRenamed(at=AT, member_id=grace.member_id, name="Hop | per")
    was = place.member(grace)

    place.does(ada.room_id, renamed)
    place.goes(grace, "gone")
    assert place.member(grace) == replace(was, name="Hop | per", here=False)

    place.changes(grace, role="guest")
    place.comes_back(grace)
    assert place.member(grace) == replace(was, name="Hop | per", role="guest")
    assert place.store.names(ada.room_id) == ["Ada", "Hop | per"]


def test_what_is_about_no_member_is_refused(place: Place, ada: Person, grace: Person) -> None:
    place.goes(grace, "left")
    told = len(place.told)

    for who in (grace.member_id, MemberId("m-unknown")):
        about: list[Event] = [
            MemberChanged(at=AT, member_id=who, role="cohost"),
            MemberRemoved(at=AT, member_id=who),
            HostChanged(at=AT, member_id=who, previous=ada.member_id, reason="handed_over"),
        ]
        for event in about:
            refusal = place.refusal(ada.room_id, event)
            assert isinstance(refusal, NotFound)
            assert said(refusal)[1:] == (
                "There is no such person in this room.",
                {"field": "member_id"},
            )

    assert place.store.room(ada.room_id).host_id == ada.member_id
    assert len(place.told) == told


# Hosts


def test_a_host_hands_the_room_over(place: Place, ada: Person, grace: Person) -> None:
    place.changes(grace, muted_until=NO_END)

    assert place.hands_over(ada, grace).is_new

    assert place.store.room(ada.room_id).host_id == grace.member_id
    assert place.member(grace).role == "host"
    assert place.member(grace).muted_until is UNSET
    assert place.member(ada).role == "cohost"
    assert place.hands_over(grace, ada).is_new
    assert (place.member(ada).role, place.member(grace).role) == ("host", "cohost")


def test_a_room_whose_host_is_gone_gets_another(place: Place, ada: Person, grace: Person) -> None:
    place.goes(ada, "gone")

    assert place.hands_over(ada, grace, "gone").is_new

    assert place.store.room(ada.room_id).host_id == grace.member_id
    assert (place.member(grace).role, place.member(ada).role) == ("host", "guest")


def test_the_record_of_a_host_who_left_says_that_they_are_none(
    place: Place, ada: Person, grace: Person
) -> None:
    place.goes(ada, "left")

    place.hands_over(ada, grace, "gone")

    everybody = place.store.members(ada.room_id, [ada.member_id])
    assert [member.role for member in everybody] == ["host", "guest"]


def test_a_host_who_is_back_stays_the_host(place: Place, ada: Person, grace: Person) -> None:
    place.goes(ada, "gone")
    place.comes_back(ada)
    told = len(place.told)

    answer = place.hands_over(ada, grace, "gone")

    assert answer == Appended(told, b"", is_new=False)
    assert place.store.room(ada.room_id).host_id == ada.member_id
    assert len(place.told) == told


def test_a_room_changes_hands_once(place: Place, ada: Person, grace: Person) -> None:
    mallory = place.joins(ada.room_id, "Mallory")
    first = place.hands_over(ada, grace)

    second = place.hands_over(ada, mallory)

    assert second == Appended(first.seq, b"", is_new=False)
    assert place.store.room(ada.room_id).host_id == grace.member_id
    assert place.member(mallory).role == "guest"


# Who may speak


def test_somebody_who_is_muted_says_nothing_until_then(place: Place, grace: Person) -> None:
    until = AT + timedelta(seconds=90)
    place.says(grace, "before", key="key1")
    place.changes(grace, muted_until=until)
    told = len(place.told)

    refusal = place.refusal(grace.room_id, posted(grace, "Hey", "key2"))
    later = until - timedelta(milliseconds=1)

    assert said(refusal) == said(muted(until, AT))
    assert said(place.refusal(grace.room_id, posted(grace, "Hey", "key3", later))) == said(
        muted(until, later)
    )
    assert not place.says(grace, "before", key="key1").is_new
    assert len(place.told) == told
    assert place.says(grace, "at last", at=until).is_new


def test_a_mute_without_end_holds_until_it_is_lifted(place: Place, grace: Person) -> None:
    place.changes(grace, role="cohost", muted_until=NO_END)

    refusal = place.refusal(grace.room_id, posted(grace, "Hey", "key1", AT + timedelta(days=9999)))
    assert said(refusal) == said(muted(NO_END, AT))

    place.changes(grace, muted_until=None)
    assert place.says(grace, "Thanks").is_new


def test_in_slow_mode_people_wait_between_two_messages(
    place: Place, ada: Person, grace: Person
) -> None:
    mallory = place.joins(ada.room_id, "Mallory")
    place.changes_room(ada, slow_mode_seconds=10)
    place.says(grace, "one", key="key1")

    for milliseconds in (0, 1, 3_333, 9_999, -5_000):
        at = AT + timedelta(milliseconds=milliseconds)
        refusal = place.refusal(ada.room_id, posted(grace, "two", "key2", at))
        assert said(refusal) == said(slowed(10, milliseconds / 1000))

    assert place.says(mallory, "I am another").is_new
    assert not place.says(grace, "one", key="key1").is_new
    assert place.says(grace, "two", key="key2", at=AT + timedelta(seconds=10)).is_new
    assert place.refusal(ada.room_id, posted(grace, "x", "key3", AT + timedelta(seconds=19)))
    assert place.texts(ada.room_id) == ["one", "I am another", "two"]


def test_slow_mode_holds_within_a_batch(place: Place, ada: Person, grace: Person) -> None:
    answers = place.store.append(
        [
            Append(ada.room_id, RoomChanged(at=AT, slow_mode_seconds=10)),
            Append(ada.room_id, posted(grace, "one", "key1")),
            Append(ada.room_id, posted(grace, "two", "key2")),
            Append(ada.room_id, MemberChanged(at=AT, member_id=grace.member_id, role="cohost")),
            Append(ada.room_id, posted(grace, "three", "key3")),
        ]
    )

    codes = [answer.code if isinstance(answer, ChatError) else "" for answer in answers]
    assert codes == ["", "", "slow_mode", "", ""]
    assert place.texts(ada.room_id) == ["one", "three"]


def test_moderators_are_not_slowed_down(place: Place, ada: Person, grace: Person) -> None:
    place.changes(grace, role="cohost")
    place.changes_room(ada, slow_mode_seconds=10)

    for person in (ada, grace):
        place.says(person, "one")
        assert place.says(person, "two").is_new

    place.changes(grace, role="guest")
    assert place.says(grace, "three").is_new


@pytest.mark.parametrize(
    ("first", "second", "are_one"),
    [
        ("browser network", "browser network", True),
        ("browser network", "browser elsewhere", True),
        ("browser network", "another network", False),
        ("browser", "browser", True),
        ("network network", "network network", False),  # without a browser, like others there
        ("", "", False),
    ],
)
def test_slow_mode_counts_a_browser_whichever_member_it_is(
    place: Place, ada: Person, first: str, second: str, are_one: bool
) -> None:
    place.changes_room(ada, slow_mode_seconds=10)
    mallory = place.joins(ada.room_id, "Mallory", first)
    assert place.says(mallory, "one").is_new
    place.goes(mallory, "left")

    again = place.joins(ada.room_id, "Mallory", second)
    (answer,) = place.store.append([Append(ada.room_id, posted(again, "two", "key2"))])

    assert isinstance(answer, ChatError) == are_one
    assert isinstance(answer, ChatError) or answer.is_new


def test_slow_mode_that_was_off_counts_anew(place: Place, ada: Person, grace: Person) -> None:
    place.says(grace, "before there were rules")
    place.changes_room(ada, slow_mode_seconds=10)
    place.says(grace, "one")

    place.changes_room(ada, slow_mode_seconds=0)
    place.says(grace, "two")
    place.changes_room(ada, slow_mode_seconds=10)

    assert place.says(grace, "three").is_new
    place.changes_room(ada, slow_mode_seconds=60, topic="Slower")
    refusal = place.refusal(ada.room_id, posted(grace, "four", "key4"))
    assert said(refusal) == said(slowed(60, 0.0))


def test_a_room_made_in_slow_mode_is_in_it(place: Place) -> None:
    room = Room(
        room_id=RoomId("r-maths"),
        code=Code("WXZB"),
        created_at=AT,
        host_id=MemberId("m-ada"),
        slow_mode_seconds=10,
    )
    host = Member(member_id=MemberId("m-ada"), name="Ada", hue=1, role="host")
    place.store.create_room(room, host, joined(host))
    grace = place.joins(room.room_id, "Grace")

    place.says(grace, "one")

    assert place.refusal(room.room_id, posted(grace, "two", "key2")).code == "slow_mode"


# Removed messages


def test_of_a_removed_message_nobody_reads_the_text_any_more(
    place: Place, ada: Person, grace: Person
) -> None:
    place.says(ada, "before")
    said = place.says(grace, "What I should not have said", key="key1")
    place.says(ada, "after")

    removal = place.removes(grace, said.seq)

    assert removal.is_new
    event = decode_event(removal.data)
    assert event == MessageRemoved(at=AT, by=grace.member_id, target=said.seq, seq=removal.seq)
    assert place.told[-1] == (ada.room_id, removal.seq, removal.data)
    store, room_id = place.store, ada.room_id
    kept = redacted(said.data)
    pages = [
        store.read_after(room_id, 0, 100),
        store.read_after(room_id, said.seq - 1, 1),
        store.read_before(room_id, None, 100),
        store.read_before(room_id, said.seq + 1, 2),
        store.snapshot(room_id, 0, newest=100, most=100).page,
        store.snapshot(room_id, None, newest=100, most=100).page,
    ]
    for page in pages:
        assert page.events[said.seq - page.start] == kept
        assert b"should not" not in b"".join(page.events)
    assert place.texts(room_id) == ["before", "", "after"]
    assert place.says(grace, "again", key="key1") == Appended(said.seq, kept, is_new=False)
    assert [data for _, _, data in place.told].count(said.data) == 1


def test_removed_messages_are_found_in_a_long_log(place: Place, ada: Person) -> None:
    place.store.append(
        [
            Append(ada.room_id, posted(ada, f"{number}", f"key{number}"))
            for number in range(2, 2_502)
        ]
    )
    removed = (2, 1_000, 1_001, 1_002, 2_001, 2_501)

    for seq in removed:
        place.removes(ada, seq)

    texts = place.texts(ada.room_id)
    expected = ["" if number in removed else f"{number}" for number in range(2, 2_502)]
    assert texts == expected
    page = place.store.read_before(ada.room_id, 2_002, 1_500)
    assert b'"text":""' in page.events[-1]


def test_a_message_and_its_removal_may_come_at_once(place: Place, ada: Person) -> None:
    wanted: list[Event] = [
        posted(ada, "hasty", "key1"),
        MessageRemoved(at=AT, by=ada.member_id, target=2),
        posted(ada, "hasty", "key1"),
        MessageRemoved(at=AT, by=ada.member_id, target=2),
        posted(ada, "calm", "key2"),
    ]

    answers = place.store.append([Append(ada.room_id, event) for event in wanted])

    first, removal, again, twice, last = answers
    assert isinstance(first, Appended)
    assert isinstance(removal, Appended)
    assert (first.is_new, removal.is_new, removal.seq) == (True, True, 3)
    assert again == Appended(2, redacted(first.data), is_new=False)
    assert twice == Appended(3, b"", is_new=False)
    assert isinstance(last, Appended)
    assert last.seq == 4
    assert place.texts(ada.room_id) == ["", "calm"]


def test_a_message_is_removed_once(place: Place, ada: Person) -> None:
    said = place.says(ada, "Hello")
    removal = place.removes(ada, said.seq)

    again = place.removes(ada, said.seq)

    assert again == Appended(removal.seq, b"", is_new=False)
    assert len(place.log(ada.room_id)) == 3


def test_only_messages_that_are_kept_can_be_removed(make_store: MakeStore) -> None:
    place = Place(make_store, history_events=3)
    ada = place.opens("Ada")
    for number in range(4):
        place.says(ada, f"{number}")
    left = place.joins(ada.room_id, "Grace")
    told = len(place.told)

    for target in (0, -1, 2, told, told + 1, 10**6):
        removal = MessageRemoved(at=AT, by=left.member_id, target=target)
        refusal = place.refusal(ada.room_id, removal)
        assert isinstance(refusal, NotFound)
        assert said(refusal)[1:] == (
            "There is no such message any more.",
            {"field": "target"},
        )

    assert len(place.told) == told
    assert place.texts(ada.room_id) == ["2", "3"]


def test_a_removed_message_is_forgotten_like_others(make_store: MakeStore) -> None:
    place = Place(make_store, history_events=3)
    ada = place.opens("Ada")
    for number in range(10):
        said = place.says(ada, f"{number}", key="key0")
        place.removes(ada, said.seq)
        place.says(ada, "in between")

    place.says(ada, "newest")

    assert place.says(ada, "once more", key="key0").is_new
    assert place.texts(ada.room_id) == ["in between", "newest", "once more"]


def test_what_was_removed_is_no_lasting_burden(make_store: MakeStore) -> None:
    place = Place(make_store, history_bytes=3_000, store_bytes=6_000)
    for _ in range(3):
        ada = place.opens("Ada")
        for _ in range(30):
            place.removes(ada, place.says(ada, "x" * 300).seq)
        place.store.remove_room(ada.room_id)
    grace = place.opens("Grace")

    for number in range(6):
        place.says(grace, f"{number} " + "x" * 300)

    assert len(place.texts(grace.room_id)) == 6


def test_nothing_is_removed_after_the_end(place: Place, ada: Person) -> None:
    said = place.says(ada, "Hello")
    place.does(ada.room_id, RoomEndedEvent(at=AT, reason="ended"))

    removal = MessageRemoved(at=AT, by=ada.member_id, target=said.seq)

    assert place.refusal(ada.room_id, removal).code == "room_ended"
    assert place.texts(ada.room_id) == ["Hello"]


TRICKY = st.sampled_from(['"', "\\", ',"key":"', ',"text":"x","key":"', "}", "\n", "\0", "%", "é"])
TEXTS = st.lists(st.text() | TRICKY).map("".join)


def test_what_stays_of_a_removed_message_is_the_same_everywhere_to_the_byte(
    place: Place, ada: Person
) -> None:
    @given(TEXTS, st.none() | st.integers(1, 2**40))
    @settings(max_examples=200)
    def check(text: str, reply_to: int | None) -> None:
        key = f"key{len(place.told)}"
        message = MessagePosted(at=AT, by=ada.member_id, text=text, key=key, reply_to=reply_to)
        said = place.does(ada.room_id, message)

        place.removes(ada, said.seq)

        kept = redacted(numbered(encode_event(message), said.seq))
        assert place.store.read_after(ada.room_id, said.seq - 1, 1).events == [kept]
        assert place.says(ada, "again", key=key).data == kept

    check()


# Notes and marks


def test_marks_are_kept_with_a_member_and_shown_to_nobody(place: Place) -> None:
    room = Room(
        room_id=RoomId("r-maths"), code=Code("WXZB"), created_at=AT, host_id=MemberId("m-ada")
    )
    host = Member(member_id=MemberId("m-ada"), name="Ada", hue=1, role="host")
    place.store.create_room(room, host, joined(host), "browser:1 network:2")
    grace = place.joins(room.room_id, "Grace", "browser:3 | \0 é")
    place.joins(room.room_id, "Mallory")
    marks = place.store.marks

    place.goes(grace, "left")

    assert marks(room.room_id, host.member_id) == "browser:1 network:2"
    assert marks(*grace) == "browser:3 | \0 é"
    assert marks(room.room_id, MemberId("m-unknown")) == ""
    assert [member.name for member in place.store.members(room.room_id)] == ["Ada", "Mallory"]
    assert b"browser" not in b"".join(place.store.read_after(room.room_id, 0, 10).events)


def test_who_else_somebody_is_shows_by_the_mark_of_their_browser(place: Place, ada: Person) -> None:
    join, room_id = place.joins, ada.room_id
    mallory = join(room_id, "Mallory", "browser:1 network:1")
    trudy = join(room_id, "Trudy", "browser:1 network:2")
    eve = join(room_id, "Eve", "browser:1 network:1")
    left = join(room_id, "Left", "browser:1 network:1")
    join(room_id, "Neighbour", "browser:2 network:1")
    programs = [join(room_id, f"Program {n}", "network:1 network:1") for n in (1, 2)]
    place.goes(trudy, "gone")
    place.goes(left, "left")
    other = place.opens("Ada", "CCCC")
    join(other.room_id, "Mallory", "browser:1 network:1")

    def twins(person: Person) -> set[tuple[str, bool]]:
        return {(twin.name, twin.here) for twin in place.store.twins(*person)}

    assert twins(mallory) == {("Trudy", False), ("Eve", True)}
    assert twins(left) == {("Mallory", True), ("Trudy", False), ("Eve", True)}
    assert [twins(nobody) for nobody in (ada, *programs)] == [set()] * 3
    assert place.store.twins(room_id, MemberId("m-unknown")) == []
    place.comes_back(trudy)
    again = join(room_id, "Left", "browser:1 network:9")
    assert twins(eve) == {("Mallory", True), ("Trudy", True), ("Left", True)}
    assert twins(again) == {("Mallory", True), ("Trudy", True), ("Eve", True)}


def test_notes_are_kept_with_a_room_under_their_names(place: Place, ada: Person) -> None:
    other = place.opens("Grace", code="CCCC")
    store = place.store
    assert store.door(ada.room_id).notes == {}

    store.set_notes(ada.room_id, {"passcode": "hash | \0 é"})
    store.set_notes(ada.room_id, {"ban:m-1": "1"})
    store.set_notes(ada.room_id, {"ban:m-1": ""})
    store.set_notes(ada.room_id, {"knock:1": "2"})
    store.set_notes(ada.room_id, {"knock:1": None})
    store.set_notes(ada.room_id, {"knock:2": None})

    assert store.door(ada.room_id).notes == {"passcode": "hash | \0 é", "ban:m-1": ""}
    assert store.door(other.room_id).notes == {}
    assert len(place.told) == 2


def test_notes_change_with_an_event_or_not_at_all(place: Place, ada: Person, grace: Person) -> None:
    store, room_id = place.store, ada.room_id
    store.set_notes(room_id, {"passcode": "old", "knock:1": "waits"})
    changed = RoomChanged(at=AT, by=ada.member_id, has_passcode=True)
    allowed = Append(room_id, changed, {"passcode": "new", "knock:1": None, "knock:2": ""})
    forbidden = Append(room_id, replace(changed, by=grace.member_id), {"passcode": "Mallory's"})
    says_nothing = Append(room_id, joined(place.member(grace)), {"passcode": "nobody's"})

    answers = store.append([allowed, forbidden, says_nothing])

    assert [isinstance(answer, Appended) for answer in answers] == [True, False, True]
    assert store.door(room_id).notes == {"passcode": "new", "knock:2": ""}


def test_nobody_is_admitted_through_a_door_that_has_changed(
    place: Place, ada: Person, grace: Person
) -> None:
    store, room_id, guest = place.store, ada.room_id, member("Trudy")
    door = store.door(room_id)
    place.says(ada, "Hello")
    place.changes(grace, muted_until=NO_END)
    place.goes(grace, "gone")
    assert store.door(room_id) == door
    store.admit(room_id, guest, joined(guest), version=door.version)

    changes: list[Callable[[], object]] = [
        lambda: place.changes_room(ada, topic="Maths"),
        lambda: store.set_notes(room_id, {"ban:1": "x"}),
        lambda: store.append(
            [Append(room_id, MemberRemoved(at=AT, member_id=grace.member_id), {"ban:2": "y"})]
        ),
    ]
    for change in changes:
        door, other = store.door(room_id), member("Eve")
        change()
        told = len(place.told)
        with pytest.raises(DoorChanged):
            store.admit(room_id, other, joined(other), version=door.version, notes={"a": "b"})
        assert store.door(room_id).version > door.version
        assert len(place.told) == told
    store.admit(room_id, other, joined(other), notes={"ban:1": None}, version=None)

    room, notes, version = store.door(room_id)
    assert (room, notes) == (store.room(room_id), {"ban:2": "y"})
    assert version > door.version
    assert other.name in store.names(room_id)


def test_only_a_moderator_changes_notes(place: Place, ada: Person, grace: Person) -> None:
    store, room_id = place.store, ada.room_id

    with pytest.raises(Forbidden):
        store.set_notes(room_id, {"ban:1": "x"}, by=grace.member_id)
    place.goes(grace, "left")
    with pytest.raises(TokenInvalid):
        store.set_notes(room_id, {"ban:1": "x"}, by=grace.member_id)
    assert store.door(room_id).notes == {}
    store.set_notes(room_id, {"ban:1": "x", "ban:2": "y"}, by=ada.member_id)
    store.set_notes(room_id, {"ban:1": None, "ban:3": "z"})

    assert store.door(room_id).notes == {"ban:2": "y", "ban:3": "z"}


def test_the_notes_of_a_room_end_with_it(place: Place, ada: Person) -> None:
    place.store.set_notes(ada.room_id, {"passcode": "hash"})
    room, host = place.store.room(ada.room_id), place.member(ada)

    place.store.remove_room(ada.room_id)
    place.store.create_room(room, host, joined(host))

    assert place.store.door(ada.room_id).notes == {}
    assert place.store.marks(*ada) == ""


def test_a_stretch_brings_along_whom_it_is_about(place: Place) -> None:
    ada = place.opens("Ada")
    grace, mallory = place.joins(ada.room_id, "Grace"), place.joins(ada.room_id, "Mallory")
    host = HostChanged(
        at=AT, member_id=grace.member_id, previous=ada.member_id, reason="handed_over"
    )
    place.goes(grace, "gone")
    place.does(ada.room_id, host)
    place.goes(ada, "gone")
    place.does(ada.room_id, MemberRemoved(at=AT, member_id=mallory.member_id))

    shown = place.store.snapshot(ada.room_id, None, newest=3, most=3)

    assert [member.name for member in shown.members] == ["Grace", "Ada", "Mallory"]


# Who may, where nothing comes between


def acts(by: Person, about: Person, said: int) -> dict[str, Event]:
    """One of each kind that only moderators bring about, and what it is about."""
    who, whom = by.member_id, about.member_id
    return {
        "rule": RoomChanged(at=AT, by=who, topic="Mine"),
        "mute": MemberChanged(at=AT, by=who, member_id=whom, muted_until=NO_END),
        "role": MemberChanged(at=AT, by=who, member_id=whom, role="cohost"),
        "send away": MemberRemoved(at=AT, by=who, member_id=whom),
        "unsay": MessageRemoved(at=AT, by=who, target=said),
        "end": RoomEndedEvent(at=AT, by=who, reason="ended"),
    }


@pytest.mark.parametrize("act", ["rule", "mute", "role", "send away", "unsay", "end"])
def test_who_is_no_moderator_any_more_changes_nothing(
    place: Place, ada: Person, grace: Person, act: str
) -> None:
    mallory = place.joins(ada.room_id, "Mallory")
    said = place.says(grace, "Hello").seq
    place.changes(mallory, role="cohost")
    place.changes(mallory, role="guest")
    told = len(place.told)

    refused = place.refusal(ada.room_id, acts(mallory, grace, said)[act])

    assert isinstance(refused, Forbidden)
    place.goes(mallory, "left")
    assert isinstance(place.refusal(ada.room_id, acts(mallory, grace, said)[act]), TokenInvalid)
    assert len(place.told) == told + 1
    assert place.does(ada.room_id, acts(ada, grace, said)[act]).is_new


def test_a_demotion_holds_from_its_place_in_the_log_on(
    place: Place, ada: Person, grace: Person
) -> None:
    mallory = place.joins(ada.room_id, "Mallory")
    place.changes(mallory, role="cohost")
    mute = MemberChanged(at=AT, by=mallory.member_id, member_id=grace.member_id, muted_until=NO_END)
    demotion = MemberChanged(at=AT, by=ada.member_id, member_id=mallory.member_id, role="guest")

    answers = place.store.append(
        [Append(ada.room_id, event) for event in (mute, demotion, replace(mute, muted_until=None))]
    )

    assert [isinstance(answer, Appended) for answer in answers] == [True, True, False]
    assert place.member(grace).muted_until == NO_END


def test_a_co_host_does_nothing_to_another_and_nobody_to_the_host(
    place: Place, ada: Person, grace: Person
) -> None:
    mallory = place.joins(ada.room_id, "Mallory")
    for cohost in (mallory, grace):
        place.changes(cohost, role="cohost")

    for above in (ada, grace):
        for act in ("mute", "role", "send away"):
            refused = place.refusal(ada.room_id, acts(mallory, above, 0)[act])
            assert isinstance(refused, Forbidden), act
    own = [acts(ada, ada, 0)[act] for act in ("mute", "role", "send away")]
    assert [type(place.refusal(ada.room_id, event)) for event in own] == [Forbidden] * 3
    assert place.does(ada.room_id, acts(ada, grace, 0)["send away"]).is_new


def test_everybody_takes_their_own_words_back(place: Place, ada: Person, grace: Person) -> None:
    target = place.says(grace, "Hello").seq

    assert place.removes(grace, target).is_new
