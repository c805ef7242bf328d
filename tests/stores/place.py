"""A store with rooms and people in it: `place.says(ada, "Hi")`, `place.texts(room_id)`."""

import itertools
from collections.abc import Callable
from datetime import datetime
from typing import Literal, NamedTuple

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from flask_chat.domain.codes import Code
from flask_chat.domain.errors import ChatError
from flask_chat.domain.events import (
    Event,
    HostChanged,
    HostReason,
    LeaveReason,
    MemberChanged,
    MemberJoined,
    MemberLeft,
    MessagePosted,
    MessageRemoved,
    RoomChanged,
    decode_event,
    moment,
)
from flask_chat.domain.limits import Limits
from flask_chat.domain.members import Member, MemberId, Role
from flask_chat.domain.rooms import Room, RoomId
from flask_chat.stores.base import Append, Appended, Page, Publish, Store

AT = moment(1_795_381_398)


class Person(NamedTuple):
    """A member, and the room they are in."""

    room_id: RoomId
    member_id: MemberId


class Place:
    """What is published is in `told`, in that order."""

    def __init__(self, make_store: Callable[[Limits, Publish], Store], **limits: float) -> None:
        self.told: list[tuple[RoomId, int, bytes]] = []
        self.limits = Limits(**limits)
        self.store = make_store(self.limits, lambda *event: self.told.append(event))
        self._numbers = itertools.count(1)

    def opens(self, name: str = "Ada", code: str = "BCDF") -> Person:
        """A new room with its host."""
        room_id = RoomId(f"r-{next(self._numbers)}")
        host = self._member(name, "host")
        room = Room(room_id=room_id, code=Code(code), created_at=AT, host_id=host.member_id)
        self.store.create_room(room, host, joined(host))
        return Person(room_id, host.member_id)

    def joins(self, room_id: RoomId, name: str, marks: str = "") -> Person:
        """One more member of the room."""
        guest = self._member(name, "guest")
        self.store.admit(room_id, guest, joined(guest), marks)
        return Person(room_id, guest.member_id)

    def says(
        self, person: Person, text: str, key: str | None = None, at: datetime = AT
    ) -> Appended:
        """Post a message; without a key it gets one of its own."""
        key = key or f"k{next(self._numbers)}"
        return self.does(person.room_id, posted(person, text, key, at))

    def removes(self, person: Person, target: int) -> Appended:
        """Remove the message with this number."""
        removed = MessageRemoved(at=AT, by=person.member_id, target=target)
        return self.does(person.room_id, removed)

    def changes_room(self, person: Person, **changes: str | bool | int) -> Appended:
        """Change some of the room's properties."""
        changed = RoomChanged(at=AT, by=person.member_id, **changes)  # type: ignore[arg-type]
        return self.does(person.room_id, changed)

    def changes(
        self,
        person: Person,
        role: Literal["cohost", "guest"] | None = None,
        muted_until: datetime | UnsetType | None = UNSET,
    ) -> Appended:
        """Somebody may do more or less from here on."""
        who = person.member_id
        changed = MemberChanged(at=AT, member_id=who, role=role, muted_until=muted_until)
        return self.does(person.room_id, changed)

    def hands_over(
        self, previous: Person, person: Person, reason: HostReason = "handed_over"
    ) -> Appended:
        """The room has another host."""
        who, before = person.member_id, previous.member_id
        changed = HostChanged(at=AT, by=before, member_id=who, previous=before, reason=reason)
        return self.does(person.room_id, changed)

    def goes(self, person: Person, reason: LeaveReason) -> Appended:
        """Announce that somebody has left or is gone."""
        left = MemberLeft(at=AT, by=person.member_id, member_id=person.member_id, reason=reason)
        return self.does(person.room_id, left)

    def comes_back(self, person: Person) -> Appended:
        """Announce that somebody who was gone is here again."""
        return self.does(person.room_id, joined(self.member(person)))

    def does(self, room_id: RoomId, event: Event) -> Appended:
        """Append one event that is not refused."""
        (answer,) = self.store.append([Append(room_id, event)])
        assert isinstance(answer, Appended), answer
        return answer

    def refusal(self, room_id: RoomId, event: Event) -> ChatError:
        """Append one event that is refused."""
        (answer,) = self.store.append([Append(room_id, event)])
        assert isinstance(answer, ChatError), answer
        return answer

    def member(self, person: Person) -> Member:
        """The member's record."""
        member = self.store.member(*person)
        assert member is not None
        return member

    def log(self, room_id: RoomId) -> list[Event]:
        """Everything that is kept of the room."""
        return [decode_event(data) for data in self.store.read_after(room_id, 0, 10_000).events]

    def texts(self, room_id: RoomId) -> list[str]:
        """What has been said and is kept."""
        return [event.text for event in self.log(room_id) if isinstance(event, MessagePosted)]

    def names_here(self, room_id: RoomId) -> list[str]:
        """Who is here, in the order they came."""
        return [member.name for member in self.store.members(room_id)]

    def _member(self, name: str, role: Role) -> Member:
        member_id = MemberId(f"m-{next(self._numbers)}")
        return Member(member_id=member_id, name=name, hue=1, role=role)


def joined(member: Member) -> MemberJoined:
    return MemberJoined(at=AT, by=member.member_id, member=replace(member, here=True))


def posted(person: Person, text: str, key: str, at: datetime = AT) -> MessagePosted:
    return MessagePosted(at=at, by=person.member_id, text=text, key=key)


def seqs(page: Page) -> list[int]:
    """The numbers of the events of a page."""
    return [decode_event(data).seq for data in page.events]
