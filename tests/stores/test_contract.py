"""What `stores.base` promises, asked of every store."""

import math

import pytest

from flask_chat.domain.codes import Code
from flask_chat.domain.errors import (
    ChatError,
    CodeTaken,
    NameTaken,
    NotFound,
    RoomEnded,
    RoomFull,
    ServerFull,
    TokenInvalid,
)
from flask_chat.domain.events import (
    MemberJoined,
    MemberLeft,
    MemberRemoved,
    MemberRenamed,
    MessageEdited,
    MessagePosted,
    RoomChanged,
    decode_event,
)
from flask_chat.domain.events import RoomEnded as RoomEndedEvent
from flask_chat.domain.members import Member, MemberId
from flask_chat.domain.rooms import Room, RoomId, fold
from flask_chat.stores.base import Append, Appended
from tests.stores.conftest import MakeStore
from tests.stores.place import AT, Person, Place, joined, posted, seqs

NOBODY = RoomId("r-never-there")


@pytest.fixture
def place(make_store: MakeStore) -> Place:
    return Place(make_store)


# Rooms and codes


def test_a_new_room_has_its_host_and_one_event(place: Place) -> None:
    ada = place.opens("Ada", code="BCDF")

    assert place.store.find_room(Code("BCDF")) == place.store.room(ada.room_id)
    assert place.names_here(ada.room_id) == ["Ada"]
    (event,) = place.log(ada.room_id)
    assert isinstance(event, MemberJoined)
    assert (event.seq, event.member.name, event.member.role) == (1, "Ada", "host")


def test_a_code_leads_to_one_room_at_a_time(place: Place) -> None:
    ada = place.opens("Ada", code="BCDF")

    with pytest.raises(CodeTaken) as refusal:
        place.opens("Mallory", code="BCDF")

    assert refusal.value.data["field"] == "code"
    assert place.store.room(ada.room_id).code == "BCDF"
    assert place.names_here(ada.room_id) == ["Ada"]
    assert len(place.told) == 1


def test_an_unknown_code_leads_nowhere(place: Place) -> None:
    assert place.store.find_room(Code("WXZB")) is None


def test_the_code_of_a_removed_room_leads_to_the_next_room_that_takes_it(place: Place) -> None:
    ada = place.opens("Ada", code="BCDF")
    place.says(ada, "old")

    place.store.remove_room(ada.room_id)
    grace = place.opens("Grace", code="BCDF")

    found = place.store.find_room(Code("BCDF"))
    assert found is not None
    assert found.room_id == grace.room_id != ada.room_id
    assert place.names_here(grace.room_id) == ["Grace"]
    assert place.texts(grace.room_id) == []


def test_removing_an_old_room_again_leaves_the_new_one_with_its_code_alone(place: Place) -> None:
    ada = place.opens("Ada", code="BCDF")
    place.store.remove_room(ada.room_id)
    grace = place.opens("Grace", code="BCDF")

    place.store.remove_room(ada.room_id)
    place.store.remove_room(NOBODY)

    assert place.store.find_room(Code("BCDF")) == place.store.room(grace.room_id)


def test_a_removed_room_answers_room_ended_at_every_door(place: Place) -> None:
    ada = place.opens("Ada")
    store = place.store
    member = store.member(*ada)
    assert member is not None

    store.remove_room(ada.room_id)

    for knock in (
        lambda: store.room(ada.room_id),
        lambda: store.admit(ada.room_id, member, joined(member)),
        lambda: store.member(*ada),
        lambda: store.members(ada.room_id),
        lambda: store.names(ada.room_id),
        lambda: store.count_here(ada.room_id),
        lambda: store.read_after(ada.room_id, 0, 10),
        lambda: store.read_before(ada.room_id, None, 10),
        lambda: store.set_deadline(ada.room_id, 1.0),
        lambda: store.marks(*ada),
        lambda: store.twins(*ada),
        lambda: store.door(ada.room_id).notes,
        lambda: store.set_notes(ada.room_id, {"passcode": "x"}),
        lambda: store.set_notes(ada.room_id, {"passcode": None}),
    ):
        with pytest.raises(RoomEnded):
            knock()
    assert isinstance(place.refusal(ada.room_id, posted(ada, "Hi", "k1")), RoomEnded)
    assert store.find_room(Code("BCDF")) is None


def test_there_are_only_so_many_rooms_at_a_time(make_store: MakeStore) -> None:
    place = Place(make_store, rooms=2)
    ada = place.opens("Ada", code="BBBB")
    place.opens("Grace", code="CCCC")

    with pytest.raises(ServerFull):
        place.opens("Mallory", code="DDDD")
    assert place.store.find_room(Code("DDDD")) is None

    place.store.remove_room(ada.room_id)
    place.opens("Mallory", code="DDDD")


def test_a_taken_code_in_a_full_store_is_told_as_taken(make_store: MakeStore) -> None:
    place = Place(make_store, rooms=1)
    place.opens("Ada", code="BCDF")

    with pytest.raises(CodeTaken):
        place.opens("Mallory", code="BCDF")


def test_a_room_is_what_it_was_created_with(place: Place) -> None:
    room = Room(room_id=RoomId("r-1"), code=Code("WXZB"), created_at=AT, host_id=MemberId("m-1"))
    host = Member(member_id=MemberId("m-1"), name="Ada", hue=11, role="host")

    place.store.create_room(room, host, joined(host))

    assert place.store.room(RoomId("r-1")) == room
    assert place.store.members(RoomId("r-1")) == [host]


# Members and names


def test_members_are_listed_in_the_order_they_came(place: Place) -> None:
    ada = place.opens("Ada")
    grace = place.joins(ada.room_id, "Grace")
    place.joins(ada.room_id, "Mallory")

    place.goes(grace, "gone")
    place.comes_back(grace)

    assert place.names_here(ada.room_id) == ["Ada", "Mallory", "Grace"]
    assert place.store.count_here(ada.room_id) == 3


def test_those_who_are_not_here_are_listed_when_asked_for(place: Place) -> None:
    ada = place.opens("Ada")
    grace = place.joins(ada.room_id, "Grace")
    mallory = place.joins(ada.room_id, "Mallory")
    place.goes(grace, "gone")
    place.goes(mallory, "left")

    wanted = [mallory.member_id, ada.member_id, mallory.member_id, MemberId("m-unknown")]
    listed = place.store.members(ada.room_id, wanted)

    assert [(member.name, member.here) for member in listed] == [("Ada", True), ("Mallory", False)]


@pytest.mark.parametrize("name", ["Ada", "ADA", "Αda", "Adа"])
def test_a_name_that_looks_like_a_members_is_taken(place: Place, name: str) -> None:
    ada = place.opens("Ada")
    told = len(place.told)

    with pytest.raises(NameTaken):
        place.joins(ada.room_id, name)

    assert place.names_here(ada.room_id) == ["Ada"]
    assert len(place.told) == told


def test_the_same_name_may_be_used_in_another_room(place: Place) -> None:
    ada = place.opens("Ada", code="BBBB")
    other = place.opens("Ada", code="CCCC")

    assert place.names_here(ada.room_id) == place.names_here(other.room_id) == ["Ada"]


def test_somebody_gone_keeps_their_name_and_their_place(place: Place) -> None:
    ada = place.opens("Ada")
    grace = place.joins(ada.room_id, "Grace")

    place.goes(grace, "gone")

    with pytest.raises(NameTaken):
        place.joins(ada.room_id, "Grace")
    assert place.store.names(ada.room_id) == ["Ada", "Grace"]
    member = place.store.member(*grace)
    assert member is not None
    assert not member.here


def test_somebody_who_left_is_no_member_and_their_name_is_free(place: Place) -> None:
    ada = place.opens("Ada")
    grace = place.joins(ada.room_id, "Grace")

    place.goes(grace, "left")

    assert place.store.member(*grace) is None
    assert place.store.names(ada.room_id) == ["Ada"]
    again = place.joins(ada.room_id, "Grace")
    assert place.store.member(*grace) is None
    assert place.store.member(*again) is not None


def test_somebody_who_was_gone_and_then_leaves_frees_the_name(place: Place) -> None:
    ada = place.opens("Ada")
    grace = place.joins(ada.room_id, "Grace")

    place.goes(grace, "gone")
    place.goes(grace, "left")

    place.joins(ada.room_id, "Grace")


def test_somebody_removed_is_no_member_and_their_name_is_free(place: Place) -> None:
    ada = place.opens("Ada")
    mallory = place.joins(ada.room_id, "Mallory")

    removed = MemberRemoved(at=AT, by=ada.member_id, member_id=mallory.member_id)
    place.does(ada.room_id, removed)

    assert place.store.member(*mallory) is None
    assert place.names_here(ada.room_id) == ["Ada"]
    place.joins(ada.room_id, "Mallory")


def test_a_new_name_is_theirs_and_the_old_one_is_free(place: Place) -> None:
    ada = place.opens("Ada")

    renamed = MemberRenamed(at=AT, by=ada.member_id, member_id=ada.member_id, name="Countess")
    place.does(ada.room_id, renamed)

    assert place.names_here(ada.room_id) == place.store.names(ada.room_id) == ["Countess"]
    place.joins(ada.room_id, "Ada")
    with pytest.raises(NameTaken):
        place.joins(ada.room_id, "COUNTESS")


def test_nobody_takes_a_members_name_by_changing_their_own(place: Place) -> None:
    ada = place.opens("Ada")
    mallory = place.joins(ada.room_id, "Mallory")

    def renames(name: str) -> MemberRenamed:
        return MemberRenamed(at=AT, by=mallory.member_id, member_id=mallory.member_id, name=name)

    assert isinstance(place.refusal(ada.room_id, renames("Αda")), NameTaken)
    assert place.names_here(ada.room_id) == ["Ada", "Mallory"]
    place.does(ada.room_id, renames("MALLORY"))  # one's own name in another spelling is fine
    assert place.names_here(ada.room_id) == ["Ada", "MALLORY"]


def test_a_new_name_makes_nobody_a_member_who_has_left(place: Place) -> None:
    ada = place.opens("Ada")
    mallory = place.joins(ada.room_id, "Mallory")
    place.goes(mallory, "left")

    late = MemberRenamed(at=AT, by=mallory.member_id, member_id=mallory.member_id, name="Eve")
    place.does(ada.room_id, late)

    assert place.store.member(*mallory) is None
    assert place.store.names(ada.room_id) == ["Ada"]


def test_a_room_takes_in_as_many_as_may_be_here(make_store: MakeStore) -> None:
    place = Place(make_store, members_per_room=2)
    ada = place.opens("Ada")
    grace = place.joins(ada.room_id, "Grace")

    with pytest.raises(RoomFull) as refusal:
        place.joins(ada.room_id, "Mallory")
    assert refusal.value.data["limit"] == 2
    assert place.store.count_here(ada.room_id) == 2

    place.goes(grace, "gone")
    place.joins(ada.room_id, "Mallory")


def test_a_room_does_not_grow_by_people_who_come_and_leave(make_store: MakeStore) -> None:
    place = Place(make_store, members_per_room=2)
    ada = place.opens("Ada")

    def come_and_leave() -> None:
        for number in range(1_000):
            place.goes(place.joins(ada.room_id, f"Mallory {number}"), "left")

    with pytest.raises(RoomFull):
        come_and_leave()
    assert place.names_here(ada.room_id) == ["Ada"]


def test_an_unknown_member_is_none(place: Place) -> None:
    ada = place.opens("Ada", code="BBBB")
    other = place.opens("Grace", code="CCCC")

    assert place.store.member(ada.room_id, MemberId("m-unknown")) is None
    assert place.store.member(ada.room_id, other.member_id) is None


# Appending


def test_events_are_numbered_without_holes_room_by_room(place: Place) -> None:
    rooms = [place.opens("Ada", code=code) for code in ("BBBB", "CCCC", "DDDD")]
    wanted = [
        Append(ada.room_id, posted(ada, f"{number}", f"k{number}"))
        for number in range(100)
        for ada in (rooms if number % 3 else reversed(rooms))
    ]

    answers = place.store.append(wanted[:150]) + place.store.append(wanted[150:])

    assert all(isinstance(answer, Appended) and answer.is_new for answer in answers)
    for ada in rooms:
        events = place.log(ada.room_id)
        assert [event.seq for event in events] == list(range(1, 102))
        assert place.texts(ada.room_id) == [f"{number}" for number in range(100)]


def test_every_event_is_published_once_in_order_as_it_is_kept(place: Place) -> None:
    ada = place.opens("Ada")
    grace = place.joins(ada.room_id, "Grace")
    for number in range(10):
        place.says(ada if number % 2 else grace, f"{number}")
    place.goes(grace, "left")

    kept = place.store.read_after(ada.room_id, 0, 100)

    assert [(room_id, seq) for room_id, seq, _ in place.told] == [
        (ada.room_id, seq) for seq in range(1, 14)
    ]
    assert [data for _, _, data in place.told] == kept.events
    assert seqs(kept) == list(range(1, 14))


def test_what_is_published_can_be_read_and_its_record_has_changed(make_store: MakeStore) -> None:
    place = Place(make_store)
    seen: list[tuple[int, int]] = []

    def look(room_id: RoomId, seq: int, data: bytes) -> None:
        page = store.read_before(room_id, None, 1)
        assert page.events == [data]
        seen.append((page.last_seq, store.count_here(room_id)))

    store = place.store = make_store(place.limits, look)
    ada = place.opens("Ada")
    grace = place.joins(ada.room_id, "Grace")
    place.goes(grace, "gone")

    assert seen == [(1, 1), (2, 2), (3, 1)]


def test_an_answer_says_what_was_kept_and_where(place: Place) -> None:
    ada = place.opens("Ada")

    answer = place.says(ada, "Hello", key="k1")

    assert (answer.seq, answer.is_new) == (2, True)
    event = decode_event(answer.data)
    assert event == MessagePosted(at=AT, by=ada.member_id, text="Hello", key="k1", seq=2)


def test_a_known_key_gives_the_first_event_and_tells_nobody(place: Place) -> None:
    ada = place.opens("Ada")
    first = place.says(ada, "Hello", key="k1")
    place.says(ada, "in between")
    told = len(place.told)

    again = place.says(ada, "Something else", key="k1")

    assert again == Appended(first.seq, first.data, is_new=False)
    assert len(place.told) == told
    assert place.texts(ada.room_id) == ["Hello", "in between"]


def test_the_same_key_twice_in_one_batch_is_one_event(place: Place) -> None:
    ada = place.opens("Ada")
    twice = [Append(ada.room_id, posted(ada, "Hello", "k1"))] * 2

    first, second = place.store.append(twice)

    assert isinstance(first, Appended)
    assert isinstance(second, Appended)
    assert (first.seq, first.is_new) == (2, True)
    assert second == Appended(2, first.data, is_new=False)
    assert len(place.told) == 2


def test_a_key_belongs_to_a_member_and_a_room(place: Place) -> None:
    ada = place.opens("Ada", code="BBBB")
    grace = place.joins(ada.room_id, "Grace")
    elsewhere = place.opens("Ada", code="CCCC")

    answers = [place.says(person, "Hi", key="k1") for person in (ada, grace, elsewhere)]

    assert all(answer.is_new for answer in answers)
    assert [answer.seq for answer in answers] == [3, 4, 2]


def test_a_refused_append_stops_no_other(place: Place) -> None:
    ada = place.opens("Ada")
    nowhere = Person(NOBODY, ada.member_id)

    answers = place.store.append(
        [
            Append(ada.room_id, posted(ada, "before", "k1")),
            Append(nowhere.room_id, posted(nowhere, "lost", "k2")),
            Append(ada.room_id, posted(ada, "after", "k3")),
        ]
    )

    assert isinstance(answers[1], RoomEnded)
    assert place.texts(ada.room_id) == ["before", "after"]
    assert [getattr(answer, "seq", None) for answer in answers] == [2, None, 3]


def test_nothing_to_append_is_nothing_done(place: Place) -> None:
    place.opens("Ada")

    assert place.store.append([]) == []
    assert len(place.told) == 1


def test_records_follow_the_events(place: Place) -> None:
    ada = place.opens("Ada")
    grace = place.joins(ada.room_id, "Grace")

    place.does(ada.room_id, RoomChanged(at=AT, by=ada.member_id, topic="Maths"))
    place.does(ada.room_id, RoomChanged(at=AT, by=ada.member_id, topic=""))
    place.does(ada.room_id, RoomChanged(at=AT, by=ada.member_id, topic="Maths II"))
    place.does(ada.room_id, RoomChanged(at=AT, by=ada.member_id, locked=True))
    place.goes(grace, "gone")

    view = fold(place.log(ada.room_id))
    assert place.store.room(ada.room_id).topic == view.topic == "Maths II"
    everybody = place.store.members(ada.room_id, [ada.member_id, grace.member_id])
    assert {member.member_id: member for member in everybody} == view.members


def test_an_event_about_nobody_known_changes_no_record(place: Place) -> None:
    ada = place.opens("Ada")
    before = place.store.members(ada.room_id)

    unknown = MemberRemoved(at=AT, member_id=MemberId("m-unknown"))
    assert isinstance(place.refusal(ada.room_id, unknown), NotFound)
    place.does(ada.room_id, MessageEdited(at=AT, target=99, text="x"))

    assert place.store.members(ada.room_id) == before
    assert place.store.read_after(ada.room_id, 0, 10).last_seq == 2


def test_the_end_of_a_room_is_kept_until_it_is_removed(place: Place) -> None:
    ada = place.opens("Ada")

    place.does(ada.room_id, RoomEndedEvent(at=AT, reason="ended"))

    assert isinstance(place.log(ada.room_id)[-1], RoomEndedEvent)


# Reading


@pytest.mark.parametrize(
    ("after", "limit", "expected"),
    [
        (0, 100, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (0, 3, [1, 2, 3]),
        (4, 3, [5, 6, 7]),
        (9, 3, [10]),
        (10, 3, []),
        (11, 3, []),
        (2**53, 3, []),
    ],
)
def test_reading_forward_gives_the_oldest_that_follow(
    place: Place, after: int, limit: int, expected: list[int]
) -> None:
    ada = place.opens("Ada")
    for number in range(9):
        place.says(ada, f"{number}")

    page = place.store.read_after(ada.room_id, after, limit)

    assert seqs(page) == expected
    assert page.start == after + 1
    assert (page.first_seq, page.last_seq) == (1, 10)


@pytest.mark.parametrize(
    ("before", "limit", "expected"),
    [
        (None, 100, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (None, 3, [8, 9, 10]),
        (8, 3, [5, 6, 7]),
        (3, 3, [1, 2]),
        (1, 3, []),
        (0, 3, []),
        (11, 2, [9, 10]),
        (2**53, 2, [9, 10]),
    ],
)
def test_reading_back_gives_the_newest_that_come_before(
    place: Place, before: int | None, limit: int, expected: list[int]
) -> None:
    ada = place.opens("Ada")
    for number in range(9):
        place.says(ada, f"{number}")

    page = place.store.read_before(ada.room_id, before, limit)

    assert seqs(page) == expected
    assert (page.first_seq, page.last_seq) == (1, 10)
    assert page.start == (expected[0] if expected else 1)


def test_a_long_log_is_read_in_one_piece_or_in_many(place: Place) -> None:
    ada = place.opens("Ada")
    place.store.append(
        [Append(ada.room_id, posted(ada, "x", f"k{number}")) for number in range(2_999)]
    )

    whole = place.store.read_after(ada.room_id, 0, 5_000)
    pieces = [
        data
        for after in range(0, 3_000, 100)
        for data in place.store.read_after(ada.room_id, after, 100).events
    ]

    assert seqs(whole) == list(range(1, 3_001))
    assert pieces == whole.events == place.store.read_before(ada.room_id, None, 5_000).events


def test_a_trimmed_log_says_what_it_still_has(make_store: MakeStore) -> None:
    place = Place(make_store, history_events=5)
    ada = place.opens("Ada")
    for number in range(9):
        place.says(ada, f"{number}")

    forward = place.store.read_after(ada.room_id, 0, 3)
    back = place.store.read_before(ada.room_id, 8, 10)
    long_gone = place.store.read_before(ada.room_id, 4, 10)

    assert (seqs(forward), forward.start) == ([6, 7, 8], 6)
    assert (seqs(back), back.start) == ([6, 7], 6)
    assert seqs(long_gone) == []
    assert (forward.first_seq, forward.last_seq) == (6, 10)
    assert place.texts(ada.room_id) == ["4", "5", "6", "7", "8"]


# What is bounded


def test_a_key_is_known_as_long_as_its_event_is_kept(make_store: MakeStore) -> None:
    place = Place(make_store, history_events=3)
    ada = place.opens("Ada")
    place.says(ada, "first", key="k1")
    place.says(ada, "second", key="k2")
    place.says(ada, "third", key="k3")
    assert not place.says(ada, "again", key="k1").is_new

    place.says(ada, "fourth", key="k4")
    forgotten = place.says(ada, "first", key="k1")

    assert (forgotten.seq, forgotten.is_new) == (6, True)
    assert not place.says(ada, "again", key="k1").is_new


def test_the_history_of_a_room_is_bounded_in_bytes(make_store: MakeStore) -> None:
    place = Place(make_store, history_bytes=2_000)
    ada = place.opens("Ada")
    for number in range(30):
        place.says(ada, f"{number} " + "x" * 300)

    page = place.store.read_before(ada.room_id, None, 100)

    assert sum(map(len, page.events)) <= 2_000
    assert page.last_seq == 31
    assert seqs(page) == list(range(page.first_seq, 32))
    assert len(page.events) >= 3


def test_the_newest_event_is_kept_however_large(make_store: MakeStore) -> None:
    place = Place(make_store, history_bytes=100, store_bytes=100)
    ada = place.opens("Ada")

    place.says(ada, "x" * 4_000)

    assert place.texts(ada.room_id) == ["x" * 4_000]


def test_all_rooms_together_are_bounded_and_the_one_that_speaks_pays(
    make_store: MakeStore,
) -> None:
    place = Place(make_store, store_bytes=5_000)
    quiet, loud = place.opens("Ada", code="BBBB"), place.opens("Mallory", code="CCCC")
    for number in range(5):
        place.says(quiet, f"kept {number}")
    for _ in range(50):
        place.says(loud, "x" * 300)

    pages = [place.store.read_after(person.room_id, 0, 100) for person in (quiet, loud)]

    assert sum(len(data) for page in pages for data in page.events) <= 5_000
    assert place.texts(quiet.room_id) == [f"kept {number}" for number in range(5)]
    assert len(place.texts(loud.room_id)) >= 3


def test_a_removed_room_gives_its_bytes_back(make_store: MakeStore) -> None:
    place = Place(make_store, store_bytes=5_000)
    for _ in range(5):
        ada = place.opens("Ada")
        for _ in range(20):
            place.says(ada, "x" * 300)
        place.store.remove_room(ada.room_id)

    grace = place.opens("Grace")
    for number in range(10):
        place.says(grace, f"{number} " + "x" * 300)

    assert len(place.texts(grace.room_id)) == 10


def test_lifted_limits_bound_nothing(make_store: MakeStore) -> None:
    place = Place(
        make_store,
        rooms=math.inf,
        members_per_room=math.inf,
        history_events=math.inf,
        history_bytes=math.inf,
        store_bytes=math.inf,
    )
    ada = place.opens("Ada")
    place.joins(ada.room_id, "Grace")

    for number in range(200):
        place.says(ada, f"{number}")

    assert len(place.log(ada.room_id)) == 202


# Deadlines


def test_a_room_is_due_from_its_deadline_on_until_it_is_removed(place: Place) -> None:
    ada = place.opens("Ada")
    place.store.set_deadline(ada.room_id, 100.0)

    assert place.store.due(99.9) == []
    assert place.store.due(100.0) == [ada.room_id]
    assert place.store.due(200.0) == [ada.room_id]

    place.store.remove_room(ada.room_id)
    assert place.store.due(200.0) == []


def test_a_room_without_a_deadline_is_never_due(place: Place) -> None:
    ada = place.opens("Ada")

    assert place.store.due(math.inf) == []
    place.store.set_deadline(ada.room_id, None)
    assert place.store.due(math.inf) == []


def test_a_deadline_can_be_moved_and_cleared_and_set_again(place: Place) -> None:
    ada = place.opens("Ada")
    place.store.set_deadline(ada.room_id, 100.0)

    place.store.set_deadline(ada.room_id, 200.0)
    assert place.store.due(150.0) == []

    place.store.set_deadline(ada.room_id, 120.0)
    assert place.store.due(150.0) == [ada.room_id]

    place.store.set_deadline(ada.room_id, None)
    assert place.store.due(1_000.0) == []

    place.store.set_deadline(ada.room_id, 100.0)
    place.store.set_deadline(ada.room_id, 100.0)
    assert place.store.due(150.0) == [ada.room_id]


def test_the_longest_overdue_room_comes_first(place: Place) -> None:
    rooms = [place.opens("Ada", code=code).room_id for code in ("BBBB", "CCCC", "DDDD", "FFFF")]
    for room_id, at in zip(rooms, (300.0, 100.0, 200.0, 900.0), strict=True):
        place.store.set_deadline(room_id, at)

    expected = [rooms[1], rooms[2], rooms[0]]

    assert place.store.due(500.0) == expected
    assert place.store.due(500.0) == expected


def test_a_new_room_with_the_same_code_has_no_deadline_of_the_old_one(place: Place) -> None:
    ada = place.opens("Ada", code="BCDF")
    place.store.set_deadline(ada.room_id, 100.0)
    place.store.remove_room(ada.room_id)

    grace = place.opens("Grace", code="BCDF")

    assert place.store.due(1_000.0) == []
    assert place.names_here(grace.room_id) == ["Grace"]


# People act at the same time


def test_somebody_who_has_left_says_nothing_more(place: Place) -> None:
    ada = place.opens("Ada")
    grace = place.joins(ada.room_id, "Grace")
    place.says(grace, "Bye", key="k1")
    member = place.store.member(*grace)
    assert member is not None
    left = MemberLeft(at=AT, by=grace.member_id, member_id=grace.member_id, reason="left")
    place.does(ada.room_id, left)
    told = len(place.told)

    for late in (posted(grace, "One more thing", "k2"), joined(member), left):
        assert isinstance(place.refusal(ada.room_id, late), TokenInvalid)

    assert not place.says(grace, "Bye", key="k1").is_new  # a repeat is still recognised
    assert len(place.told) == told
    assert place.names_here(ada.room_id) == ["Ada"]


def test_what_is_so_already_is_not_said_again(place: Place) -> None:
    ada = place.opens("Ada")
    grace = place.joins(ada.room_id, "Grace")

    here_again = place.comes_back(grace)
    place.goes(grace, "gone")
    gone_again = place.goes(grace, "gone")

    assert here_again == Appended(2, b"", is_new=False)
    assert gone_again == Appended(3, b"", is_new=False)
    assert len(place.told) == 3


def test_a_room_does_not_end_as_empty_while_somebody_is_in_it(place: Place) -> None:
    ada = place.opens("Ada")

    assert not place.does(ada.room_id, RoomEndedEvent(at=AT, reason="empty")).is_new

    place.says(ada, "Still here")
    place.goes(ada, "gone")
    assert place.does(ada.room_id, RoomEndedEvent(at=AT, reason="empty")).is_new


def test_nothing_happens_in_a_room_after_its_end(place: Place) -> None:
    ada = place.opens("Ada")
    place.says(ada, "Hi", key="k1")
    place.does(ada.room_id, RoomEndedEvent(at=AT, reason="ended"))

    assert isinstance(place.refusal(ada.room_id, posted(ada, "More", "k2")), RoomEnded)
    assert isinstance(place.refusal(ada.room_id, RoomEndedEvent(at=AT, reason="ended")), RoomEnded)
    with pytest.raises(RoomEnded):
        place.joins(ada.room_id, "Grace")
    assert not place.says(ada, "Hi", key="k1").is_new
    assert isinstance(place.log(ada.room_id)[-1], RoomEndedEvent)
    assert place.store.due(AT.timestamp()) == [ada.room_id]


def test_answers_that_come_later_are_those_of_append_and_in_its_order(place: Place) -> None:
    ada = place.opens("Ada")
    answers: list[list[Appended | ChatError]] = []

    place.store.append_soon([Append(ada.room_id, posted(ada, "a", "k1"))], answers.append)
    place.store.append_soon([Append(NOBODY, posted(ada, "b", "k2"))], answers.append)
    third = place.says(ada, "c")

    first, second = answers
    assert [(each.seq, each.is_new) for each in first if isinstance(each, Appended)] == [(2, True)]
    assert isinstance(second[0], RoomEnded)
    assert third.seq == 3
    assert place.texts(ada.room_id) == ["a", "c"]


def test_a_room_gets_a_deadline_when_the_last_one_goes_and_loses_it_when_one_is_back(
    make_store: MakeStore,
) -> None:
    place = Place(make_store, room_grace_seconds=60)
    ada = place.opens("Ada")
    grace = place.joins(ada.room_id, "Grace")

    place.goes(ada, "gone")
    assert place.store.deadline(ada.room_id) is None
    place.goes(grace, "left")
    assert place.store.deadline(ada.room_id) == AT.timestamp() + 60

    place.comes_back(ada)
    assert place.store.deadline(ada.room_id) is None


def test_every_room_is_listed(place: Place) -> None:
    ada, grace = place.opens("Ada", code="BBBB"), place.opens("Grace", code="CCCC")
    assert place.store.room_ids() == [ada.room_id, grace.room_id]

    place.store.remove_room(ada.room_id)

    assert place.store.room_ids() == [grace.room_id]
