"""Any store against a model that could not be simpler: whatever happens, in any order."""

from itertools import pairwise
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)

from flask_chat.domain.codes import Code
from flask_chat.domain.errors import (
    ChatError,
    CodeTaken,
    Forbidden,
    NameTaken,
    NotFound,
    RoomEnded,
    RoomFull,
    ServerFull,
    TokenInvalid,
)
from flask_chat.domain.events import MessageRemoved, redacted
from flask_chat.domain.members import MemberId
from flask_chat.domain.rooms import RoomId
from flask_chat.stores.base import Appended
from tests.stores.conftest import MakeStore
from tests.stores.place import AT, Person, Place, posted

NOBODY = Person(RoomId("r-never-there"), MemberId("m-nobody"))


class ModelRoom:
    """A room as lists and dicts, with every event there has been."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.events: list[bytes] = []
        self.seq_by_key: dict[tuple[str, str], int] = {}
        self.names: dict[str, str] = {}  # member_id → name, of those who are members
        self.here: list[str] = []
        self.deadline: float | None = None


CODES = ("BBBB", "CCCC", "DDDD")
NAMES = ("Ada", "Grace", "Mallory", "ADA")


class AnyStore(RuleBasedStateMachine):
    """Rooms, people and messages in any order; `make_store` is set by the test."""

    make_store: ClassVar[MakeStore]
    kept = 8

    people = Bundle("people")

    def __init__(self) -> None:
        super().__init__()
        self.place = Place(self.make_store, history_events=self.kept, rooms=2, members_per_room=3)
        self.model: dict[RoomId, ModelRoom] = {}
        self.codes: dict[str, RoomId] = {}

    @rule(target=people, code=st.sampled_from(CODES), name=st.sampled_from(NAMES))
    def open(self, code: str, name: str) -> object:
        if code in self.codes or len(self.model) >= 2:
            with pytest.raises(CodeTaken if code in self.codes else ServerFull):
                self.place.opens(name, code)
            return NOBODY
        person = self.place.opens(name, code)
        self.codes[code] = person.room_id
        self.model[person.room_id] = ModelRoom(person.member_id)
        self._came(person, name)
        return person

    @rule(target=people, near=people, name=st.sampled_from(NAMES))
    def join(self, near: Person, name: str) -> object:
        room = self.model.get(near.room_id)
        refusals = (RoomEnded, NameTaken, RoomFull)
        if room is not None and name.casefold() not in map(str.casefold, room.names.values()):
            if len(room.here) < 3:
                person = self.place.joins(near.room_id, name)
                self._came(person, name)
                return person
            refusals = (RoomFull,)
        with pytest.raises(refusals):
            self.place.joins(near.room_id, name)
        return near

    @rule(person=people, key=st.sampled_from("abcdef"))
    def say(self, person: Person, key: str) -> None:
        room = self.model.get(person.room_id)
        event = posted(person, f"said with {key}", key)
        if room is None:
            assert isinstance(self.place.refusal(person.room_id, event), RoomEnded)
            return
        known = room.seq_by_key.get((person.member_id, key), 0)
        is_known = known > max(0, len(room.events) - self.kept)
        if not is_known and person.member_id not in room.names:
            assert isinstance(self.place.refusal(person.room_id, event), TokenInvalid)
            return
        answer = self.place.does(person.room_id, event)
        if is_known:
            assert answer == Appended(known, room.events[known - 1], is_new=False)
        else:
            self._happened(room, answer)
            room.seq_by_key[person.member_id, key] = answer.seq

    @rule(person=people, number=st.integers(0, 20))
    def remove_message(self, person: Person, number: int) -> None:
        room = self.model.get(person.room_id)
        if room is None:
            return
        oldest = max(0, len(room.events) - self.kept)
        message = room.events[number - 1] if oldest < number <= len(room.events) else b""
        removal = MessageRemoved(at=AT, by=person.member_id, target=number)
        is_own = f'"by":"{person.member_id}"'.encode() in message
        refusal: type[ChatError] | None = None
        if person.member_id not in room.names:
            refusal = TokenInvalid
        elif b"message_posted" not in message:
            refusal = NotFound
        elif not is_own and person.member_id != room.host:
            refusal = Forbidden
        if refusal is not None:
            assert type(self.place.refusal(person.room_id, removal)) is refusal
            return
        answer = self.place.does(person.room_id, removal)
        if redacted(message) == message:
            assert answer == Appended(len(room.events), b"", is_new=False)
        else:
            self._happened(room, answer)
            room.events[number - 1] = redacted(message)

    @rule(person=people, reason=st.sampled_from(["left", "gone"]))
    def go(self, person: Person, reason: str) -> None:
        room = self.model.get(person.room_id)
        if room is None or person.member_id not in room.here:
            return
        self._happened(room, self.place.goes(person, reason))  # type: ignore[arg-type]
        room.here.remove(person.member_id)
        if not room.here:
            room.deadline = AT.timestamp() + self.place.limits.room_grace_seconds
        if reason == "left":
            del room.names[person.member_id]

    @rule(person=people)
    def come_back(self, person: Person) -> None:
        room = self.model.get(person.room_id)
        if room is None or person.member_id not in room.names or person.member_id in room.here:
            return
        self._happened(room, self.place.comes_back(person))
        room.deadline = None
        room.here.append(person.member_id)

    @rule(person=people, at=st.none() | st.integers(0, 100))
    def set_deadline(self, person: Person, at: int | None) -> None:
        if room := self.model.get(person.room_id):
            self.place.store.set_deadline(person.room_id, at)
            room.deadline = at

    @rule(person=consumes(people))
    def remove(self, person: Person) -> None:
        self.place.store.remove_room(person.room_id)
        self.model.pop(person.room_id, None)
        self.codes = {code: id_ for code, id_ in self.codes.items() if id_ != person.room_id}

    @rule(person=people, after=st.integers(0, 40), limit=st.integers(1, 10))
    def read(self, person: Person, after: int, limit: int) -> None:
        if room := self.model.get(person.room_id):
            oldest = max(0, len(room.events) - self.kept)
            forward = self.place.store.read_after(person.room_id, after, limit)
            back = self.place.store.read_before(person.room_id, after, limit)

            assert forward.events == room.events[max(after, oldest) :][:limit]
            assert back.events == room.events[oldest : max(after - 1, 0)][-limit:]
            assert (forward.first_seq, forward.last_seq) == (oldest + 1, len(room.events))

    @invariant()
    def rooms_and_members_are_those_of_the_model(self) -> None:
        store = self.place.store
        for code in CODES:
            found = store.find_room(Code(code))
            assert (found and found.room_id) == self.codes.get(code)
        for room_id, room in self.model.items():
            assert [member.member_id for member in store.members(room_id)] == room.here
            assert sorted(store.names(room_id)) == sorted(room.names.values())
            assert store.count_here(room_id) == len(room.here)

    @invariant()
    def rooms_are_due_in_order(self) -> None:
        deadlines = {id_: room.deadline for id_, room in self.model.items()}
        due = self.place.store.due(50)
        assert set(due) == {id_ for id_, at in deadlines.items() if at is not None and at <= 50}
        assert all((deadlines[a] or 0) <= (deadlines[b] or 0) for a, b in pairwise(due))

    def _came(self, person: Person, name: str) -> None:
        room = self.model[person.room_id]
        room.deadline = None
        room.names[person.member_id] = name
        room.here.append(person.member_id)
        _, seq, data = self.place.told[-1]
        self._happened(room, Appended(seq, data, is_new=True))

    def _happened(self, room: ModelRoom, answer: Appended) -> None:
        assert answer.is_new
        assert answer.seq == len(room.events) + 1
        assert self.place.told[-1][1:] == (answer.seq, answer.data)
        room.events.append(answer.data)


def test_a_store_behaves_like_the_simplest_model_whatever_happens(make_store: MakeStore) -> None:
    class ThisStore(AnyStore):
        pass

    ThisStore.make_store = staticmethod(make_store)  # type: ignore[assignment]

    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        ThisStore, settings=settings(max_examples=40, stateful_step_count=40)
    )
