"""The notes of rooms (`domain.doors`), as a store keeps them."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from flask_chat.domain.doors import Ban, Knock, Mute, Notes, as_note
from flask_chat.domain.events import moment
from flask_chat.domain.members import MemberId
from flask_chat.domain.rooms import Room, RoomId
from flask_chat.stores.base import NoteChanges, Store


class Look(NamedTuple):
    """What decides who may come into a room, at one moment."""

    room: Room
    notes: Notes
    version: int  # of the door: see `stores.base.Door`


class Notebook:
    """Reads and changes notes. `clock` gives UTC seconds. Raises RoomEnded and Unavailable."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    def now(self) -> datetime:
        """The time that notes carry."""
        return moment(self._clock())

    def read(self, room_id: RoomId) -> Notes:
        """All that is noted with a room and holds now."""
        return self.look(room_id).notes

    def look(self, room_id: RoomId) -> Look:
        """The room and all that is noted with it, at one moment."""
        door = self._store.door(room_id)
        return Look(door.room, Notes(door.notes, self.now()), door.version)

    def change(self, room_id: RoomId, changes: NoteChanges, by: MemberId | None = None) -> None:
        """Change all of these, or none. Raises Forbidden unless `by` is a moderator, or nobody."""
        if changes:
            self._store.set_notes(room_id, changes, by)


def noted(*abouts: Ban | Knock | Mute) -> dict[str, str | None]:
    """The change that notes these, each in place of what it was before."""
    return {about.note: as_note(about) for about in abouts}
