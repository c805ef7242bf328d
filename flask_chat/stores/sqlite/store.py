"""The store over one SQLite file, for one server: the rooms in memory, every change on the disk.

One greenlet, the committer, takes all the changes that wait, makes them in the working copy, writes
them in one transaction in a thread, and only then tells the room and those who wait (group commit).
Meanwhile the next batch gathers, so the slower the disk, the larger the batches. When the disk
refuses, the batch is taken back: it was never seen by anybody.
"""

import os
import sqlite3
import sys
import time
from array import array
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import gevent
import structlog
from gevent.event import Event
from gevent.threadpool import ThreadPool

from flask_chat.domain.codes import Code
from flask_chat.domain.errors import ChatError, Internal, Unavailable
from flask_chat.domain.events import MemberJoined
from flask_chat.domain.limits import Limits
from flask_chat.domain.members import Member, MemberId
from flask_chat.domain.rooms import Room, RoomId
from flask_chat.stores.base import (
    NO_CHANGES,
    Append,
    Appended,
    Door,
    NoteChanges,
    Page,
    Publish,
    Snapshot,
    StoreError,
)
from flask_chat.stores.sqlite.file import Changes, ChatFile, MemberRow, NoteRow, RoomRow
from flask_chat.stores.sqlite.pause import Pause
from flask_chat.stores.sqlite.working_copy import Journal, WorkingCopy

log = structlog.get_logger(__name__)

Answer = TypeVar("Answer")

_BATCH_LIMIT = 1000  # changes; more wait for the next batch
_WAITING_LIMIT = 20_000  # changes; more are refused
# After a fault, everything is refused for this long before the file is tried again.
_REST_SECONDS = 1.0
# Events that a log has dropped are deleted from the file so many at a time.
_DELETED_AT_ONCE = 64
# How soon the committing thread may have Python's lock back while the event loop is busy. With the
# usual 5 ms it may wait for seconds: the loop lets go and takes back more often than that.
_SWITCH_SECONDS = 0.0005


class _Filed:
    """What the file has of a room: its number there, and its events."""

    __slots__ = ("first_seq", "ids", "number")

    def __init__(self, number: int, first_seq: int, ids: "array[int]") -> None:
        self.number = number
        self.first_seq = first_seq
        self.ids = ids  # the first is that of `first_seq`

    def id_of(self, seq: int) -> int:
        """The id of an event in the file."""
        return self.ids[seq - self.first_seq]

    def before(self, seq: int) -> list[int]:
        """The ids of the events in the file that come before this one."""
        return self.ids[: seq - self.first_seq].tolist()

    def drop(self, count: int) -> None:
        """So many of the oldest are no longer in the file."""
        del self.ids[:count]
        self.first_seq += count


class _Plan(NamedTuple):
    """A transaction, and what the file has once it is committed."""

    changes: Changes
    filed: dict[RoomId, _Filed]  # the rooms it is about, but for removed ones
    drops: dict[RoomId, int]  # how many of a room's oldest events it deletes


class _Change:
    """Something that somebody wants done. `finish` is called when it is on the disk, or refused."""

    __slots__ = ("_act", "_args", "error", "finish", "value")

    def __init__(
        self, act: Callable[..., Any], args: tuple[Any, ...], finish: "Callable[[_Change], object]"
    ) -> None:
        self._act = act
        self._args = args
        self.finish = finish
        self.value: Any = None
        self.error: BaseException | None = None

    def make(self, journal: Journal) -> None:
        """Do it in the working copy. What it raises is kept for those who wait."""
        mark = journal.mark
        try:
            self.value = self._act(*self._args)
        except Exception as error:
            journal.take_back(mark)
            self.error = error


class SqliteStore:
    """The contract of `stores.base` with one file."""

    may_block = True

    def __init__(self, path: Path, limits: Limits, publish: Publish) -> None:
        """Raises StoreError."""
        self._publish = publish
        self._file = ChatFile(path)
        self._rooms = WorkingCopy(limits)
        try:
            self._filed = self._load()
        except BaseException:
            self._file.close()
            raise
        newest = (filed.ids[-1] for filed in self._filed.values())
        self._next_id = max(newest, default=0) + 1  # of events
        self._next_number = max((filed.number for filed in self._filed.values()), default=0) + 1
        self._waiting: list[_Change] = []
        self._called = Event()  # something waits, or the store is closing
        self._pause = Pause()
        self._in_flight: Journal | None = None  # made in the working copy, not committed
        self._settled = Event()  # nothing is in flight
        self._committer: gevent.Greenlet[[], None] | None = None
        self._threads = ThreadPool(1)
        self._process = os.getpid()
        self._closing = False
        self._resting_until = 0.0
        self._is_faulty = False
        sys.setswitchinterval(min(sys.getswitchinterval(), _SWITCH_SECONDS))

    # Changing: through the committer

    def create_room(self, room: Room, host: Member, joined: MemberJoined, marks: str = "") -> None:
        self._change(self._rooms.create_room, room, host, joined, marks)

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
        admit = partial(self._rooms.admit, notes=notes, version=version)
        self._change(admit, room_id, member, joined, marks)

    def append(self, appends: Sequence[Append]) -> list[Appended | ChatError]:
        return self._change(self._rooms.append, appends)

    def append_soon(
        self, appends: Sequence[Append], then: Callable[[list[Appended | ChatError]], None]
    ) -> None:
        def finish(change: _Change) -> None:
            refusal = change.error
            if refusal is not None and not isinstance(refusal, ChatError):
                log.error("events could not be appended", exc_info=refusal)
                refusal = Internal()
            then([refusal] * len(appends) if refusal is not None else change.value)

        try:
            self._enqueue(_Change(self._rooms.append, (appends,), finish))
        except Unavailable as refusal:
            then([refusal] * len(appends))

    def set_notes(self, room_id: RoomId, changes: NoteChanges, by: MemberId | None = None) -> None:
        self._change(self._rooms.set_notes, room_id, changes, by)

    def set_deadline(self, room_id: RoomId, at: float | None) -> None:
        self._change(self._rooms.set_deadline, room_id, at)

    def remove_room(self, room_id: RoomId) -> None:
        self._change(self._rooms.remove_room, room_id)

    # Reading: from the working copy, when nothing in flight is about the same. A room's records are
    # in flight only while somebody comes, goes or changes them, so posting never waits for posts;
    # and between the last wait and the return nothing else runs.

    def find_room(self, code: Code) -> Room | None:
        while self._in_flight is not None and code in self._in_flight.codes:
            self._settled.wait()
        return self._rooms.find_room(code)

    def room(self, room_id: RoomId) -> Room:
        self._await_records(room_id)
        return self._rooms.room(room_id)

    def member(self, room_id: RoomId, member_id: MemberId) -> Member | None:
        self._await_records(room_id)
        return self._rooms.member(room_id, member_id)

    def members(self, room_id: RoomId, also: Collection[MemberId] = ()) -> list[Member]:
        self._await_records(room_id)
        return self._rooms.members(room_id, also)

    def marks(self, room_id: RoomId, member_id: MemberId) -> str:
        self._await_records(room_id)
        return self._rooms.marks(room_id, member_id)

    def twins(self, room_id: RoomId, member_id: MemberId) -> list[Member]:
        self._await_records(room_id)
        return self._rooms.twins(room_id, member_id)

    def door(self, room_id: RoomId) -> Door:
        self._await_records(room_id)
        return self._rooms.door(room_id)

    def names(self, room_id: RoomId) -> list[str]:
        self._await_records(room_id)
        return self._rooms.names(room_id)

    def count_here(self, room_id: RoomId) -> int:
        self._await_records(room_id)
        return self._rooms.count_here(room_id)

    def deadline(self, room_id: RoomId) -> float | None:
        self._await_records(room_id)
        return self._rooms.deadline(room_id)

    def read_after(self, room_id: RoomId, after: int, limit: int) -> Page:
        self._await_log(room_id)
        return self._rooms.read_after(room_id, after, limit)

    def read_before(self, room_id: RoomId, before: int | None, limit: int) -> Page:
        self._await_log(room_id)
        return self._rooms.read_before(room_id, before, limit)

    def snapshot(self, room_id: RoomId, after: int | None, *, newest: int, most: int) -> Snapshot:
        self._await_log(room_id)
        return self._rooms.snapshot(room_id, after, newest=newest, most=most)

    def room_ids(self) -> list[RoomId]:
        while self._in_flight is not None and self._in_flight.codes:
            self._settled.wait()
        return self._rooms.room_ids()

    def due(self, now: float) -> list[RoomId]:
        return self._rooms.due(now)  # whoever acts on it looks again, with the change they ask for

    def close(self) -> None:
        """Commit what waits, fold SQLite's log into the file and let others have it."""
        if self._closing:
            return
        self._closing = True
        if self._committer is not None:
            self._called.set()
            self._committer.join()
        self._threads.apply(self._file.close)
        self._threads.kill()

    def _change(self, act: Callable[..., Answer], *args: Any) -> Answer:
        """Have it done, and wait for it."""
        finished = Event()
        change = _Change(act, args, lambda _: finished.set())
        self._enqueue(change)
        finished.wait()
        if change.error is not None:
            raise change.error
        answer: Answer = change.value
        return answer

    def _enqueue(self, change: _Change) -> None:
        if self._closing or len(self._waiting) >= _WAITING_LIMIT:
            raise Unavailable(retry_after_seconds=_REST_SECONDS)
        rest = self._resting_until - time.monotonic() if self._is_faulty else 0.0
        if rest > 0:
            raise Unavailable(retry_after_seconds=round(rest + 0.05, 1))
        self._waiting.append(change)
        self._pause.note(len(self._waiting))
        if len(self._waiting) == 1:
            self._start()
            self._called.set()

    def _await_records(self, room_id: RoomId) -> None:
        while self._in_flight is not None and room_id in self._in_flight.changed:
            self._settled.wait()

    def _await_log(self, room_id: RoomId) -> None:
        while self._in_flight is not None and room_id in self._in_flight.grown:
            self._settled.wait()

    # The committer

    def _start(self) -> None:
        if self._process != os.getpid():
            raise RuntimeError("a SQLite store was opened before a fork: open it in the child")
        if self._committer is None:
            self._committer = gevent.spawn(self._commit_all)

    def _commit_all(self) -> None:
        while self._waiting or not self._closing:
            self._called.wait()
            self._called.clear()
            while self._waiting:
                self._pause.wait(self._waiting)
                batch, self._waiting = self._waiting[:_BATCH_LIMIT], self._waiting[_BATCH_LIMIT:]
                self._commit(batch)

    def _commit(self, batch: list[_Change]) -> None:
        """Make the changes, write them, tell them; or none of it."""
        journal = self._rooms.begin()
        for change in batch:
            change.make(journal)
        refusal: Unavailable | None = Unavailable(retry_after_seconds=_REST_SECONDS)
        try:
            plan = self._plan(journal)
            if plan.changes:
                self._write(journal, plan.changes)
            self._note(journal, plan)
            refusal = None
        except Exception as fault:
            self._rest(fault)
        finally:  # nothing waits from here on, so those who want to read do so after the telling
            if refusal is not None:
                journal.take_back()
            self._in_flight = None
            self._settled.set()
            self._tell(journal)
            self._finish(batch, refusal)

    def _write(self, journal: Journal, changes: Changes) -> None:
        journal.close()
        self._in_flight = journal
        self._settled.clear()
        fault = self._threads.apply(_attempt, (self._file.write, changes))
        if fault is not None:
            raise fault
        if self._is_faulty:
            self._is_faulty = False
            with suppress(OSError):  # the log may be on the same disk
                log.info("the store writes again", file=str(self._file.path))

    def _rest(self, fault: Exception) -> None:
        """Refuse everything for a moment; say why, when it is news."""
        is_news, self._is_faulty = not self._is_faulty, True
        self._resting_until = time.monotonic() + _REST_SECONDS
        is_expected = isinstance(fault, sqlite3.Error | OSError)
        if is_news or not is_expected:
            with suppress(OSError):
                log.error(
                    "the store cannot write: what people do is refused until it can",
                    file=str(self._file.path),
                    reason=str(fault),
                    exc_info=None if is_expected else fault,
                )

    def _finish(self, batch: list[_Change], refusal: Unavailable | None) -> None:
        for change in batch:
            change.error = refusal or change.error
            try:
                change.finish(change)
            except Exception as error:
                with suppress(OSError):
                    log.error("a change could not be answered", exc_info=error)

    def _tell(self, journal: Journal) -> None:
        for event in journal.events:
            try:
                self._publish(*event)
            except Exception as error:
                with suppress(OSError):
                    log.error("an event could not be delivered", exc_info=error)

    def _plan(self, journal: Journal) -> _Plan:
        plan = _Plan(Changes.none(self._next_id), {}, {})
        self._plan_rooms(journal, plan)
        self._plan_records(journal, plan)
        self._plan_events(journal, plan)
        return plan

    def _plan_rooms(self, journal: Journal, plan: _Plan) -> None:
        for room_id in journal.rooms:
            room, known = self._rooms.state(room_id), self._filed.get(room_id)
            if room is not None:
                if known is None:
                    known = _Filed(self._next_number, 1, array("q"))
                    self._next_number += 1
                plan.filed[room_id] = known
                record = room.record
                row = RoomRow(known.number, room_id, record.code, record, room.deadline)
                plan.changes.rooms.append(row)
            elif known is not None:
                plan.changes.removed.append(known.number)
                plan.changes.dropped.extend(known.ids)

    def _plan_records(self, journal: Journal, plan: _Plan) -> None:
        changes, filed = plan.changes, plan.filed
        for room_id, member_id in journal.members:
            room = self._rooms.state(room_id)
            member = room.members.get(member_id) if room is not None else None
            if room is not None and member is not None:
                number = (filed.get(room_id) or self._filed[room_id]).number
                is_member, came_with = member_id in room.names, room.here.get(member_id)
                marks = room.marks.get(member_id, "")
                row = MemberRow(number, member_id, member, is_member, came_with, marks)
                changes.members.append(row)
        for room_id, name in journal.notes:
            room = self._rooms.state(room_id)
            if room is not None:
                number = (filed.get(room_id) or self._filed[room_id]).number
                if name in room.notes:
                    changes.notes.append(NoteRow(number, name, room.notes[name]))
                else:
                    changes.lifted.append((number, name))

    def _plan_events(self, journal: Journal, plan: _Plan) -> None:
        changes, filed, drops = plan
        rewritten = dict(journal.rewritten)
        for room_id, seq, data in journal.events:
            known = filed.get(room_id)
            if known is None:
                room, known = self._rooms.state(room_id), self._filed.get(room_id)
                if known is None or room is None:
                    continue  # made and removed, or removed
                filed[room_id] = known
            changes.events.append((known.number, seq, rewritten.pop((room_id, seq), data)))
        for (room_id, seq), data in rewritten.items():
            if room_id in filed:
                changes.rewritten.append((filed[room_id].id_of(seq), data))
        for room_id, known in filed.items():
            room = self._rooms.state(room_id)
            if room is not None and room.log.first_seq - known.first_seq >= _DELETED_AT_ONCE:
                ids = known.before(room.log.first_seq)
                changes.dropped.extend(ids)
                drops[room_id] = len(ids)

    def _note(self, journal: Journal, plan: _Plan) -> None:
        """The plan has been carried out."""
        changes, filed, drops = plan
        self._next_id += len(changes.events)
        self._filed.update(filed)
        for room_id, count in drops.items():
            filed[room_id].drop(count)
        by_number = {known.number: known for known in filed.values()}
        for id_, (number, _, _) in enumerate(changes.events, changes.first_id):
            by_number[number].ids.append(id_)
        for room_id in journal.rooms:
            if self._rooms.state(room_id) is None:
                self._filed.pop(room_id, None)

    def _load(self) -> dict[RoomId, _Filed]:
        began = time.monotonic()
        try:
            rooms, ids = self._rooms.load(self._file)
        except (sqlite3.Error, ValueError, KeyError) as error:
            raise StoreError(
                f"{self._file.path} is damaged ({error}). Restore a backup: flask-chat restore."
            ) from None
        log.info(
            "rooms loaded",
            file=str(self._file.path),
            rooms=len(rooms),
            seconds=round(time.monotonic() - began, 2),
        )
        filed = {
            room.record.room_id: _Filed(number, room.log.first_seq, ids[number])
            for number, room in rooms.items()
        }
        self._rooms.trim()
        return filed


def _attempt(write: Callable[[Changes], None], changes: Changes) -> Exception | None:
    """What went wrong, as a value: what is raised in a thread gevent prints, and may fail to."""
    try:
        write(changes)
    except Exception as fault:
        return fault
    return None
