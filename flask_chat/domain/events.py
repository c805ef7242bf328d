"""The kinds of event a room's log holds, and how an event becomes bytes.

An event is encoded once, before it has its number; the store splices `seq` in when it appends
(`numbered`). Those bytes are what is kept, what goes over the wire, and what is read back.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from flask_chat.domain.members import Member, MemberId

LeaveReason = Literal["left", "gone", "removed"]
EndReason = Literal["empty", "ended"]
HostReason = Literal["handed_over", "gone"]


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


class EventBase(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag=_snake
):
    """What all events have. `seq` is 0 until the store has given the event its number."""

    at: datetime  # UTC, whole milliseconds
    by: MemberId | None = None  # None: the system
    seq: int = 0


class MessagePosted(EventBase, frozen=True, kw_only=True):
    """Somebody said something. `key` came from the client, so that a repeat is recognised."""

    text: str
    key: str
    reply_to: int | None = None  # the seq of the message this answers
    removed: bool = False  # then there is no text any more: see `redacted`


class MessageEdited(EventBase, frozen=True, kw_only=True):
    """The message `target` (its seq) now reads `text`."""

    target: int
    text: str


class MessageRemoved(EventBase, frozen=True, kw_only=True):
    """The message `target` is gone, and its text with it."""

    target: int


class ReactionAdded(EventBase, frozen=True, kw_only=True):
    """`by` reacts to the message `target`."""

    target: int
    emoji: str


class ReactionRemoved(EventBase, frozen=True, kw_only=True):
    """`by` takes a reaction back."""

    target: int
    emoji: str


class MemberJoined(EventBase, frozen=True, kw_only=True):
    """Somebody came in, for the first time or again."""

    member: Member


class MemberLeft(EventBase, frozen=True, kw_only=True):
    """Somebody left: by their own wish ("left"), or was away longer than the grace ("gone")."""

    member_id: MemberId
    reason: LeaveReason


class MemberRenamed(EventBase, frozen=True, kw_only=True):
    """A member has another name from here on."""

    member_id: MemberId
    name: str


class RoomChanged(EventBase, frozen=True, kw_only=True):
    """Those of the room's properties that are given have changed."""

    topic: str | None = None
    locked: bool | None = None
    knock: bool | None = None
    has_passcode: bool | None = None
    slow_mode_seconds: int | None = None
    invites: int | None = None


class MemberChanged(EventBase, frozen=True, kw_only=True):
    """A member may do more or less from here on; what is not given stays as it is."""

    member_id: MemberId
    role: Literal["cohost", "guest"] | None = None
    muted_until: datetime | UnsetType | None = UNSET  # None: not any more


class HostChanged(EventBase, frozen=True, kw_only=True):
    """The room has another host: `previous` has handed it over, or is gone for good."""

    member_id: MemberId
    previous: MemberId
    reason: HostReason


class MemberRemoved(EventBase, frozen=True, kw_only=True):
    """A moderator sent somebody away, who may come back: at once (None), or `until` has come."""

    member_id: MemberId
    until: datetime | None = None


class RoomEnded(EventBase, frozen=True, kw_only=True):
    """The last event of every log."""

    reason: EndReason


Event = (
    MessagePosted
    | MessageEdited
    | MessageRemoved
    | ReactionAdded
    | ReactionRemoved
    | MemberJoined
    | MemberLeft
    | MemberRenamed
    | RoomChanged
    | MemberChanged
    | HostChanged
    | MemberRemoved
    | RoomEnded
)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def moment(seconds: float) -> datetime:
    """UTC seconds since 1970 as the whole-millisecond time that events carry."""
    return datetime.fromtimestamp(int(seconds * 1000) / 1000, UTC)


def encode_event(event: Event) -> bytes:
    """The event as JSON. An event without its number has no `seq` in it."""
    return _encoder.encode(event)


def numbered(body: bytes, seq: int) -> bytes:
    """The JSON of an event that has no number yet, with `seq` in front."""
    return b'{"seq":%d,' % seq + body[1:]


def decode_event(data: bytes) -> Event:
    """The event in these bytes, as `numbered` or `encode_event` made them."""
    return _decoder.decode(data)


def redacted(data: bytes) -> bytes:
    """What stays of a message that was removed: who, when and under which key, but no text.

    Raises ValueError for any other kind of event.
    """
    event = decode_event(data)
    if not isinstance(event, MessagePosted):
        raise ValueError("not a message")
    seq, rest = event.seq, replace(event, seq=0, text="", removed=True)
    return numbered(encode_event(rest), seq)


class _People(Struct):
    by: MemberId | None = None
    member_id: MemberId | None = None
    previous: MemberId | None = None


_people_decoder = msgspec.json.Decoder(_People)


def people_in(events: Iterable[bytes]) -> dict[MemberId, None]:
    """The members these events name: who did them, and to whom. Each once, as they appear.

    A `member_joined` brings its member along and names nobody else.
    """
    found = (_people_decoder.decode(data) for data in events)
    named = (who for each in found for who in (each.by, each.member_id, each.previous))
    return dict.fromkeys(who for who in named if who is not None)
