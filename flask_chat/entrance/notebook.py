"""The notes of rooms (`domain.doors`), as a store keeps them."""

from collections.abc import Callable, Iterable
from datetime import datetime

from flask_chat.domain.doors import Ban, Knock, Mute, Notes, as_note
from flask_chat.domain.events import moment
from flask_chat.domain.rooms import RoomId
from flask_chat.stores.base import Store


class Notebook:
    """Reads and writes notes. `clock` gives UTC seconds. Raises RoomEnded and Unavailable."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    def now(self) -> datetime:
        """The time that notes carry."""
        return moment(self._clock())

    def read(self, room_id: RoomId) -> Notes:
        """All that is noted with a room and holds now."""
        return Notes(self._store.notes(room_id), self.now())

    def write(self, room_id: RoomId, about: Ban | Knock | Mute) -> None:
        """Note this, in place of what it was before."""
        self.put(room_id, about.note, as_note(about))

    def put(self, room_id: RoomId, name: str, note: str) -> None:
        """Note something under a name of its own."""
        self._store.set_note(room_id, name, note)

    def drop(self, room_id: RoomId, names: Iterable[str]) -> None:
        """Forget what is noted under these names."""
        for name in names:
            self._store.set_note(room_id, name, None)
