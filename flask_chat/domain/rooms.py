"""A room's own record, and the room as a fold over its log.

The log is the truth; `Room` and `Member` records are what the fold has come to so far, kept by the
store so that nobody has to read 10,000 events to know a topic.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NewType

from msgspec import Struct, field
from msgspec.structs import replace

from flask_chat.domain.codes import Code
from flask_chat.domain.events import (
    Event,
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


class Room(Struct, frozen=True, kw_only=True):
    """What a room is besides its log and its members; exactly so on the wire."""

    room_id: RoomId
    code: Code
    created_at: datetime
    topic: str = ""


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
    if isinstance(event, RoomChanged) and event.topic is not None:
        return replace(room, topic=event.topic)
    return room


def member_after(member: Member, event: Event) -> Member:
    """The member's record once `event`, which is about this member, has happened."""
    match event:
        case MemberJoined():
            return replace(member, here=True)
        case MemberLeft() | MemberRemoved():
            return replace(member, here=False)
        case MemberRenamed():
            return replace(member, name=event.name)
    return member


def subject_of(event: Event) -> MemberId | None:
    """The member an event is about, for those kinds that change a member's record."""
    match event:
        case MemberJoined():
            return event.member.member_id
        case MemberLeft() | MemberRemoved() | MemberRenamed():
            return event.member_id
    return None


def _apply(view: RoomView, event: Event) -> None:
    match event:
        case MessagePosted():
            view.messages[event.seq] = MessageView(
                seq=event.seq,
                at=event.at,
                by=event.by,
                text=event.text,
                reply_to=event.reply_to,
            )
        case MemberJoined():
            view.members[event.member.member_id] = event.member
        case MemberLeft() | MemberRemoved() | MemberRenamed():
            member = view.members.get(event.member_id)
            if member:
                view.members[event.member_id] = member_after(member, event)
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
