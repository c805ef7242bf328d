"""What this browser is: a member of some rooms, kept in the signed session cookie."""

from collections.abc import Iterator
from secrets import token_urlsafe
from typing import NamedTuple

from flask import session

from flask_chat.domain.codes import Code
from flask_chat.domain.members import MemberId
from flask_chat.domain.rooms import Ref, RoomId

# A cookie holds 4 KB; a room takes about 80 bytes of it once signed.
_ROOMS_KEPT = 30
_KNOCKS_KEPT = 5


class Knocking(NamedTuple):
    """This browser waits at the door of a room."""

    room_id: RoomId
    code: Code
    name: str
    ticket: str


def browser() -> str:
    """What this browser is called, from the first answer to it on; it says nothing of anybody."""
    name = session.get("browser")
    if not isinstance(name, str):
        name = session["browser"] = token_urlsafe(12)
    return name


def known_browser() -> str:
    """What the cookie that came along calls this browser; "" when none came."""
    name = session.get("browser")
    return name if isinstance(name, str) else ""


def remember(ref: Ref, code: Code) -> None:
    """This browser is that member from now on, and was in that room last."""
    rooms = {room_id: (room_id, *rest) for room_id, *rest in session.get("rooms", [])}
    rooms.pop(ref.room_id, None)
    rooms[ref.room_id] = (ref.room_id, ref.member_id, code)
    session["rooms"] = list(rooms.values())[-_ROOMS_KEPT:]
    session.permanent = True


def forget(ref: Ref) -> None:
    """This browser is no longer that member."""
    kept = [room for room in session.get("rooms", []) if room[0] != ref.room_id]
    if len(kept) < len(session.get("rooms", [])):
        session["rooms"] = kept


def refs(code: str | None = None) -> Iterator[Ref]:
    """Who this browser is in all its rooms, or in those with this code, the last one first."""
    # The cookie is signed by us; a list keeps the order through JSON.
    for room_id, member_id, its_code in reversed(session.get("rooms", [])):
        if code is None or its_code == code:
            yield Ref(RoomId(room_id), MemberId(member_id))


def knock(knocking: Knocking) -> None:
    """This browser waits at that door from now on, and at no other place of it."""
    others = [each for each in session.get("knocks", []) if each[0] != knocking.room_id]
    session["knocks"] = [*others, list(knocking)][-_KNOCKS_KEPT:]


def knocking(code: str) -> Knocking | None:
    """Where this browser waits behind this code, the newest first."""
    found = (Knocking(*each) for each in reversed(session.get("knocks", [])))
    return next((each for each in found if each.code == code), None)


def stop_knocking(room_id: RoomId) -> None:
    """This browser does not wait there any more."""
    kept = [each for each in session.get("knocks", []) if each[0] != room_id]
    if len(kept) < len(session.get("knocks", [])):
        session["knocks"] = kept
