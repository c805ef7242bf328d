"""Who may do what to whom, and when a member may speak. `doors` next door says who may come in."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec import UNSET

from flask_chat.domain.errors import ChatError, Forbidden, Invalid, Muted, NotFound, SlowMode
from flask_chat.domain.members import NO_END, Member, MemberId, is_moderator, is_muted
from flask_chat.domain.names import clean_line
from flask_chat.domain.rooms import Room

TOPIC_CHARACTERS = 120
SLOW_MODE_LIMIT_SECONDS = 3600


def check_moderator(actor: Member) -> None:
    """Raises Forbidden unless this is the host or a co-host."""
    if not is_moderator(actor):
        raise Forbidden("Only the host and co-hosts of this room may do that.")


def check_host(actor: Member) -> None:
    """Raises Forbidden unless this is the host."""
    if actor.role != "host":
        raise Forbidden


def check_over(actor: Member, target: Member) -> None:
    """Raises Forbidden unless the actor may mute or send away this person."""
    check_moderator(actor)
    if actor.member_id == target.member_id:
        raise Forbidden("You cannot do that to yourself.")
    if is_moderator(target) and actor.role != "host":
        raise Forbidden("Only the host may do that to another co-host.")


def is_over(actor: Member, target: Member) -> bool:
    """Whether `check_over` has nothing against it."""
    try:
        check_over(actor, target)
    except Forbidden:
        return False
    return True


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
