"""The SQLite file: opened with care, read whole at the start, written one batch at a time."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from flask_chat.domain.codes import Code
from flask_chat.domain.members import Member, MemberId
from flask_chat.domain.rooms import Room, RoomId
from flask_chat.stores.base import StoreError
from flask_chat.stores.sqlite.lock import Lock

APPLICATION_ID = 0x43686174  # "Chat", in the file's header (SQLite's `PRAGMA application_id`)
MIGRATIONS = sorted((Path(__file__).parent / "migrations").glob("[0-9]*.sql"))

# How long a commit waits for another program that is writing, such as a SQLite shell.
_BUSY_MS = 2000
_SPARE_WAL_BYTES = 64 * 1024 * 1024

# All rows of a kind go in with one step of one statement: Python's lock is let go once for a step,
# and with a busy event loop each time to get it back takes up to the switch interval. Of events,
# which are most of what is written, each row is a part of the statement and nothing is taken apart.
_EVENTS_AT_ONCE = 200  # statements are kept prepared, one for each number of events
_PUT_ROOMS = """
INSERT INTO rooms (id, room_id, code, record, deadline)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
       json_extract(value, '$[3]'), json_extract(value, '$[4]')
FROM json_each(?) WHERE true
ON CONFLICT (id) DO UPDATE SET record = excluded.record, deadline = excluded.deadline"""
_PUT_MEMBERS = """
INSERT INTO members (room, member_id, record, is_member, came_with, marks)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
       json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]')
FROM json_each(?) WHERE true
ON CONFLICT (room, member_id) DO UPDATE SET
  record = excluded.record, is_member = excluded.is_member, came_with = excluded.came_with,
  marks = excluded.marks"""
_PUT_NOTES = """
INSERT INTO notes (room, name, note)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]')
FROM json_each(?) WHERE true
ON CONFLICT (room, name) DO UPDATE SET note = excluded.note"""
_REMOVE_NOTES = """
DELETE FROM notes WHERE (room, name) IN (
  SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))"""
# A few at most: people remove one message at a time.
_REWRITE_EVENT = "UPDATE events SET data = ?2 WHERE id = ?1"
_REMOVE_ROOMS = "DELETE FROM rooms WHERE id IN (SELECT value FROM json_each(?))"
_REMOVE_EVENTS = "DELETE FROM events WHERE id IN (SELECT value FROM json_each(?))"


class RoomRow(NamedTuple):
    """A room's record. `number` is short for its id."""

    number: int
    room_id: RoomId
    code: Code
    record: Room
    deadline: float | None


class MemberRow(NamedTuple):
    """Somebody who is or was a member."""

    room: int
    member_id: MemberId
    record: Member
    is_member: bool
    came_with: int | None
    marks: str


class NoteRow(NamedTuple):
    """What is noted with a room under a name."""

    room: int
    name: str
    note: str


class Changes(NamedTuple):
    """What one transaction writes."""

    first_id: int  # of the events that are added; the others follow
    removed: list[int]  # rooms, with their members and notes
    rooms: list[RoomRow]
    members: list[MemberRow]
    notes: list[NoteRow]
    lifted: list[tuple[int, str]]  # notes that are no more: room, name
    events: list[tuple[int, int, bytes]]  # room, seq, JSON
    rewritten: list[tuple[int, bytes]]  # ids of events that were there before, and their new JSON
    dropped: list[int]  # ids of events

    @classmethod
    def none(cls, first_id: int) -> "Changes":
        """Nothing so far."""
        return cls(first_id, [], [], [], [], [], [], [], [])

    def __bool__(self) -> bool:
        return bool(self.events or self.is_more)

    @property
    def is_more(self) -> bool:
        """Whether there is anything besides events that are added."""
        return any(self._replace(first_id=0, events=[]))


class ChatFile:
    """An open file, which is this process's until `close`. Any thread, but one at a time."""

    def __init__(self, path: Path) -> None:
        """Raises StoreError."""
        path = path.resolve()  # one lock, by whatever name the file is called
        check_place(path)
        self.path = path
        self._lock = Lock(path)
        try:
            self._db = _open(path)
        except BaseException:
            self._lock.release()
            raise

    def rooms(self) -> Iterator[RoomRow]:
        """All rooms."""
        decoder = msgspec.json.Decoder(Room)
        for number, room_id, code, record, deadline in self._db.execute(
            "SELECT id, room_id, code, record, deadline FROM rooms ORDER BY id"
        ):
            yield RoomRow(number, room_id, code, decoder.decode(record), deadline)

    def members(self) -> Iterator[MemberRow]:
        """All members of all rooms, in the order they first came in."""
        decoder = msgspec.json.Decoder(Member)
        for room, member_id, record, is_member, came_with, marks in self._db.execute(
            "SELECT room, member_id, record, is_member, came_with, marks FROM members ORDER BY id"
        ):
            member = decoder.decode(record)
            yield MemberRow(room, member_id, member, bool(is_member), came_with, marks)

    def notes(self) -> Iterator[NoteRow]:
        """The notes of all rooms."""
        for row in self._db.execute("SELECT room, name, note FROM notes"):
            yield NoteRow(*row)

    def events(self) -> Iterator[tuple[int, int, int, bytes]]:
        """All events, in the order they happened: id, room, seq, JSON."""
        yield from self._db.execute("SELECT id, room, seq, data FROM events ORDER BY id")

    def write(self, changes: Changes) -> None:
        """All of it or nothing; on the disk when this returns.

        Raises sqlite3.Error, for instance when the disk is full.
        """
        run = self._db.execute
        puts = list(_put_events(changes))
        if len(puts) == 1 and not changes.is_more:
            run(*puts[0])  # a transaction of its own
            return
        try:
            run("BEGIN IMMEDIATE")
            if changes.removed:
                run(_REMOVE_ROOMS, (_json(changes.removed),))
            if changes.rooms:
                run(_PUT_ROOMS, (_json(changes.rooms),))
            if changes.members:
                run(_PUT_MEMBERS, (_json(changes.members),))
            if changes.notes:
                run(_PUT_NOTES, (_json(changes.notes),))
            if changes.lifted:
                run(_REMOVE_NOTES, (_json(changes.lifted),))
            for put in puts:
                run(*put)
            for rewritten in changes.rewritten:
                run(_REWRITE_EVENT, rewritten)
            if changes.dropped:
                run(_REMOVE_EVENTS, (_json(changes.dropped),))
            run("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                if self._db.in_transaction:
                    run("ROLLBACK")
            raise

    def close(self) -> None:
        """Fold the log of SQLite into the file, and let others have it."""
        try:
            self._db.close()
        finally:
            self._lock.release()


def check_place(path: Path) -> None:
    """Raises StoreError when there cannot be a file here."""
    if not path.parent.is_dir():
        raise StoreError(f"There is no directory {path.parent.absolute()} to keep {path.name} in.")
    if path.is_dir():
        raise StoreError(f"{path} is a directory, not a file.")


def connect(path: Path) -> sqlite3.Connection:
    """A connection to a file that exists and holds chats. Raises StoreError."""
    db = _connect(path)
    try:
        check_ours(db, path)
    except BaseException:
        db.close()
        raise
    return db


def check_ours(db: sqlite3.Connection, path: Path) -> int:
    """The version of the file's tables. Raises StoreError for a file of others or of the future."""
    try:
        application = db.execute("PRAGMA application_id").fetchone()[0]
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.DatabaseError as error:
        raise _unusable(path, "cannot be read as a chat file", error) from None
    if application != APPLICATION_ID:
        raise StoreError(f"{path} is not a file of Flask Chat App. It has been left as it is.")
    if version > len(MIGRATIONS):
        raise StoreError(
            f"{path} is of a newer Flask Chat App (tables {version}, this program knows "
            f"{len(MIGRATIONS)}). Install the newer program; the file has been left as it is."
        )
    return version


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        path, timeout=_BUSY_MS / 1000, isolation_level=None, check_same_thread=False
    )


def _open(path: Path) -> sqlite3.Connection:
    """The file, made when it is not there, with its tables as this program wants them."""
    is_new = not path.exists() or path.stat().st_size == 0
    try:
        if is_new:
            path.touch(0o600)
        db = _connect(path)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{path} cannot be opened ({error}).") from None
    try:
        if is_new:
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        version = check_ours(db, path)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA secure_delete = ON")  # an ended room is wiped
        db.execute(f"PRAGMA journal_size_limit = {_SPARE_WAL_BYTES}")
        for number, script in enumerate(MIGRATIONS[version:], version + 1):
            migrate(db, number, script)
        db.execute("BEGIN IMMEDIATE")  # a file that can only be read is told now, not at a post
        db.execute("COMMIT")
    except sqlite3.Error as error:
        db.close()
        raise _unusable(path, "cannot be used", error) from None
    except BaseException:
        db.close()
        raise
    return db


def _unusable(path: Path, what: str, error: sqlite3.Error) -> StoreError:
    """Why the file does not open; there is nothing wrong with one that is only in use."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without what extends it
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreError(
            f"Another program is writing to {path} (a SQLite shell, a copy?). Close it, and start "
            "again; the file has been left as it is."
        )
    return StoreError(f"{path} {what} ({error}).")


def migrate(db: sqlite3.Connection, number: int, script: Path) -> None:
    """Bring the tables forward by one version, wholly or not at all."""
    with closing(db.cursor()) as cursor:
        try:
            cursor.executescript(
                f"BEGIN IMMEDIATE;\n{script.read_text(encoding='utf-8')}\n"
                f"PRAGMA user_version = {number};\nCOMMIT;"
            )
        except sqlite3.Error:
            if db.in_transaction:
                cursor.execute("ROLLBACK")
            raise


def _put_events(changes: Changes) -> Iterator[tuple[str, list[int | bytes]]]:
    """What adds the events: statements with their parameters, one where they are not very many."""
    for start in range(0, len(changes.events), _EVENTS_AT_ONCE):
        events = changes.events[start : start + _EVENTS_AT_ONCE]
        values: list[int | bytes] = []
        for id_, event in enumerate(events, changes.first_id + start):
            values.append(id_)
            values.extend(event)
        yield _put_so_many(len(events)), values


@cache
def _put_so_many(events: int) -> str:
    rows = ",".join(["(?,?,?,?)"] * events)
    return f"INSERT INTO events (id, room, seq, data) VALUES {rows}"


def _json(rows: object) -> str:
    return msgspec.json.encode(rows).decode()
