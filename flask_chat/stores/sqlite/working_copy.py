"""The rooms in memory, with a journal of each batch, so that it can be written or undone."""

from array import array
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import TypeVar

import msgspec

from flask_chat.domain.codes import Code
from flask_chat.domain.errors import ChatError
from flask_chat.domain.events import Event, HostChanged, MemberJoined, MessagePosted, RoomChanged
from flask_chat.domain.events import RoomEnded as RoomEndedEvent
from flask_chat.domain.limits import Limits
from flask_chat.domain.members import Member, MemberId
from flask_chat.domain.rooms import Room, RoomId, subjects_of
from flask_chat.stores.base import NO_CHANGES, Appended, NoteChanges, StoreError
from flask_chat.stores.memory.log import Entry, KeyOf, Log
from flask_chat.stores.memory.room import RoomState
from flask_chat.stores.memory.store import MemoryStore
from flask_chat.stores.sqlite.file import ChatFile

Key = TypeVar("Key")
Value = TypeVar("Value")


class Journal:
    """What has changed since it was begun."""

    def __init__(self) -> None:
        self.events: list[tuple[RoomId, int, bytes]] = []  # appended
        self.rooms: dict[RoomId, None] = {}  # made, changed, removed
        self.members: dict[tuple[RoomId, MemberId], None] = {}  # made, changed
        self.notes: dict[tuple[RoomId, str], None] = {}  # made, changed, removed
        self.rewritten: dict[tuple[RoomId, int], bytes] = {}  # events that are to be read otherwise
        self.codes: set[Code] = set()  # that lead elsewhere
        self.undo: list[Callable[[], object]] = []  # to be called backwards
        self.changed: set[RoomId] = set()  # rooms whose records these are, once closed
        self.grown: set[RoomId] = set()  # rooms whose logs these are

    def close(self) -> None:
        """Nothing more is added: name the rooms it is about."""
        self.changed = {*self.rooms, *(room_id for room_id, _ in (*self.members, *self.notes))}
        self.grown = self.changed | {room_id for room_id, _, _ in self.events}

    @property
    def mark(self) -> tuple[int, int]:
        """A point to take back to."""
        return len(self.events), len(self.undo)

    def take_back(self, mark: tuple[int, int] = (0, 0)) -> None:
        """Undo what has happened since; the records that are named then have not changed."""
        events, undo = mark
        while len(self.undo) > undo:
            self.undo.pop()()
        del self.events[events:]


class WorkingCopy(MemoryStore):
    """A memory store that keeps a journal of every change."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits, self._note)
        self.journal = Journal()

    def begin(self) -> Journal:
        """A fresh journal, for the changes from here on."""
        self.journal = Journal()
        return self.journal

    def state(self, room_id: RoomId) -> RoomState | None:
        """All there is of a room, None when it has been removed."""
        return self._rooms.get(room_id)

    def create_room(self, room: Room, host: Member, joined: MemberJoined, marks: str = "") -> None:
        journal = self.journal
        if room.code not in self._by_code and room.room_id not in self._rooms:
            journal.undo.append(partial(super().remove_room, room.room_id))
            journal.rooms[room.room_id] = None
            journal.codes.add(room.code)
        super().create_room(room, host, joined, marks)

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
        self._note_member(self._room(room_id), member.member_id)
        super().admit(room_id, member, joined, marks, notes=notes, version=version)

    def set_deadline(self, room_id: RoomId, at: float | None) -> None:
        before = self.deadline(room_id)
        if at != before:
            self.journal.undo.append(partial(super().set_deadline, room_id, before))
            self.journal.rooms[room_id] = None
            super().set_deadline(room_id, at)

    def remove_room(self, room_id: RoomId) -> None:
        room = self._rooms.get(room_id)
        if room is not None:
            self.journal.undo.append(partial(self._put_back_room, room))
            self.journal.rooms[room_id] = None
            self.journal.codes.add(room.record.code)
            super().remove_room(room_id)

    def _note(self, room_id: RoomId, seq: int, data: bytes) -> None:
        self.journal.events.append((room_id, seq, data))

    def _add(self, room: RoomState, event: Event, key: KeyOf | None = None) -> Appended:
        log = room.log
        if key is None:
            for subject in subjects_of(event):
                self._note_member(room, subject)
            if isinstance(event, RoomChanged | HostChanged | RoomEndedEvent):
                before = room.record, dict(room.spoke_at)
                self.journal.undo.append(partial(_restore_record, room, *before))
                self.journal.rooms[room.record.room_id] = None
        self.journal.undo.append(partial(self._take_back, log, log.last_seq + 1))
        return super()._add(room, event, key)

    def _note_member(self, room: RoomState, member_id: MemberId) -> None:
        before = room.members.get(member_id), room.names.get(member_id), room.here.get(member_id)
        marks = room.marks.get(member_id)
        self.journal.undo.append(partial(_restore_member, room, member_id, *before, marks))
        self.journal.members[room.record.room_id, member_id] = None

    def _take_turn(self, room: RoomState, event: MessagePosted) -> ChatError | None:
        if room.record.slow_mode_seconds and event.by is not None:
            who = room.speaker(event.by)
            before = room.spoke_at.get(who)
            self.journal.undo.append(partial(_restore, room.spoke_at, who, before))
        return super()._take_turn(room, event)

    def _set_notes(self, room: RoomState, changes: NoteChanges) -> None:
        before = {name: room.notes.get(name) for name in changes}
        self.journal.undo.append(partial(super()._set_notes, room, before))
        for name, note in changes.items():
            if note != before[name]:
                self.journal.notes[room.record.room_id, name] = None
        super()._set_notes(room, changes)

    def _rewrite(self, room: RoomState, seq: int, data: bytes) -> None:
        place = room.record.room_id, seq
        self.journal.undo.append(partial(self._rewrite_back, room, seq, room.log.at(seq)))
        self.journal.rewritten[place] = data
        super()._rewrite(room, seq, data)

    def _drop_oldest(self, log: Log) -> Entry:
        entry = super()._drop_oldest(log)
        self.journal.undo.append(partial(self._put_back, log, entry))
        return entry

    # Undoing

    def _take_back(self, log: Log, seq: int) -> None:
        if log.last_seq == seq:
            self._bytes -= log.take_back()

    def _put_back(self, log: Log, entry: Entry) -> None:
        log.put_back(entry)
        self._bytes += len(entry[0])

    def _rewrite_back(self, room: RoomState, seq: int, data: bytes) -> None:
        del self.journal.rewritten[room.record.room_id, seq]
        super()._rewrite(room, seq, data)

    def _put_back_room(self, room: RoomState) -> None:
        room_id = room.record.room_id
        self._rooms[room_id] = room
        self._by_code[room.record.code] = room_id
        self._bytes += room.log.bytes
        super().set_deadline(room_id, room.deadline)  # its place among the deadlines may be gone

    # Loading

    def load(self, file: ChatFile) -> tuple[dict[int, RoomState], "dict[int, array[int]]"]:
        """Take over everything in the file. The rooms, and the ids of their events, by number.

        Raises StoreError when it does not fit together.
        """
        rooms: dict[int, RoomState] = {}
        ids: dict[int, array[int]] = {}
        for row in file.rooms():
            room = rooms[row.number] = self._rooms[row.room_id] = RoomState(row.record)
            ids[row.number] = array("q")
            self._by_code[row.code] = row.room_id
            super().set_deadline(row.room_id, row.deadline)
        came: dict[int, list[tuple[int, MemberId]]] = {}
        for member in file.members():
            room = rooms[member.room]
            room.members[member.member_id] = member.record
            if member.marks:
                room.marks[member.member_id] = member.marks
            if member.is_member:
                room.claim_name(member.record)
            if member.came_with is not None:
                came.setdefault(member.room, []).append((member.came_with, member.member_id))
        for number, people in came.items():
            rooms[number].here = {member_id: seq for seq, member_id in sorted(people)}
        for note in file.notes():
            rooms[note.room].notes[note.name] = note.note
        for id_, number, seq, entry, is_last in _entries(file.events()):
            room = rooms[number]
            log = room.log
            if not len(log):
                log.last_seq = seq - 1
            if seq != log.last_seq + 1:
                raise StoreError(f"{file.path} is damaged (a hole in a log). Restore a backup.")
            log.push(entry)
            ids[number].append(id_)
            self._bytes += len(entry[0])
            room.has_ended = is_last
        if not all(len(room.log) for room in rooms.values()):
            raise StoreError(f"{file.path} is damaged (an empty log). Restore a backup.")
        return rooms, ids

    def trim(self) -> None:
        """Drop what is beyond the limits, which may have been others when it was written."""
        for room in self._rooms.values():
            self._trim(room.log)


def _restore_member(
    room: RoomState,
    member_id: MemberId,
    record: Member | None,
    names: frozenset[str] | None,
    came_with: int | None,
    marks: str | None,
) -> None:
    if room.names.get(member_id) != names:
        room.free_name(member_id)
        if names is not None:
            room.names[member_id] = names
            room.taken |= names
    _restore(room.members, member_id, record)
    _restore(room.marks, member_id, marks)
    if came_with is None:
        room.here.pop(member_id, None)
    elif room.here.get(member_id) != came_with:
        room.here[member_id] = came_with
        room.here = dict(sorted(room.here.items(), key=lambda each: each[1]))


def _restore_record(room: RoomState, record: Room, spoke_at: dict[str, datetime]) -> None:
    room.record = record
    room.spoke_at.update(spoke_at)
    room.has_ended = False  # nothing is appended to a log that has its last event


def _restore(values: dict[Key, Value], key: Key, value: Value | None) -> None:
    if value is None:
        values.pop(key, None)
    else:
        values[key] = value


class _Head(msgspec.Struct):
    kind: str
    by: MemberId | None = None
    key: str | None = None


def _entries(
    events: Iterator[tuple[int, int, int, bytes]],
) -> Iterator[tuple[int, int, int, Entry, bool]]:
    """Id, room, seq, what the log keeps, and whether it is the last event a room can have."""
    decode = msgspec.json.Decoder(_Head).decode
    posted, ended = _kind(MessagePosted), _kind(RoomEndedEvent)
    for id_, room, seq, data in events:
        head = decode(data)
        key = (head.by, head.key) if head.kind == posted and head.key is not None else None
        yield id_, room, seq, (data, key), head.kind == ended


def _kind(event: type[msgspec.Struct]) -> str:
    return str(event.__struct_config__.tag)
