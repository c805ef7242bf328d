"""Any store beside the one in memory, which is the reference: the same events, the same answers."""

from collections.abc import Callable
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from flask_chat.domain.errors import ChatError
from flask_chat.domain.events import (
    Event,
    HostChanged,
    MemberChanged,
    MemberJoined,
    MemberLeft,
    MemberRemoved,
    MemberRenamed,
    MessagePosted,
    MessageRemoved,
    RoomChanged,
)
from flask_chat.domain.members import NO_END, Member, MemberId
from flask_chat.domain.rooms import RoomId
from flask_chat.stores.base import Append, Appended
from flask_chat.stores.memory import MemoryStore
from tests.stores.conftest import MakeStore
from tests.stores.place import AT, Place

PEOPLE = [MemberId(f"m-{number}") for number in (2, 3, 4)]  # as Place counts them
people = st.sampled_from([*PEOPLE, *PEOPLE, MemberId("m-unknown")])
actors = st.none() | people
moments = st.integers(0, 30_000).map(lambda ms: AT + timedelta(milliseconds=ms))

SAID = st.builds(
    MessagePosted, at=moments, by=people, text=st.text(), key=st.sampled_from("abcdefghij")
)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    SAID,
    SAID,
    SAID,
    st.builds(
        MemberChanged,
        at=moments,
        by=actors,
        member_id=people,
        role=st.sampled_from(["cohost", "guest", None]),
        muted_until=st.sampled_from([UNSET, None, NO_END]) | moments,
    ),
    st.builds(
        RoomChanged,
        at=moments,
        by=actors,
        topic=st.none() | st.sampled_from(["", "Maths"]),
        locked=st.none() | st.booleans(),
        slow_mode_seconds=st.none() | st.sampled_from([0, 5, 10]),
    ),
    st.builds(
        HostChanged,
        at=moments,
        member_id=people,
        previous=people,
        reason=st.sampled_from(["gone", "handed_over"]),
    ),
    st.builds(MessageRemoved, at=moments, by=people, target=st.integers(-1, 15)),
    st.builds(MemberLeft, at=moments, member_id=people, reason=st.sampled_from(["left", "gone"])),
    st.builds(MemberRemoved, at=moments, by=actors, member_id=people),
    st.builds(MemberRenamed, at=moments, member_id=people, name=st.sampled_from(["Ada", "Bob"])),
    st.builds(
        MemberJoined,
        at=moments,
        member=st.builds(Member, member_id=people, name=st.just("Grace"), hue=st.just(1)),
    ),
)
Wanted = tuple[Event, dict[str, str | None]]
NOTES = st.dictionaries(st.sampled_from("ab"), st.none() | st.sampled_from(["", "x"]), max_size=2)
WANTED: st.SearchStrategy[Wanted] = st.tuples(EVENTS, st.just({}) | NOTES)


def filled(make: MakeStore) -> tuple[Place, RoomId]:
    """A room of three, which keeps the newest ten events."""
    place = Place(make, history_events=10)
    ada = place.opens("Ada")
    place.joins(ada.room_id, "Grace")
    place.joins(ada.room_id, "Mallory")
    place.changes_room(ada, slow_mode_seconds=10)
    return place, ada.room_id


def told(answer: Appended | ChatError) -> object:
    """All there is to an answer."""
    is_refusal = isinstance(answer, ChatError)
    return (answer.code, answer.message, answer.data) if is_refusal else answer


def shown(place: Place, room_id: RoomId) -> list[object]:
    """All there is to a room."""
    store = place.store
    everybody: list[Callable[[], object]] = [
        lambda: store.snapshot(room_id, None, newest=50, most=50),
        lambda: store.members(room_id, PEOPLE),
        lambda: sorted(store.names(room_id)),
        lambda: [store.member(room_id, member_id) for member_id in PEOPLE],
        lambda: store.read_after(room_id, 0, 50),
        lambda: store.deadline(room_id),
        lambda: store.door(room_id).notes,
    ]
    return [ask() for ask in everybody]


def test_a_store_answers_as_the_one_in_memory_does(make_store: MakeStore) -> None:
    @given(st.lists(st.lists(WANTED, min_size=1, max_size=4), min_size=6, max_size=12))
    @settings(max_examples=100)
    def check(batches: list[list[Wanted]]) -> None:
        twin, room_id = filled(MemoryStore)
        place, _ = filled(make_store)
        try:
            for batch in batches:
                appends = [Append(room_id, event, notes) for event, notes in batch]
                expected = twin.store.append(appends)
                answers = place.store.append(appends)

                assert list(map(told, answers)) == list(map(told, expected))
                assert shown(place, room_id) == shown(twin, room_id)
            assert place.told == twin.told
        finally:
            place.store.close()

    check()
