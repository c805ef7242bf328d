"""Rooms and their codes, which are in different slots and may be on different nodes.

A room is made in steps, and a server may die between any two of them. So a code is claimed for half
a minute first, the room is put on the list of rooms, then made, and then the code is its own. What
is left of a room half made is forgotten by itself (the code) or found by looking at the list.
A room is removed the other way round: the code, the room, its place on the list.
"""

import contextlib
import time

from flask_chat.domain.codes import Code
from flask_chat.domain.errors import CodeTaken, ServerFull, Unavailable
from flask_chat.domain.limits import Limits
from flask_chat.domain.members import Member
from flask_chat.domain.rooms import Room, RoomId
from flask_chat.redis_link.link import Library, Link
from flask_chat.stores.redis import records
from flask_chat.stores.redis.records import Keys

_CLAIM_SECONDS = 30
_LOOK_AFTER_SECONDS = 60


class Creator:
    """Makes and removes rooms."""

    def __init__(self, link: Link, library: Library, limits: Limits) -> None:
        self._link = link
        self._name = library.name
        self._limits = limits
        self._keys = Keys(link.prefix)

    def create(self, room: Room, host: Member, marks: str, body: bytes) -> None:
        """Make the room with its first member. Raises CodeTaken or ServerFull."""
        self._claim(room.code, room.room_id)
        try:
            self._enlist(room.room_id)
            key = self._keys.room(room.room_id)
            words = (*records.room_to_words(room), *records.member_to_words(host, marks))
            self._link.call(self._name("create"), key, *words, body)
            if not self._link.call(self._name("keep"), self._keys.code(room.code), room.room_id):
                raise CodeTaken(field="code")  # all of this has taken longer than the claim holds
        except Exception:
            with contextlib.suppress(Unavailable):
                self.remove(room.room_id, room.code)
            raise

    def remove(self, room_id: RoomId, code: Code) -> int:
        """Wipe the room and free its code; how many bytes that frees."""
        self._link.call(self._name("release"), self._keys.code(code), room_id)
        freed: int = self._link.call(self._name("wipe"), self._keys.room(room_id))
        self._link.ask(self._keys.rooms, "ZREM", self._keys.rooms, room_id).get()
        return freed

    def _claim(self, code: Code, room_id: RoomId) -> None:
        stale = ""
        for _ in range(2):
            owner, expires_in = self._link.call(
                self._name("claim"), self._keys.code(code), room_id, _CLAIM_SECONDS, stale
            )
            stale = owner.decode()
            if stale == room_id:
                return
            # A code that is kept and leads nowhere is left of a Redis that has lost the newest.
            if expires_in >= 0 or self._exists(RoomId(stale)):
                break
        raise CodeTaken(field="code")

    def _enlist(self, room_id: RoomId) -> None:
        most = records.limit(self._limits.rooms)
        look_at = repr(time.time() + _LOOK_AFTER_SECONDS)
        if not self._link.call(self._name("enlist"), self._keys.rooms, room_id, most, look_at):
            raise ServerFull

    def _exists(self, room_id: RoomId) -> bool:
        key = self._keys.room(room_id)
        return bool(self._link.ask(key, "EXISTS", key).get())
