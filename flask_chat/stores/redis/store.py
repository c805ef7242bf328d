"""The store over Redis: one server, a master watched by Sentinels, or a cluster; Valkey as well.

Everything is in Redis and nothing is kept here, so any number of servers can share it. Each method
is one call of a function in rooms/, but for those about a code or the list of rooms, which have
slots of their own.
"""

import math
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from gevent.event import AsyncResult

from flask_chat.domain.codes import Code
from flask_chat.domain.errors import ChatError, RoomEnded
from flask_chat.domain.events import MemberJoined, encode_event, numbered
from flask_chat.domain.limits import Limits
from flask_chat.domain.members import Member, MemberId
from flask_chat.domain.rooms import Room, RoomId
from flask_chat.redis_link.link import Library, Link, RedisFault
from flask_chat.redis_link.wire import Word
from flask_chat.stores.base import (
    NO_CHANGES,
    Append,
    Appended,
    Door,
    DoorChanged,
    NoteChanges,
    Page,
    Publish,
    Snapshot,
    StoreError,
)
from flask_chat.stores.redis import records
from flask_chat.stores.redis.appending import Appender
from flask_chat.stores.redis.creating import Creator
from flask_chat.stores.redis.records import Keys
from flask_chat.stores.redis.weight import Weight

_PARTS = ("keys", "people", "log", "rules", "events", "coming", "keeping", "reading", "codes")
LIBRARY = Library("rooms", (Path(__file__).parent / "rooms" / f"{part}.lua" for part in _PARTS))

# Rooms whose time has come are looked at so many at once.
_DUE_AT_ONCE = 200
_FAR_AWAY = 1e15  # a time for Redis, which has no room for Python's infinity in this place

# Bring those who listen here to the end of a page; False when they are further already.
Meet = Callable[[RoomId, Page], bool]


class RedisStore:
    """The contract of `stores.base` in Redis."""

    may_block = True

    def __init__(
        self,
        link: Link,
        limits: Limits,
        publish: Publish,
        meet: Meet = lambda room_id, page: True,
    ) -> None:
        """Raises StoreError when this Redis cannot be used; one that is away may come."""
        self._link = link
        self._limits = limits
        self._publish = publish
        self._meet = meet
        self._keys = Keys(link.prefix)
        link.add(LIBRARY)
        self._weight = Weight(link, LIBRARY, limits)
        self._creator = Creator(link, LIBRARY, limits)
        self._appender = Appender(link, LIBRARY, limits, publish, self._weight)
        try:
            link.check()
        except RedisFault as fault:
            raise StoreError(str(fault)) from None

    # Rooms and codes

    def create_room(self, room: Room, host: Member, joined: MemberJoined, marks: str = "") -> None:
        body = encode_event(joined)
        self._creator.create(room, host, marks, body)
        self._grown(room.room_id, len(body) + len('"seq":1,'))
        self._publish(room.room_id, 1, numbered(body, 1))

    def find_room(self, code: Code) -> Room | None:
        key = self._keys.code(code)
        room_id = self._link.ask(key, "GET", key).get()
        try:
            return None if room_id is None else self.room(RoomId(room_id.decode()))
        except RoomEnded:
            return None

    def room(self, room_id: RoomId) -> Room:
        return records.room_from(self._fields(room_id, *records.ROOM_FIELDS))

    def room_ids(self) -> list[RoomId]:
        found = self._link.ask(self._keys.rooms, "ZRANGE", self._keys.rooms, 0, -1).get()
        return [RoomId(room_id.decode()) for room_id in found]

    def remove_room(self, room_id: RoomId) -> None:
        try:
            code = self.room(room_id).code
        except RoomEnded:
            self._link.ask(self._keys.rooms, "ZREM", self._keys.rooms, room_id).get()
            return
        self._grown(room_id, -self._creator.remove(room_id, code))

    # Members

    def admit(
        self,
        room_id: RoomId,
        member: Member,
        joined: MemberJoined,
        marks: str = "",
        *,
        notes: NoteChanges = NO_CHANGES,
        version: int | None = None,
    ) -> None:
        body = encode_event(joined)
        words = (
            "" if version is None else version,
            *records.places(self._limits),
            *records.member_to_words(member, marks),
            body,
            *records.notes_to_words(notes),
        )
        change, seq = self._call("admit", room_id, *self._appender.bounds, *words)
        if seq:
            self._grown(room_id, change)
            self._publish(room_id, seq, numbered(body, seq))

    def member(self, room_id: RoomId, member_id: MemberId) -> Member | None:
        found = self._call("member", room_id, member_id)
        return records.member_from(member_id, found[0], here=bool(found[1])) if found else None

    def members(self, room_id: RoomId, also: Collection[MemberId] = ()) -> list[Member]:
        return records.people_from(self._call("members", room_id, *dict.fromkeys(also)))

    def marks(self, room_id: RoomId, member_id: MemberId) -> str:
        _, marks = self._fields(room_id, "record", f"a:{member_id}")
        return (marks or b"").decode()

    def twins(self, room_id: RoomId, member_id: MemberId) -> list[Member]:
        return records.people_from(self._call("twins", room_id, member_id))

    def names(self, room_id: RoomId) -> list[str]:
        return records.names_from(self._call("names", room_id))

    def count_here(self, room_id: RoomId) -> int:
        return len(self._call("members", room_id))

    # The log

    def append(self, appends: Sequence[Append]) -> list[Appended | ChatError]:
        done: AsyncResult[list[Appended | ChatError]] = AsyncResult()
        self._appender.append_soon(appends, done.set)
        answers = done.get()
        assert answers is not None
        return answers

    def append_soon(
        self, appends: Sequence[Append], then: Callable[[list[Appended | ChatError]], None]
    ) -> None:
        self._appender.append_soon(appends, then)

    def read_after(self, room_id: RoomId, after: int, limit: int) -> Page:
        page = records.page_from(self._call("after", room_id, after, limit))
        return page._replace(start=max(after + 1, page.first_seq))  # Lua's numbers are floats

    def read_before(self, room_id: RoomId, before: int | None, limit: int) -> Page:
        before = 2**53 if before is None else before
        return records.page_from(self._call("before", room_id, before, limit))

    def snapshot(self, room_id: RoomId, after: int | None, *, newest: int, most: int) -> Snapshot:
        while True:
            words = (-1 if after is None else after, newest, most, *records.ROOM_FIELDS)
            room, found, people, is_complete = self._call("snapshot", room_id, *words)
            page = records.page_from(found)
            if self._meet(room_id, page):
                members = records.people_from(people)
                return Snapshot(records.room_from(room), page, members, bool(is_complete))

    # Notes

    def door(self, room_id: RoomId) -> Door:
        room, noted, version = self._call("door", room_id, *records.ROOM_FIELDS)
        words = [word.decode() for word in noted]
        notes = dict(zip(words[::2], words[1::2], strict=True))
        return Door(records.room_from(room), notes, version)

    def set_notes(self, room_id: RoomId, changes: NoteChanges, by: MemberId | None = None) -> None:
        self._call("note", room_id, by or "", *records.notes_to_words(changes))

    def note_loss(self, room_id: RoomId, after: int, to: int) -> None:
        """Events with these numbers were shown to people and are lost: let nobody go on from them.

        Raises Unavailable, or RoomEnded.
        """
        self._call("lost", room_id, after, to)

    # Deadlines

    def deadline(self, room_id: RoomId) -> float | None:
        _, at = self._fields(room_id, "record", "deadline")
        return float(at) if at else None

    def set_deadline(self, room_id: RoomId, at: float | None) -> None:
        if at is not None:  # on the list first, so that it is never overlooked
            self._appender.will_end(room_id, at).get()
        self._call("end_by", room_id, "" if at is None else repr(float(at)))

    def due(self, now: float) -> list[RoomId]:
        rooms, until = self._keys.rooms, repr(min(now, _FAR_AWAY))
        found = self._link.ask(
            rooms, "ZRANGE", rooms, "-inf", until, "BYSCORE", "LIMIT", 0, _DUE_AT_ONCE, "WITHSCORES"
        ).get()
        seen = list(zip(found[::2], map(float, found[1::2]), strict=True))
        keys = [self._keys.room(RoomId(room_id.decode())) for room_id, _ in seen]
        asked = [self._link.ask(key, "HMGET", key, "record", "deadline") for key in keys]
        due: list[tuple[float, RoomId]] = []
        for (room_id, look_at), question in zip(seen, asked, strict=True):
            record, at = question.get()
            if record and at and float(at) <= now:
                due.append((float(at), RoomId(room_id.decode())))
            else:
                next_look = "" if record is None else repr(float(at or math.inf))
                name = LIBRARY.name("looked")
                self._link.call(name, rooms, room_id, repr(look_at), next_look)
        return [room_id for _, room_id in sorted(due)]

    def kept_secret(self, fresh: str) -> str:
        """The secret key that all servers have, which is `fresh` when there has been none.

        Raises StoreError when Redis cannot be asked.
        """
        key = self._keys.secret
        try:
            kept = self._link.ask(key, "SET", key, fresh, "NX", "GET").get()
        except ChatError:
            raise StoreError("Redis is out of reach, and the secret key is kept there.") from None
        return fresh if kept is None else kept.decode()

    def close(self) -> None:
        self._link.close()

    # Helpers

    def _call(self, function: str, room_id: RoomId, *words: Word) -> Any:
        reply = self._link.call(LIBRARY.name(function), self._keys.room(room_id), *words)
        if reply == b"door_changed":
            raise DoorChanged
        if isinstance(reply, bytes):
            raise records.refusal(reply, self._limits)
        return reply

    def _fields(self, room_id: RoomId, *names: str) -> list[bytes | None]:
        """Fields of a room's hash, of which the first is always there."""
        key = self._keys.room(room_id)
        found: list[bytes | None] = self._link.ask(key, "HMGET", key, *names).get()
        if found[0] is None:
            raise RoomEnded
        return found

    def _grown(self, room_id: RoomId, change: int) -> None:
        """Count bytes; when there are too many, wait until this room has paid."""
        done: AsyncResult[None] = AsyncResult()
        self._weight.add(room_id, change, lambda: done.set(None))
        done.get()
