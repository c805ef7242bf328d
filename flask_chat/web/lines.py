"""The newest history as the room page draws it before any script runs."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from flask_chat.chat import History
from flask_chat.domain.events import (
    Event,
    MemberJoined,
    MemberLeft,
    MemberRenamed,
    MessagePosted,
    decode_event,
)
from flask_chat.domain.members import Member, MemberId
from flask_chat.domain.rooms import MessageView, fold
from flask_chat.web.changes import NameOf, named, sentences

_GROUP = timedelta(minutes=5)  # messages of one person this close together are one group

Line = dict[str, Any]  # what `_message.html` reads; the keys are named there


def history_lines(history: History, me: MemberId) -> list[Line]:
    """One line for each event that shows, oldest first."""
    events = [decode_event(data) for data in history.events]
    joined = [event.member for event in events if isinstance(event, MemberJoined)]
    people = {member.member_id: member for member in joined}
    people |= {member.member_id: member for member in history.members}
    view = fold(events)

    def name_of(member_id: MemberId) -> str:
        if member_id == me:
            return "You"
        return named(people[member_id].name) if member_id in people else "Somebody"

    lines: list[Line] = []
    for event in events:
        if isinstance(event, MessagePosted):
            lines.append(_message(event, view.messages[event.seq], people, me, lines))
        lines += [
            {"type": "presence", "seq": event.seq, "at": iso(event.at), "text": text}
            for text in _quiet(event, name_of)
        ]
    return lines


def iso(at: datetime) -> str:
    """A time as the wire and `<time datetime>` write it: ISO 8601, UTC, milliseconds."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message(
    event: MessagePosted,
    now: MessageView,
    people: dict[MemberId, Member],
    me: MemberId,
    before: Sequence[Line],
) -> Line:
    last = before[-1] if before and before[-1]["type"] == "message" else None
    is_first = not last or last["by"] != event.by or event.at - last["moment"] > _GROUP
    return {
        "type": "message",
        "seq": event.seq,
        "moment": event.at,
        "at": iso(event.at),
        "at_text": f"{event.at:%H:%M} UTC",  # the script knows the reader's time zone
        "by": event.by,
        "author": people.get(event.by) if event.by else None,
        "mine": event.by == me,
        "first": is_first,
        "text": now.text,
        "edited": now.edited,
        "removed": now.removed,
    }


def _quiet(event: Event, name_of: NameOf) -> list[str]:
    match event:
        case MemberJoined():
            return [f"{name_of(event.member.member_id)} joined"]
        case MemberLeft():
            return [f"{name_of(event.member_id)} left"]
        case MemberRenamed():
            return [f"Somebody is called {named(event.name)} now"]
    return sentences(event, name_of)
