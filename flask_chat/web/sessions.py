"""What this browser is: a member of some rooms, kept in the signed session cookie."""

from collections.abc import Iterator
from typing import Any

from flask import session

from flask_chat.chat import Ref
from flask_chat.domain.members import MemberId
from flask_chat.domain.rooms import RoomId

# A cookie holds 4 KB; a room takes about 70 bytes of it once signed.
_ROOMS_KEPT = 30


def remember(ref: Ref) -> None:
    """This browser is that member from now on, and was in that room last."""
    rooms = _rooms()
    rooms.pop(ref.room_id, None)
    rooms[ref.room_id] = ref.member_id
    session["rooms"] = list(rooms.items())[-_ROOMS_KEPT:]
    session.permanent = True


def forget(ref: Ref) -> None:
    """This browser is no longer that member."""
    rooms = _rooms()
    if rooms.pop(ref.room_id, None) is not None:
        session["rooms"] = list(rooms.items())


def ref_in(room_id: RoomId) -> Ref | None:
    """Who this browser is in the room, None when it is nobody there."""
    member_id = _rooms().get(room_id)
    return None if member_id is None else Ref(room_id, member_id)


def refs() -> Iterator[Ref]:
    """Who this browser is in all its rooms, the one it was in last first."""
    for room_id, member_id in reversed(list(_rooms().items())):
        yield Ref(room_id, member_id)


def _rooms() -> dict[RoomId, MemberId]:
    # The cookie is signed by us; a list of pairs keeps the order through JSON.
    pairs: list[Any] = session.get("rooms", [])
    return {RoomId(room_id): MemberId(member_id) for room_id, member_id in pairs}
