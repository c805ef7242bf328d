"""A room's own record, and the room as a fold over its log.

The log is the truth; `Room` and `Member` records are what the fold has come to so far, kept by the
store so that nobody has to read 10,000 events to know a topic.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, NewType

from msgspec import UNSET, Struct, field
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
)
from flask_chat.domain.members import Member, MemberId

RoomId = NewType("RoomId", str)


class Ref(NamedTuple):
    """Which member of which room."""

    room_id: RoomId
    member_id: MemberId


# What a `room_changed` may change; every name is one of the event's and one of the record's.
CHANGEABLE = ("topic", "locked", "knock", "has_passcode", "slow_mode_seconds", "invites")


class Room(Struct, frozen=True, kw_only=True):
    """What a room is besides its log and its members; exactly so on the wire."""

    room_id: RoomId
    code: Code
    created_at: datetime
    host_id: MemberId
    topic: str = ""
    locked: bool = False  # nobody new comes in by the code
    knock: bool = False  # whoever comes by the code has to be let in
    has_passcode: bool = False
    slow_mode_seconds: int = 0  # between two messages of a guest; 0 for none
    invites: int = 0  # how often the invite was renewed


class MessageView(Struct, kw_only=True):
    """A message as it stands now, after its edits, removal and reactions."""

    seq: int
    at: datetime
    by: MemberId | None
    text: str
    reply_to: int | None = None
    edited: bool = False
    removed: bool = False
    reactions: dict[str, set[MemberId]] = field(default_factory=dict)  # emoji → who


class RoomView(Struct, kw_only=True):
    """What a room looks like: `fold` over the events of its log."""

    last_seq: int = 0
    topic: str = ""
    ended: bool = False
    members: dict[MemberId, Member] = field(default_factory=dict)
    messages: dict[int, MessageView] = field(default_factory=dict)  # by seq, in order


def fold(events: Iterable[Event], view: RoomView | None = None) -> RoomView:
    """The room after these events, starting from `view` (changed in place) or from nothing.

    Events up to `view.last_seq` are passed over, so feeding an event twice changes nothing. So is
    what refers to a message or member that is not known here (no longer kept).
    """
    view = view or RoomView()
    for event in events:
        if event.seq > view.last_seq:
            _apply(view, event)
            view.last_seq = event.seq
    return view


def room_after(room: Room, event: Event) -> Room:
    """The room's record once `event` has happened."""
    match event:
        case RoomChanged():
            return replace(room, **changed_fields(event))
        case HostChanged():
            return replace(room, host_id=event.member_id)
    return room


def changed_fields(event: RoomChanged) -> dict[str, str | bool | int]:
    """Those of a room's fields that the event changes, with what they are from then on."""
    values = ((name, getattr(event, name)) for name in CHANGEABLE)
    return {name: value for name, value in values if value is not None}


def member_after(member: Member, event: Event) -> Member:
    """The member's record once `event`, which is about this member, has happened."""
    match event:
        case MemberJoined():
            return replace(member, here=True)
        case MemberLeft() | MemberRemoved():
            return replace(member, here=False)
        case MemberRenamed():
            return replace(member, name=event.name)
        case MemberChanged():
            return _changed(member, event)
        case HostChanged() if member.member_id == event.member_id:
            return replace(member, role="host", muted_until=UNSET)
        case HostChanged() if member.member_id == event.previous:
            return replace(member, role="cohost" if event.reason == "handed_over" else "guest")
    return member


def subjects_of(event: Event) -> tuple[MemberId, ...]:
    """The members an event is about, for those kinds that change a member's record."""
    match event:
        case MemberJoined():
            return (event.member.member_id,)
        case MemberLeft() | MemberRemoved() | MemberRenamed() | MemberChanged():
            return (event.member_id,)
        case HostChanged():
            return (event.member_id, event.previous)
    return ()


def _changed(member: Member, event: MemberChanged) -> Member:
    if event.role is not None:
        member = replace(member, role=event.role)
    if event.muted_until is not UNSET:
        member = replace(member, muted_until=event.muted_until or UNSET)
    return member


def _apply(view: RoomView, event: Event) -> None:
    match event:
        case MessagePosted():
            view.messages[event.seq] = MessageView(
                seq=event.seq,
                at=event.at,
                by=event.by,
                text=event.text,
                reply_to=event.reply_to,
                removed=event.removed,
            )
        case MemberJoined():
            view.members[event.member.member_id] = event.member
        case MemberLeft() | MemberRemoved() | MemberRenamed() | MemberChanged() | HostChanged():
            for member_id in subjects_of(event):
                if member := view.members.get(member_id):
                    view.members[member_id] = member_after(member, event)
        case MessageEdited() | MessageRemoved() | ReactionAdded() | ReactionRemoved():
            message = view.messages.get(event.target)
            if message:
                _change(message, event)
        case RoomChanged():
            view.topic = view.topic if event.topic is None else event.topic
        case RoomEnded():
            view.ended = True


def _change(message: MessageView, event: Event) -> None:
    match event:
        case MessageEdited() if not message.removed:
            message.text, message.edited = event.text, True
        case MessageRemoved():
            message.text, message.removed = "", True
            message.reactions.clear()
        case ReactionAdded() if event.by is not None and not message.removed:
            message.reactions.setdefault(event.emoji, set()).add(event.by)
        case ReactionRemoved() if event.by is not None:
            people = message.reactions.get(event.emoji, set())
            people.discard(event.by)
            if not people:
                message.reactions.pop(event.emoji, None)
