"""How rooms, members and events are written down for rooms/*.lua, and read back."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from flask_chat.domain.errors import (
    ChatError,
    Forbidden,
    NameTaken,
    RoomEnded,
    RoomFull,
    TokenInvalid,
)
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
from flask_chat.domain.events import RoomEnded as RoomEndedEvent
from flask_chat.domain.limits import Limits
from flask_chat.domain.members import Member, MemberId, Role
from flask_chat.domain.moderation import (
    muted,
    no_such_message,
    no_such_person,
    not_moderator,
    over_moderator,
    over_oneself,
    role_of_host,
    slowed,
)
from flask_chat.domain.names import name_keys
from flask_chat.domain.rooms import CHANGEABLE, Room, RoomId, changed_fields
from flask_chat.stores.base import NoteChanges, Page

# Those who left keep a record, since their messages are still shown with their name. A room forgets
# nobody, so it takes in at most this many times the people that may be in it at once.
_RECORDS_PER_PLACE = 20

_ROLES: dict[str, Role] = {"h": "host", "c": "cohost", "g": "guest"}

_REFUSALS: dict[bytes, Callable[[], ChatError]] = {
    b"room_ended": RoomEnded,
    b"token_invalid": TokenInvalid,
    b"not_host": Forbidden,
    b"not_moderator": not_moderator,
    b"over_oneself": over_oneself,
    b"over_moderator": over_moderator,
    b"role_of_host": role_of_host,
    b"no_person": no_such_person,
    b"no_message": no_such_message,
}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

# The fields of a room's hash that hold its record. The first does not change, and is always there.
ROOM_FIELDS = ("record", "host", *CHANGEABLE)


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


def room_to_words(room: Room) -> tuple[bytes, str, str]:
    """What of a room's record stays, its host, and what changes."""
    fixed = {"room_id": room.room_id, "code": room.code, "created_at": room.created_at}
    changeable = {name: getattr(room, name) for name in CHANGEABLE}
    given = {name: value for name, value in changeable.items() if value}
    return msgspec.json.encode(fixed), room.host_id, _changes(given)


def room_from(values: Sequence[bytes | None]) -> Room:
    """The room's record, of the values of ROOM_FIELDS."""
    record, host, *changeable = values
    assert record is not None
    found = msgspec.json.decode(record)
    found["host_id"] = (host or b"").decode()
    for name, value in zip(CHANGEABLE, changeable, strict=True):
        if value is not None:
            found[name] = value.decode()
    return msgspec.convert(found, Room, strict=False)


def member_to_words(member: Member, marks: str) -> tuple[str, str, str, str]:
    """A member's id, record, name keys and marks."""
    muted_until = _milliseconds(member.muted_until)
    record = f"{member.hue}|{member.glyph}|{member.role[0]}|{muted_until}|{member.name}"
    return member.member_id, record, keys_of(member.name), marks


def member_from(member_id: bytes | str, record: bytes, *, here: bool) -> Member:
    """The member of a record: the number they came with, hue, glyph, role, muted until, name."""
    _, hue, glyph, role, muted_until, name = record.decode().split("|", 5)
    if isinstance(member_id, bytes):
        member_id = member_id.decode()
    return Member(
        member_id=MemberId(member_id),
        name=name,
        hue=int(hue),
        glyph=int(glyph),
        role=_ROLES[role],
        here=here,
        muted_until=_moment(muted_until) if muted_until else UNSET,
    )


def people_from(reply: list[Any]) -> list[Member]:
    """Members as `members` and `snapshot` of reading.lua list them."""
    return [member_from(id_, record, here=bool(here)) for id_, record, here in reply]


def names_from(records: list[bytes]) -> list[str]:
    """Names in the order their members came, from records in any order."""
    rows = [record.decode().split("|", 5) for record in records]
    return [name for *_, name in sorted(rows, key=lambda row: int(row[0]))]


def keys_of(name: str) -> str:
    """What a name is compared by."""
    return "\0".join(sorted(name_keys(name)))


def page_from(reply: list[Any]) -> Page:
    """A page as `page` of reading.lua gives it."""
    events, start, first_seq, last_seq = reply
    return Page(events, start, first_seq, last_seq)


def event_to_words(event: Event, limits: Limits) -> tuple[str, str, str, str]:
    """The letter of an event and what events.lua needs to know of it, besides its body."""
    match event:
        case MessagePosted():
            return "p", event.by or "", event.key, _milliseconds(event.at)
        case MessageRemoved():
            return "d", f"{event.target}", "", ""
        case MemberJoined():
            return "j", event.member.member_id, "", ""
        case MemberLeft():
            return "l", event.member_id, event.reason, repr(ends_at(event, limits))
        case MemberRemoved():
            return "x", event.member_id, "", repr(ends_at(event, limits))
        case MemberRenamed():
            return "r", event.member_id, event.name, keys_of(event.name)
        case MemberChanged():
            until = event.muted_until
            muted_until = "kept" if until is UNSET else _milliseconds(until)
            return "m", event.member_id, (event.role or "")[:1], muted_until
        case HostChanged():
            return "h", event.member_id, event.previous, event.reason
        case RoomChanged():
            return "c", _changes(changed_fields(event)), "", ""
        case RoomEndedEvent():
            return "e", event.reason, "", repr(ends_at(event, limits))
    return "o", "", "", ""


def notes_to_words(changes: NoteChanges) -> list[str]:
    """A name, whether there is a note from then on, and the note; and so on."""
    each = ((name, "" if note is None else "1", note or "") for name, note in changes.items())
    return [word for words in each for word in words]


def _milliseconds(at: datetime | UnsetType | None) -> str:
    """A time as whole milliseconds since 1970, exactly; empty for no time."""
    return f"{(at - _EPOCH) // _MILLISECOND}" if at else ""


def _moment(word: str | bytes) -> datetime:
    return _EPOCH + timedelta(milliseconds=int(word))


def _changes(values: Mapping[str, str | bool | int]) -> str:
    """Fields of a room for `change_room` of people.lua."""
    return "\0".join(f"{name}={_word(value)}" for name, value in values.items())


def _word(value: str | bool | int) -> str:
    return value if isinstance(value, str) else f"{int(value)}"


def ends_at(event: Event, limits: Limits) -> float | None:
    """The deadline that the event may give its room."""
    match event:
        case MemberLeft() | MemberRemoved():
            return event.at.timestamp() + limits.room_grace_seconds
        case RoomEndedEvent():
            return event.at.timestamp()
    return None


def refusal(word: bytes, limits: Limits) -> ChatError:
    """The error that a word of the functions stands for."""
    match word.split(b":"):
        case [b"name_taken"]:
            return NameTaken(field="name")
        case [b"room_full"]:
            return RoomFull(limit=limits.members_per_room)
        case [b"muted", until, at]:
            return muted(_moment(until), _moment(at))
        case [b"slow_mode", seconds, since]:
            slow = slowed(int(seconds), int(since) / 1000)
            assert slow is not None
            return slow
    return _REFUSALS[word]()
