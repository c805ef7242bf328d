"""What moderators have changed, in the words of static/js/changes.js, before any script runs.

The script knows the reader's time zone, so here times are said in UTC.
"""

import re
from collections.abc import Callable
from datetime import datetime

from flask_chat.domain.events import (
    Event,
    HostChanged,
    MemberChanged,
    MemberRemoved,
    RoomChanged,
)
from flask_chat.domain.members import NO_END, MemberId
from flask_chat.domain.rooms import changed_fields

NameOf = Callable[[MemberId], str]  # "You" for whoever reads
_RIGHT_TO_LEFT = re.compile(
    r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
# Words of the sentences below; static/js/lib/text.js has the same.
_OUR_WORDS = re.compile(
    r"\b(and|are|banned|came|changed|host|is|joined|left|let|lifted|locked|made|muted|opened"
    r"|others?|removed|renewed|set|slow|took|turned|was|went|were)\b",
    re.IGNORECASE,
)
_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def sentences(event: Event, name_of: NameOf) -> list[str]:
    """One sentence for each thing the event changes; none for an event of another kind."""
    who = name_of(event.by) if event.by else "The host"
    match event:
        case RoomChanged():
            return [_about_room(who, *change) for change in changed_fields(event).items()]
        case MemberChanged():
            return _about_member(who, event, name_of(event.member_id))
        case HostChanged():
            whom = name_of(event.member_id)
            return [f"{whom} {'are' if whom == 'You' else 'is'} the host now"]
        case MemberRemoved():
            whom = name_of(event.member_id)
            done = "removed" if event.until is None else f"banned{_ending(event.until, event.at)}"
            return [f"{whom} {'were' if whom == 'You' else 'was'} {done}"]
    return []


def isolated(text: str) -> str:
    """What somebody wrote, to stand in a sentence of ours: it turns nothing around it (UAX #9)."""
    return f"\u2068{text}\u2069" if _RIGHT_TO_LEFT.search(text) else text


def named(name: str) -> str:
    """A name in a sentence of ours: one that reads like such a sentence itself stands in quotes."""
    return f"“{isolated(name)}”" if _OUR_WORDS.search(name) else isolated(name)


def _about_room(who: str, what: str, value: str | bool | int) -> str:
    match what, value:
        case "topic", "":
            return f"{who} took the topic away"
        case "topic", topic:
            return f"{who} changed the topic to “{isolated(str(topic))}”"
        case "locked", is_locked:
            return f"{who} locked the room" if is_locked else f"{who} opened the room again"
        case "knock", True:
            return f"{who} turned knocking on: newcomers wait to be let in"
        case "knock", _:
            return f"{who} turned knocking off"
        case "has_passcode", has_passcode:
            return f"{who} set a passcode" if has_passcode else f"{who} lifted the passcode"
        case "slow_mode_seconds", 0:
            return "Slow mode is off"
        case "slow_mode_seconds", seconds:
            return f"Slow mode: one message every {_every(int(seconds))}"
    return f"{who} renewed the invite link"


def _about_member(who: str, event: MemberChanged, name: str) -> list[str]:
    whom = "you" if name == "You" else name
    said = []
    if event.role == "cohost":
        said.append(f"{who} made {whom} a co-host")
    elif event.role == "guest":
        said.append(f"{name} {'are' if name == 'You' else 'is'} no longer a co-host")
    if isinstance(event.muted_until, datetime):
        said.append(f"{who} muted {whom}{_ending(event.muted_until, event.at)}")
    elif event.muted_until is None:
        said.append(f"{who} let {whom} write again")
    return said


def _ending(until: datetime, at: datetime) -> str:
    """ " until 21:40 UTC", with the day when it is another; nothing for what has no end."""
    if until == NO_END:
        return ""
    day = "" if until.date() == at.date() else f"{until.day} {until:%B} at "
    return f" until {day}{until:%H:%M} UTC"


def _every(seconds: int) -> str:
    """ "10 seconds", and "minute" for one, as in "one message every minute"."""
    unit, name = next((unit, name) for unit, name in _UNITS if seconds % unit == 0)
    count = seconds // unit
    return name if count == 1 else f"{count} {name}s"
