"""Every JSON shape that goes over the wire, once. `docs/api.md` and OpenAPI follow it.

Requests are read strictly: a field of the wrong type is refused and named. Fields nobody knows are
passed over, so that newer clients can talk to older servers.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType
from msgspec.structs import replace

from flask_chat.chat import Admission, History, Welcome
from flask_chat.domain.errors import ChatError, Invalid
from flask_chat.domain.members import Member
from flask_chat.domain.rooms import Room
from flask_chat.stores.base import Appended
from flask_chat.web.proof_of_work import Challenge

Seq = Annotated[int, Meta(ge=0, le=2**53 - 1, description="The number of an event in its room.")]
Key = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,64}$", description="Your id for the message.")]
Limit = Annotated[int, Meta(ge=1, le=100, description="How many events at most.")]

Shape = TypeVar("Shape")


# What clients send


class Auth(Struct, frozen=True):
    """The `auth` of a Socket.IO CONNECT: `{"token": "…", "after": 41}`."""

    token: str
    after: Seq | None = None  # the newest event the client has


class CreateRoom(Struct, frozen=True):
    """`{"name": "Ada"}`, with `"code": "BCDF"` to ask for that one."""

    name: str
    code: str | None = None


class JoinRoom(Struct, frozen=True):
    """`{"name": "Grace"}`, and what the room's door asks for."""

    name: str
    passcode: str = ""
    invite: str = ""  # from a share link
    knock: str = ""  # the ticket of an earlier answer


class LookUp(Struct, frozen=True):
    """The query of a look-up."""

    invite: str = ""


class RemoveMessage(Struct, frozen=True):
    """`{"target": 41}`: the number of a message."""

    target: Seq


class PostMessage(Struct, frozen=True):
    """`{"key": "k1", "text": "Hello"}`: the same key again is the same message."""

    text: str
    key: Key | None = None  # without one every request is a new message
    reply_to: Seq | None = None


class TypingChange(Struct, frozen=True):
    """`{"is_typing": true}`, repeated at most every two seconds while it is so."""

    is_typing: bool


class Nothing(Struct, frozen=True):
    """`{}`: events that say all by their name."""


class HistoryRequest(Struct, frozen=True):
    """`{"before": 41, "limit": 50}`, or with `after`: which stretch of the log is wanted."""

    after: Seq | None = None
    before: Seq | None = None
    limit: Limit = 50


# What clients get


class RoomAnswer(Struct, frozen=True):
    """Created or joined: the room, who you are in it, and the token that proves it."""

    room: Room
    me: Member
    token: str


class RoomSummary(Struct, frozen=True):
    """What anybody who knows the code may know; less where a passcode or knocking is asked for."""

    code: str
    has_passcode: bool
    knock: bool
    topic: str | UnsetType = UNSET
    members_here: int | UnsetType = UNSET


class MembersAnswer(Struct, frozen=True):
    """Everybody who is here, in the order they came."""

    members: Sequence[Member]


class WelcomeMessage(Struct, frozen=True):
    """The first thing on a connection: the room as it is now, and the events to show."""

    room: Room
    me: Member
    members: Sequence[Member]
    events: Sequence[Raw]
    more: bool
    reset: bool
    server_time: datetime


class EventsAnswer(Struct, frozen=True):
    """A stretch of the log, oldest first, with whom it names."""

    events: Sequence[Raw]
    members: Sequence[Member]
    more: bool
    reset: bool


class HistoryAck(Struct, frozen=True):
    """`EventsAnswer` as an acknowledgement."""

    events: Sequence[Raw]
    members: Sequence[Member]
    more: bool
    reset: bool
    ok: bool = True


class PostedAnswer(Struct, frozen=True):
    """The number the message got."""

    seq: int


class PostedAck(Struct, frozen=True):
    """`PostedAnswer` as an acknowledgement."""

    seq: int
    ok: bool = True


class Ack(Struct, frozen=True):
    """Done, and nothing more to say: `{"ok": true}`."""

    ok: bool = True


class TypingMessage(Struct, frozen=True):
    """Somebody in the room is typing, or has stopped."""

    member_id: str
    is_typing: bool


class ErrorBody(Struct, frozen=True, omit_defaults=True):
    """A refusal; `docs/errors.md` lists the codes."""

    code: str
    message: str
    field: str | UnsetType = UNSET
    limit: float | UnsetType = UNSET
    suggestion: str | UnsetType = UNSET
    retry_after_seconds: float | UnsetType = UNSET
    until: datetime | UnsetType = UNSET
    challenge: Challenge | UnsetType = UNSET


class ErrorAck(Struct, frozen=True):
    """`{"ok": false, "error": {…}}`"""

    error: ErrorBody
    ok: bool = False


class Problem(Struct, frozen=True, omit_defaults=True):
    """Problem details (RFC 9457) with our members: `code` and those of `ErrorBody`."""

    title: str
    status: int
    detail: str
    code: str
    type: str = "about:blank"
    field: str | UnsetType = UNSET
    limit: float | UnsetType = UNSET
    suggestion: str | UnsetType = UNSET
    retry_after_seconds: float | UnsetType = UNSET
    until: datetime | UnsetType = UNSET
    challenge: Challenge | UnsetType = UNSET


_encoder = msgspec.json.Encoder()
encode = _encoder.encode


def read_any(shapes: Any, data: Any) -> Any:
    """`data` (decoded JSON) as one of these shapes, told apart by their tag. Raises Invalid."""
    return read(shapes, data)


def read(shape: type[Shape], data: Any) -> Shape:
    """`data` (decoded JSON) as this shape. Raises Invalid with the `field` and what it wants."""
    try:
        return msgspec.convert(data, shape)
    except msgspec.ValidationError as fault:
        raise _invalid(fault) from None
    except (RecursionError, UnicodeError):  # nested too deep, half a surrogate pair
        raise Invalid from None


def read_json(shape: type[Shape], body: bytes) -> Shape:
    """JSON text as this shape. Raises Invalid."""
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as fault:
        raise _invalid(fault) from None
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise Invalid("The request body is not JSON.") from None


def read_json_any(shapes: Any, body: bytes) -> Any:
    """JSON text as one of these shapes, told apart by their tag. Raises Invalid."""
    return read_json(shapes, body)


def read_query(shape: type[Shape], query: dict[str, str]) -> Shape:
    """The parameters of a query string as this shape; numbers come as text. Raises Invalid."""
    try:
        return msgspec.convert(query, shape, strict=False)
    except msgspec.ValidationError as fault:
        raise _invalid(fault) from None
    except UnicodeError:
        raise Invalid from None


def room_answer(admission: Admission, token: str) -> RoomAnswer:
    """The answer to somebody who created or joined a room."""
    return RoomAnswer(admission.room, admission.me, token)


def welcome_message(welcome: Welcome, now: datetime) -> bytes:
    """The JSON of the `welcome` event."""
    message = WelcomeMessage(
        room=welcome.room,
        me=welcome.me,
        members=welcome.members,
        events=[Raw(data) for data in welcome.events],
        more=welcome.more,
        reset=welcome.reset,
        server_time=now,
    )
    return encode(message)


def room_summary(room: Room, members_here: int, *, is_open: bool) -> RoomSummary:
    """A room as somebody sees it who may or may not simply come in."""
    summary = RoomSummary(room.code, room.has_passcode, room.knock)
    if is_open:
        return replace(summary, topic=room.topic, members_here=members_here)
    return summary


def events_answer(history: History) -> EventsAnswer:
    """A stretch of the log for REST."""
    events = [Raw(data) for data in history.events]
    return EventsAnswer(events, history.members, history.more, history.reset)


def history_ack(history: History) -> HistoryAck:
    """A stretch of the log as an acknowledgement."""
    events = [Raw(data) for data in history.events]
    return HistoryAck(events, history.members, history.more, history.reset)


def as_json(message: Struct) -> Any:
    """A message as plain dicts and lists, for a template to write into its page."""
    return msgspec.json.decode(encode(message))


def posted_ack(appended: Appended) -> PostedAck:
    """A kept message as an acknowledgement."""
    return PostedAck(appended.seq)


def error_body(error: ChatError) -> ErrorBody:
    """A refusal as clients see it."""
    return ErrorBody(error.code, error.message, **error.data)


def problem(error: ChatError, status: int, title: str) -> Problem:
    """A refusal as problem details."""
    return Problem(title=title, status=status, detail=error.message, code=error.code, **error.data)


def _invalid(fault: msgspec.ValidationError) -> Invalid:
    # "Expected `str`, got `int` - at `$.text`" is how msgspec says it.
    sentence, _, path = str(fault).partition(" - at `$.")
    name = path.rstrip("`")
    if name:
        return Invalid(f"{name}: {sentence[:1].lower()}{sentence[1:]}.", field=name)
    missing = sentence.partition("missing required field `")[2].rstrip("`")
    if missing:
        return Invalid(f"{missing} is missing.", field=missing)
    return Invalid(f"{sentence.partition(' - at ')[0]}.")
