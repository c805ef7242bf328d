"""Who may do what to whom, and when a member may speak. `doors` next door says who may come in."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec import UNSET

from flask_chat.domain.errors import ChatError, Forbidden, Invalid, Muted, NotFound, SlowMode
from flask_chat.domain.events import (
    MemberChanged,
    MemberRemoved,
    MessageRemoved,
    RoomChanged,
    RoomEnded,
)
from flask_chat.domain.members import NO_END, Member, MemberId, is_moderator, is_muted
from flask_chat.domain.names import clean_line
from flask_chat.domain.rooms import Room

# What moderators bring about. A `host_changed` goes by who is the host when it gets its number.
Act = RoomChanged | MemberChanged | MemberRemoved | MessageRemoved | RoomEnded

TOPIC_CHARACTERS = 120
SLOW_MODE_LIMIT_SECONDS = 3600


def check_moderator(actor: Member) -> None:
    """Raises Forbidden unless this is the host or a co-host."""
    if not is_moderator(actor):
        raise not_moderator()


def check_host(actor: Member) -> None:
    """Raises Forbidden unless this is the host."""
    if actor.role != "host":
        raise Forbidden


def check_over(actor: Member, target: Member) -> None:
    """Raises Forbidden unless the actor may mute or send away this person."""
    check_moderator(actor)
    if actor.member_id == target.member_id:
        raise over_oneself()
    if is_moderator(target) and actor.role != "host":
        raise over_moderator()


def check_role(actor: Member, target: Member) -> None:
    """Raises Forbidden unless the actor may make this person a co-host or a guest."""
    check_host(actor)
    if target.role == "host":
        raise role_of_host()


def is_over(actor: Member, target: Member) -> bool:
    """Whether `check_over` has nothing against it."""
    try:
        check_over(actor, target)
    except Forbidden:
        return False
    return True


def refused_to_act(event: Act, actor: Member, target: Member | None) -> ChatError | None:
    """Why the actor may not bring this about; None when they may.

    `target` is whom it is about, or who wrote the message; None for nobody.
    """
    try:
        _check_act(event, actor, target)
    except Forbidden as refusal:
        return refusal
    return None


def clean_topic(typed: str) -> str:
    """The topic as it will be shown: one line, trimmed. Raises Invalid."""
    topic = clean_line(typed)
    if topic is None:
        raise Invalid("This topic holds characters that cannot be seen.", field="topic")
    if len(topic) > TOPIC_CHARACTERS:
        raise Invalid(
            f"A topic has at most {TOPIC_CHARACTERS} characters.",
            field="topic",
            limit=TOPIC_CHARACTERS,
        )
    return topic


def refused_to_speak(
    room: Room, member: Member, spoke_at: datetime | None, at: datetime
) -> ChatError | None:
    """Why this member may not post a message now; None when they may.

    `spoke_at` is when they did last, as far as that is known. Moderators are not slowed down.
    """
    if is_muted(member, at):
        assert member.muted_until is not UNSET
        return muted(member.muted_until, at)
    if room.slow_mode_seconds and spoke_at is not None and not is_moderator(member):
        return slowed(room.slow_mode_seconds, (at - spoke_at).total_seconds())
    return None


def muted(until: datetime, at: datetime) -> Muted:
    """The refusal of somebody who is muted until then."""
    if until == NO_END:
        return Muted(until=until)
    wait = max(1.0, (until - at).total_seconds())
    return Muted(
        f"The host has muted you for another {in_words(wait)}.",
        until=until,
        retry_after_seconds=round(wait, 1),
    )


def slowed(seconds: int, since: float) -> SlowMode | None:
    """The refusal of somebody who spoke so many seconds ago; None when that is long enough."""
    wait = min(seconds, seconds - since)  # a clock that was set back makes nobody wait longer
    if wait <= 0:
        return None
    return SlowMode(
        f"This room is in slow mode: one message every {in_words(seconds)}.",
        limit=seconds,
        retry_after_seconds=round(wait + 0.05, 1),
    )


def not_moderator() -> Forbidden:
    """The refusal of a guest who wants to keep order."""
    return Forbidden("Only the host and co-hosts of this room may do that.")


def over_oneself() -> Forbidden:
    """The refusal of who turns on themselves."""
    return Forbidden("You cannot do that to yourself.")


def over_moderator() -> Forbidden:
    """The refusal of a co-host who turns on another moderator."""
    return Forbidden("Only the host may do that to another co-host.")


def role_of_host() -> Forbidden:
    """The refusal of a host who wants another role."""
    return Forbidden("The host hands the room over instead.")


def no_such_person() -> NotFound:
    """The refusal of what is about somebody who is no member."""
    return NotFound("There is no such person in this room.", field="member_id")


def no_such_message() -> NotFound:
    """The refusal of what is about no message, or one that is not kept any more."""
    return NotFound("There is no such message any more.", field="target")


def lasting(seconds: int, at: datetime) -> datetime:
    """The end of something that lasts so long from then on; 0 for no end."""
    return at + timedelta(seconds=seconds) if seconds else NO_END


def successor(here: Iterable[Member], at: datetime) -> MemberId | None:
    """Who takes over a room whose host is gone, of those here in the order they came.

    A co-host before the others, and somebody muted only if there is nobody else.
    """
    people = list(here)
    for fits in (is_moderator, lambda member: not is_muted(member, at), lambda _: True):
        if found := next(filter(fits, people), None):
            return found.member_id
    return None


def in_words(seconds: float) -> str:
    """A time as people say it: "3 seconds", "2 minutes", "5 hours", "3 days"."""
    for unit, name in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 1.5 * unit:
            return f"{round(seconds / unit)} {name}"
    whole = max(1, round(seconds))
    return "1 second" if whole == 1 else f"{whole} seconds"


def _check_act(event: Act, actor: Member, target: Member | None) -> None:
    match event:
        case MessageRemoved() if target is None or target.member_id == actor.member_id:
            return  # one's own, or none, which a store says by itself
        case RoomEnded():
            check_host(actor)
        case MemberChanged() if event.role is not None and target is not None:
            check_role(actor, target)
        case MemberChanged() | MemberRemoved() if target is not None:
            check_over(actor, target)
        case _:
            check_moderator(actor)
