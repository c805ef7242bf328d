"""How rooms, members and events are written down for rooms.lua, and read back."""

import math
from typing import Any

import msgspec
from msgspec.structs import replace

from flask_chat.domain.errors import (
    ChatError,
    NameTaken,
    RoomEnded,
    RoomFull,
    TokenInvalid,
)
from flask_chat.domain.events import (
    Event,
    MemberJoined,
    MemberLeft,
    MemberRemoved,
    MemberRenamed,
    MessagePosted,
    RoomChanged,
)
from flask_chat.domain.events import RoomEnded as RoomEndedEvent
from flask_chat.domain.limits import Limits
from flask_chat.domain.members import Member, MemberId, Role
from flask_chat.domain.names import name_keys
from flask_chat.domain.rooms import Room, RoomId
from flask_chat.stores.base import Page

# Those who left keep a record, since their messages are still shown with their name. A room forgets
# nobody, so it takes in at most this many times the people that may be in it at once.
_RECORDS_PER_PLACE = 20

_ROLES: dict[str, Role] = {"h": "host", "c": "cohost", "g": "guest"}

_REFUSALS: dict[bytes, type[ChatError]] = {
    b"room_ended": RoomEnded,
    b"token_invalid": TokenInvalid,
    b"name_taken": NameTaken,
    b"room_full": RoomFull,
}

_room_decoder = msgspec.json.Decoder(Room)


class Keys:
    """The names of keys and channels. All keys of a room are in one slot."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.rooms = f"{prefix}:rooms"
        self.bytes = f"{prefix}:bytes"
        self.secret = f"{prefix}:secret"

    def room(self, room_id: RoomId) -> str:
        return f"{self._prefix}:{{{room_id}}}"

    def code(self, code: str) -> str:
        return f"{self._prefix}:code:{code}"


def limit(value: float) -> int:
    """A limit for Lua, where 0 is none."""
    return 0 if math.isinf(value) else int(value)


def places(limits: Limits) -> tuple[int, int]:
    """How many may be here, and how many there may have been."""
    most = limits.members_per_room
    return limit(most), limit(most * _RECORDS_PER_PLACE)


def room_to_words(room: Room) -> tuple[bytes, str]:
    """A room's record, and its topic beside it, since that changes."""
    return msgspec.json.encode(replace(room, topic="")), room.topic


def room_from(record: bytes, topic: bytes) -> Room:
    """The room's record."""
    room = _room_decoder.decode(record)
    return replace(room, topic=topic.decode()) if topic else room


def member_to_words(member: Member) -> tuple[str, str, str]:
    """A member's id, record and name keys."""
    record = f"{member.hue}|{member.role[0]}|{member.name}"
    return member.member_id, record, keys_of(member.name)


def member_from(member_id: bytes | str, record: bytes, *, here: bool) -> Member:
    """The member of a record: the number they came with, hue, role and name."""
    _, hue, role, name = record.decode().split("|", 3)
    if isinstance(member_id, bytes):
        member_id = member_id.decode()
    return Member(
        member_id=MemberId(member_id), name=name, hue=int(hue), role=_ROLES[role], here=here
    )


def people_from(reply: list[Any]) -> list[Member]:
    """Members as `members` and `snapshot` of rooms.lua list them."""
    return [member_from(id_, record, here=bool(here)) for id_, record, here in reply]


def names_from(records: list[bytes]) -> list[str]:
    """Names in the order their members came, from records in any order."""
    rows = [record.decode().split("|", 3) for record in records]
    return [name for *_, name in sorted(rows, key=lambda row: int(row[0]))]


def keys_of(name: str) -> str:
    """What a name is compared by."""
    return "\0".join(sorted(name_keys(name)))


def page_from(reply: list[Any]) -> Page:
    """A page as `page` of rooms.lua gives it."""
    events, start, first_seq, last_seq = reply
    return Page(events, start, first_seq, last_seq)


def event_to_words(event: Event, limits: Limits) -> tuple[str, str, str, str]:
    """The letter of an event and what rooms.lua needs to know of it, besides its body."""
    end = repr(event.at.timestamp() + limits.room_grace_seconds)
    match event:
        case MessagePosted():
            return "p", event.by or "", event.key, ""
        case MemberJoined():
            return "j", event.member.member_id, "", ""
        case MemberLeft():
            return "l", event.member_id, event.reason, end
        case MemberRemoved():
            return "x", event.member_id, "", end
        case MemberRenamed():
            return "r", event.member_id, event.name, keys_of(event.name)
        case RoomChanged() if event.topic is not None:
            return "t", event.topic, "", ""
        case RoomEndedEvent():
            return "e", event.reason, "", repr(event.at.timestamp())
    return "o", "", "", ""


def ends_at(event: Event, limits: Limits) -> float | None:
    """The deadline that the event may give its room."""
    match event:
        case MemberLeft() | MemberRemoved():
            return event.at.timestamp() + limits.room_grace_seconds
        case RoomEndedEvent():
            return event.at.timestamp()
    return None


def refusal(word: bytes, limits: Limits) -> ChatError:
    """The error that a word of rooms.lua stands for."""
    if word == b"name_taken":
        return NameTaken(field="name")
    if word == b"room_full":
        return RoomFull(limit=limits.members_per_room)
    return _REFUSALS[word]()
