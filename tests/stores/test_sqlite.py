"""The SQLite store's file: what survives, who may open it, how it moves forward, and its faults."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path

import gevent
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_chat.domain.codes import Code
from flask_chat.domain.errors import ChatError, Unavailable
from flask_chat.domain.events import MessageRemoved, RoomChanged
from flask_chat.domain.events import RoomEnded as RoomEndedEvent
from flask_chat.domain.limits import Limits
from flask_chat.domain.members import NO_END, MemberId
from flask_chat.domain.rooms import RoomId
from flask_chat.stores.base import Append, Appended, Publish, StoreError
from flask_chat.stores.sqlite import file as chat_file
from flask_chat.stores.sqlite import store as sqlite_store
from flask_chat.stores.sqlite.copies import back_up, key_path, restore
from flask_chat.stores.sqlite.store import SqliteStore
from tests.stores.place import AT, Person, Place, joined, posted, seqs


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chat.db"


@contextmanager
def opened(path: Path, **limits: float) -> Iterator[Place]:
    """A place over this file, closed in the end."""
    places: list[Place] = []

    def make(limits: Limits, publish: Publish) -> SqliteStore:
        return SqliteStore(path, limits, publish)

    places.append(Place(make, **limits))
    try:
        yield places[0]
    finally:
        places[0].store.close()


def everything(place: Place, *people: Person) -> list[object]:
    """All that can be known of the rooms of these people."""
    store = place.store
    return [
        (
            store.room(room_id),
            store.members(room_id, [person.member_id for person in people]),
            sorted(store.names(room_id)),
            store.member(room_id, person.member_id),
            store.read_after(room_id, 0, 10_000),
            store.deadline(room_id),
            store.marks(room_id, person.member_id),
            store.door(room_id).notes,
        )
        for person in people
        for room_id in [person.room_id]
    ]


# What survives


def test_a_room_is_after_a_restart_as_it_was(path: Path) -> None:
    with opened(path) as before:
        ada = before.opens("Ada", code="BBBB")
        grace = before.joins(ada.room_id, "Grace", "browser:1")
        mallory = before.joins(ada.room_id, "Mallory")
        before.does(ada.room_id, RoomChanged(at=AT, by=ada.member_id, topic="Maths"))
        said = before.says(grace, '👋🏽 \x00 quote " and \u2028', key="k1")
        before.changes(mallory, muted_until=NO_END)
        before.changes_room(ada, locked=True, slow_mode_seconds=30)
        before.hands_over(ada, grace)
        before.removes(ada, before.says(ada, "Oh", key="k2").seq)
        before.store.set_notes(ada.room_id, {"passcode": "hash"})
        before.store.set_notes(ada.room_id, {"ban:m-1": "one"})
        before.store.set_notes(ada.room_id, {"ban:m-1": None})
        before.goes(ada, "gone")
        before.goes(mallory, "left")
        before.comes_back(ada)
        other = before.opens("Ada", code="CCCC")
        before.store.set_deadline(other.room_id, 1_795_399_999.125)
        was = everything(before, ada, grace, mallory, other)

    with opened(path) as after:
        assert everything(after, ada, grace, mallory, other) == was
        assert after.says(grace, "again", key="k1") == said._replace(is_new=False)
        assert after.names_here(ada.room_id) == ["Grace", "Ada"]
        assert not after.says(ada, "again", key="k2").is_new
        assert after.says(ada, "Next").seq == said.seq + 9
        assert after.store.due(1_795_400_000.0) == [other.room_id]
        after.joins(ada.room_id, "Mallory")


def test_a_removed_room_is_wiped_from_the_file(path: Path) -> None:
    with opened(path) as place:
        ada = place.opens("Ada", code="BBBB")
        place.says(ada, "the secret of the house")
        place.store.remove_room(ada.room_id)

    with opened(path) as place:
        assert place.store.room_ids() == []
        assert place.store.find_room(Code("BBBB")) is None
    assert b"the secret of the house" not in path.read_bytes()


def test_the_text_of_a_removed_message_leaves_the_file(path: Path) -> None:
    with opened(path) as place:
        ada = place.opens("Ada")
        for number in range(20):
            place.says(ada, f"around {number}")
        short = place.says(ada, "the secret of the house")
        long = place.says(ada, "a long secret " * 280)
        at_once = [
            posted(ada, "a hasty secret", "hasty"),
            MessageRemoved(at=AT, by=ada.member_id, target=long.seq + 1),
        ]
        place.store.append([Append(ada.room_id, event) for event in at_once])

        place.removes(ada, short.seq)
        place.removes(ada, long.seq)
        was = everything(place, ada)

    for file in path.parent.iterdir():
        assert b"secret" not in file.read_bytes()
    with opened(path) as place:
        assert everything(place, ada) == was
        assert place.texts(ada.room_id)[-3:] == ["", "", ""]


def test_what_is_noted_with_a_removed_room_leaves_the_file(path: Path) -> None:
    with opened(path) as place:
        ada = place.opens("Ada", code="BBBB")
        grace = place.opens("Grace", code="CCCC")
        place.joins(ada.room_id, "Mallory", "a secret mark")
        place.store.set_notes(ada.room_id, {"passcode": "a secret hash"})
        place.store.set_notes(grace.room_id, {"passcode": "another secret"})
        place.store.set_notes(grace.room_id, {"passcode": "no longer one"})
        place.store.remove_room(ada.room_id)

    assert b"secret" not in path.read_bytes()
    with opened(path) as place:
        assert place.store.door(grace.room_id).notes == {"passcode": "no longer one"}


def test_a_room_that_ended_but_was_not_removed_is_due_after_a_restart(path: Path) -> None:
    with opened(path) as place:
        ada = place.opens("Ada")
        place.does(ada.room_id, RoomEndedEvent(at=AT, reason="ended"))

    with opened(path) as place:
        assert place.store.due(AT.timestamp()) == [ada.room_id]
        assert isinstance(place.refusal(ada.room_id, posted(ada, "x", "k")), ChatError)


def test_the_file_forgets_what_the_log_forgets(path: Path) -> None:
    with opened(path, history_events=10) as place:
        ada = place.opens("Ada")
        for number in range(1_000):
            place.store.append_soon(
                [Append(ada.room_id, posted(ada, f"{number}", f"k{number}"))], lambda _: None
            )
        place.says(ada, "last")

    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM events").fetchone()[0] < 100
    with opened(path, history_events=10) as place:
        page = place.store.read_after(ada.room_id, 0, 100)
        assert seqs(page) == list(range(993, 1_003))


def test_limits_that_were_made_smaller_hold_after_a_restart(path: Path) -> None:
    with opened(path) as place:
        ada = place.opens("Ada")
        for number in range(20):
            place.says(ada, f"{number}")

    with opened(path, history_events=5) as place:
        assert place.texts(ada.room_id) == ["15", "16", "17", "18", "19"]


# Who may open it


def test_a_second_server_on_the_same_file_is_refused(path: Path, tmp_path: Path) -> None:
    alias = tmp_path / "alias.db"
    with opened(path) as place:
        ada = place.opens("Ada")
        alias.symlink_to(path)
        for name in (path, alias):
            with pytest.raises(StoreError, match=r"Another server \(process \d+\) uses .*chat\.db"):
                SqliteStore(name, Limits(), lambda *_: None)
        place.says(ada, "Nothing happened")

    with opened(path) as place:
        assert place.texts(ada.room_id) == ["Nothing happened"]


def test_a_newer_file_is_refused_and_left_as_it_is(path: Path) -> None:
    with opened(path):
        pass
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    was = path.read_bytes()

    with pytest.raises(StoreError, match=r"newer Flask Chat App \(tables 99, this program knows"):
        SqliteStore(path, Limits(), lambda *_: None)

    assert path.read_bytes() == was


def test_the_files_of_others_are_refused_and_left_as_they_are(tmp_path: Path) -> None:
    text, other = tmp_path / "letter.txt", tmp_path / "other.db"
    text.write_text("Dear Grace, " * 100)
    with closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE things (a)")
    was = [file.read_bytes() for file in (text, other)]

    with pytest.raises(StoreError, match="file is not a database"):
        SqliteStore(text, Limits(), lambda *_: None)
    with pytest.raises(StoreError, match="not a file of Flask Chat App"):
        SqliteStore(other, Limits(), lambda *_: None)

    assert [file.read_bytes() for file in (text, other)] == was


def test_a_place_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"There is no directory .*missing"):
        SqliteStore(tmp_path / "missing" / "chat.db", Limits(), lambda *_: None)
    with pytest.raises(StoreError, match="is a directory"):
        SqliteStore(tmp_path, Limits(), lambda *_: None)


def test_a_damaged_file_is_told(path: Path) -> None:
    with opened(path) as place:
        ada = place.opens("Ada")
        for number in range(200):
            place.says(ada, "x" * 100 + f"{number}")
    with closing(sqlite3.connect(path)) as db:
        db.execute("DELETE FROM events WHERE seq = 100")
        db.commit()

    with pytest.raises(StoreError, match=r"damaged .*Restore a backup"):
        SqliteStore(path, Limits(), lambda *_: None)


def test_the_file_is_for_its_owner_only(path: Path) -> None:
    with opened(path) as place:
        place.opens("Ada")
        assert {file.stat().st_mode & 0o077 for file in path.parent.iterdir()} == {0}


# Migrations

ENDED = b'{"seq":1,"kind":"room_ended","at":"2026-11-01T12:00:00Z","reason":"ended"}'


def test_an_older_file_is_moved_forward_with_what_is_in_it(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(path) as place:
        ada = place.opens("Ada")
        place.says(ada, "before")
    script = tmp_path / "9999.sql"
    script.write_text("ALTER TABLE rooms ADD COLUMN colour TEXT;\nUPDATE rooms SET colour = 'red';")
    monkeypatch.setattr(chat_file, "MIGRATIONS", [*chat_file.MIGRATIONS, script])

    with opened(path) as place:
        assert place.texts(ada.room_id) == ["before"]
        place.says(ada, "after")

    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT colour FROM rooms").fetchall() == [("red",)]
        version = len(chat_file.MIGRATIONS)
        assert db.execute("PRAGMA user_version").fetchone() == (version,)


def test_a_room_of_before_there_were_notes_gets_its_host_on_record(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(chat_file, "MIGRATIONS", chat_file.MIGRATIONS[:1])
        db = chat_file._open(path)
    with closing(db):
        for number, code in ((1, "BBBB"), (2, "CCCC")):
            record = f'{{"room_id":"r-{number}","code":"{code}","created_at":"2026-11-01T12:00:00Z"'
            row = (number, f"r-{number}", code, record + ',"topic":"é"}', None)
            db.execute("INSERT INTO rooms VALUES (?, ?, ?, ?, ?)", row)
            db.execute("INSERT INTO events (room, seq, data) VALUES (?, 1, ?)", (number, ENDED))
        for id_, role in ((1, "guest"), (2, "host")):
            record = (
                f'{{"member_id":"m-{id_}","name":"N{id_}","hue":1,"role":"{role}","here":true}}'
            )
            db.execute(
                "INSERT INTO members VALUES (?, 1, ?, ?, 1, ?)", (id_, f"m-{id_}", record, id_)
            )

    with opened(path) as place:
        assert place.store.room(RoomId("r-1")).host_id == "m-2"
        assert place.store.room(RoomId("r-1")).topic == "é"
        assert place.store.room(RoomId("r-2")).host_id == ""
        assert place.names_here(RoomId("r-1")) == ["N1", "N2"]
        assert place.store.marks(RoomId("r-1"), MemberId("m-2")) == ""


def test_a_migration_that_fails_changes_nothing(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(path) as place:
        ada = place.opens("Ada")
    script = tmp_path / "9999.sql"
    script.write_text("ALTER TABLE rooms ADD COLUMN colour TEXT;\nUPDATE missing SET colour = 1;")
    with monkeypatch.context() as patch:
        patch.setattr(chat_file, "MIGRATIONS", [*chat_file.MIGRATIONS, script])
        with pytest.raises(StoreError, match="no such table: missing"):
            SqliteStore(path, Limits(), lambda *_: None)

    with opened(path) as place:
        assert place.names_here(ada.room_id) == ["Ada"]


# Committing in groups


def test_what_is_asked_at_the_same_time_is_committed_together(path: Path) -> None:
    with opened(path) as place:
        ada = place.opens("Ada")
        commits = count_commits(place)

        posts = [gevent.spawn(place.says, ada, f"{number}", f"k{number}") for number in range(100)]
        gevent.joinall(posts)

        assert sorted(post.value.seq for post in posts) == list(range(2, 102))
        assert place.texts(ada.room_id) == [f"{number}" for number in range(100)]
        assert commits() <= 3


@pytest.mark.parametrize("fails", [False, True])
def test_very_many_events_are_added_together_or_not_at_all(
    path: Path, monkeypatch: pytest.MonkeyPatch, *, fails: bool
) -> None:
    monkeypatch.setattr(sqlite_store, "_REST_SECONDS", 0.05)
    texts = [f"{number}" for number in range(2 * chat_file._EVENTS_AT_ONCE + 50)]
    with opened(path) as place:
        ada = place.opens("Ada")
        appends = [Append(ada.room_id, posted(ada, text, f"k{text}")) for text in texts]
        if fails:
            refuse_event(path, seq=len(texts))

        answer = refused(lambda: place.store.append(appends))

    assert answer == ("unavailable" if fails else "not refused")
    with opened(path) as after:
        assert after.texts(ada.room_id) == ([] if fails else texts)
        assert seqs(after.store.read_after(ada.room_id, 0, 1000))[-1] == len(after.log(ada.room_id))


def test_nobody_reads_what_is_not_on_the_disk(path: Path) -> None:
    with opened(path) as place:
        ada = place.opens("Ada")
        posts = [gevent.spawn(place.says, ada, f"{number}", f"k{number}") for number in range(50)]
        gevent.sleep(0)

        while not all(post.ready() for post in posts):
            page = place.store.snapshot(ada.room_id, 0, newest=100, most=1000).page
            with closing(sqlite3.connect(path)) as other:
                kept = other.execute("SELECT max(seq) FROM events").fetchone()[0]
            assert page.last_seq == kept == len(place.told)
            gevent.sleep(0.001)


def test_nobody_reads_a_note_that_is_not_on_the_disk(path: Path) -> None:
    with opened(path) as place:
        ada = place.opens("Ada")
        set_notes = place.store.set_notes
        notes = [gevent.spawn(set_notes, ada.room_id, {f"{number}": "x"}) for number in range(20)]
        gevent.sleep(0)

        while not all(note.ready() for note in notes):
            read = place.store.door(ada.room_id).notes
            with closing(sqlite3.connect(path)) as other:
                kept = dict(other.execute("SELECT name, note FROM notes"))
            assert read == kept
            gevent.sleep(0.001)
        assert len(place.store.door(ada.room_id).notes) == 20


def test_closing_finishes_what_was_asked_before(path: Path) -> None:
    with opened(path) as place:
        ada = place.opens("Ada")
        answers: list[list[Appended | ChatError]] = []
        for number in range(500):
            event = posted(ada, f"{number}", f"k{number}")
            place.store.append_soon([Append(ada.room_id, event)], answers.append)
        place.store.close()

        assert len(answers) == 500
        assert all(isinstance(answer, Appended) for (answer,) in answers)
        with pytest.raises(Unavailable):
            place.says(ada, "too late")

    with opened(path) as place:
        assert len(place.texts(ada.room_id)) == 500


# Faults


@pytest.fixture
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_store, "_REST_SECONDS", 0.05)
    monkeypatch.setattr(chat_file, "_BUSY_MS", 50)


@pytest.mark.usefixtures("_in_a_hurry")
def test_a_locked_file_refuses_everything_and_then_goes_on_as_if_nothing_had_been(
    path: Path,
) -> None:
    with opened(path, history_events=6) as place:
        ada = place.opens("Ada")
        grace = place.joins(ada.room_id, "Grace")
        for number in range(6):
            place.says(ada, f"{number}", key=f"k{number}")
        place.changes_room(ada, slow_mode_seconds=10)
        other = place.opens("Mallory", code="CCCC")
        was, told = everything(place, ada, grace, other), len(place.told)

        with closing(sqlite3.connect(path, isolation_level=None)) as shell:
            shell.execute("BEGIN IMMEDIATE")
            refusals = [
                gevent.spawn(refused, act)
                for act in (
                    lambda: place.says(ada, "never", key="k7"),
                    lambda: place.says(grace, "never", key="k7"),
                    lambda: place.joins(ada.room_id, "Eve"),
                    lambda: place.opens("Eve", code="DDDD"),
                    lambda: place.goes(grace, "left"),
                    lambda: place.does(ada.room_id, RoomChanged(at=AT, topic="No")),
                    lambda: place.changes(grace, role="cohost"),
                    lambda: place.hands_over(ada, grace),
                    lambda: place.removes(ada, 8),
                    lambda: place.store.set_notes(ada.room_id, {"passcode": "never"}),
                    lambda: place.store.remove_room(other.room_id),
                    lambda: place.opens("Eve", code="CCCC"),
                    lambda: place.goes(ada, "left"),
                    lambda: place.does(ada.room_id, RoomEndedEvent(at=AT, reason="ended")),
                )
            ]
            gevent.joinall(refusals)
            assert [refusal.value for refusal in refusals] == ["unavailable"] * len(refusals)
            with pytest.raises(Unavailable) as told_when:
                place.says(ada, "at once")
            assert 0 < told_when.value.data["retry_after_seconds"] <= 1
            assert everything(place, ada, grace, other) == was

        gevent.sleep(0.1)
        assert len(place.told) == told
        assert place.says(ada, "now", key="k7").seq == 10
        assert place.says(grace, "now", key="k7").seq == 11
        was = everything(place, ada, grace, other)

    with opened(path, history_events=6) as place:
        assert everything(place, ada, grace, other) == was


ACTS = [
    *["say", "join", "go", "leave", "back", "end", "topic", "deadline"],
    *["slow", "mute", "host", "unsay", "note", "forget", "both"],
]


@given(st.lists(st.sampled_from(ACTS), min_size=1, max_size=12))
@settings(max_examples=60)
def test_whatever_is_taken_back_leaves_no_trace(
    tmp_path_factory: pytest.TempPathFactory, acts: list[str]
) -> None:
    path = tmp_path_factory.mktemp("undo") / "chat.db"
    with opened(path, history_events=4) as place:
        ada = place.opens("Ada")
        grace = place.joins(ada.room_id, "Grace")
        place.changes_room(ada, slow_mode_seconds=10)
        place.says(grace, "one")
        place.says(ada, "Hello", key="k0")
        place.store.set_notes(ada.room_id, {"passcode": "hash"})
        store = place.store
        assert isinstance(store, SqliteStore)
        was, size = everything(place, ada, grace), store._rooms._bytes
        room = store._rooms.state(ada.room_id)
        assert room is not None
        spoke_at = dict(room.spoke_at)
        journal = store._rooms.begin()

        for number, act in enumerate(acts):
            try_to(store, act, ada, grace, number)
        journal.take_back()

        assert everything(place, ada, grace) == was
        assert store._rooms._bytes == size
        assert room.spoke_at == spoke_at != {}
        assert not journal.events
        assert not journal.rewritten
        assert place.says(ada, "Hello", key="k0").is_new is False


def try_to(store: SqliteStore, act: str, ada: Person, grace: Person, number: int) -> None:
    """Something in the working copy, as the committer does it."""
    rooms = store._rooms
    there = Place(lambda limits, publish: rooms)
    there._numbers = count(1_000 * (number + 1))
    room = rooms.state(ada.room_id)
    try:
        match act:
            case "say":
                who, at = grace if number % 2 else ada, AT + timedelta(seconds=8 * number)
                there.says(who, "x" * number, key=f"u{number}", at=at)
            case "join":
                there.joins(ada.room_id, f"Guest {number}", "marks")
            case "go" | "leave":
                there.goes(grace if number % 2 else ada, "gone" if act == "go" else "left")
            case "back" if room is not None:
                there.does(ada.room_id, joined(room.members[grace.member_id]))
            case "end":
                rooms.remove_room(ada.room_id)
                there.opens("Eve", "BCDF")
            case "topic":
                there.does(ada.room_id, RoomChanged(at=AT, topic=f"{number}"))
            case "slow":
                there.changes_room(ada, slow_mode_seconds=number % 3)
            case "mute":
                there.changes(grace, role="cohost", muted_until=NO_END if number % 2 else None)
            case "host":
                there.hands_over(*((ada, grace) if number % 2 else (grace, ada)))
            case "unsay" if room is not None:
                there.removes(ada, room.log.last_seq - number % 4)
            case "note":
                rooms.set_notes(ada.room_id, {"passcode": f"{number}"})
            case "both":
                changed = RoomChanged(at=AT, has_passcode=True)
                notes = {"passcode": f"{number}", "ban:m-1": "x" if number % 2 else None}
                rooms.append([Append(ada.room_id, changed, notes)])
            case "forget":
                rooms.set_notes(ada.room_id, {"passcode": None})
            case "deadline":
                rooms.set_deadline(ada.room_id, 5.0 + number)
    except (ChatError, AssertionError):
        pass


def test_a_full_disk_refuses_and_recovers(path: Path, tmp_path: Path) -> None:
    """In a process of its own, whose files may not grow; RLIMIT_FSIZE, see setrlimit(2)."""
    script = tmp_path / "full.py"
    script.write_text(FULL_DISK)

    done = subprocess.run(
        [sys.executable, str(script), str(path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "refused unavailable" in done.stdout


FULL_DISK = """
import resource, sys, time
from pathlib import Path

sys.path.insert(0, ".")
from flask_chat.domain.errors import Unavailable
from flask_chat.stores.sqlite import store
from tests.stores.place import Place

store._REST_SECONDS = 0.05
path = Path(sys.argv[1])
kept = []

with_store = lambda: Place(lambda limits, publish: store.SqliteStore(path, limits, publish))
place = with_store()
ada = place.opens("Ada")
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
for number in range(1000):
    try:
        place.says(ada, f"{number} " + "x" * 2000, key=f"k{number}")
        kept.append(number)
    except Unavailable as refusal:
        print("refused", refusal.code)
        break
else:
    raise SystemExit("the disk was never full")
told = len(place.told)
time.sleep(0.1)
try:
    place.says(ada, "y" * 4000, key="still")
    raise SystemExit("kept on a full disk")
except Unavailable:
    pass
assert len(place.told) == told == len(kept) + 1
assert len(place.texts(ada.room_id)) == len(kept)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
time.sleep(0.1)
place.says(ada, "there is space again", key=f"k{len(kept)}")
was = place.texts(ada.room_id)
assert len(was) == len(kept) + 1
place.store.close()
place = with_store()
assert place.texts(ada.room_id) == was
place.store.close()
"""


def refused(act: Callable[[], object]) -> str:
    try:
        act()
    except ChatError as refusal:
        return refusal.code
    return "not refused"


def refuse_event(path: Path, seq: int) -> None:
    """Let the file take no event with this number."""
    with closing(sqlite3.connect(path, isolation_level=None)) as shell:
        shell.execute(
            f"CREATE TRIGGER refuse BEFORE INSERT ON events WHEN new.seq = {seq} "
            "BEGIN SELECT raise(ABORT, 'no'); END"
        )


def count_commits(place: Place) -> Callable[[], int]:
    """How many transactions are written from here on."""
    store = place.store
    assert isinstance(store, SqliteStore)
    commits: list[int] = []
    write = store._file.write

    def counted(changes: chat_file.Changes) -> None:
        commits.append(1)
        write(changes)

    store._file.write = counted  # type: ignore[method-assign]
    return lambda: len(commits)


# Copies


def test_a_backup_made_while_people_talk_is_whole_and_can_be_restored(
    path: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    key_path(path).write_text("a key of sixteen characters\n")
    with opened(path) as place:
        ada = place.opens("Ada")
        place.store.set_notes(ada.room_id, {"passcode": "hash"})
        posts = [gevent.spawn(place.says, ada, f"{number}", f"k{number}") for number in range(300)]
        gevent.sleep(0.005)
        made = back_up(path, copy)
        gevent.joinall(posts)
        place.says(ada, "after the backup", key="after")

    assert made == [copy, key_path(copy)]
    assert {file.stat().st_mode & 0o777 for file in made} == {0o600}
    old = restore(copy, path)
    with opened(path) as place:
        texts = place.texts(ada.room_id)
        assert texts == [f"{number}" for number in range(len(texts))]
        assert place.store.door(ada.room_id).notes == {"passcode": "hash"}
    assert old is not None
    with opened(old) as place:
        assert place.texts(ada.room_id)[-1] == "after the backup"


def test_nothing_is_restored_under_a_running_server(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    with opened(path) as place:
        ada = place.opens("Ada")
        back_up(path, copy)
        with pytest.raises(StoreError, match="Another server"):
            restore(copy, path)
        place.says(ada, "Still here")
        assert place.texts(ada.room_id) == ["Still here"]


def test_a_backup_overwrites_nothing(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_text("precious")
    with opened(path):
        pass

    with pytest.raises(StoreError, match=r"copy\.db exists"):
        back_up(path, copy)

    assert copy.read_text() == "precious"


@pytest.mark.usefixtures("_in_a_hurry")
@pytest.mark.parametrize("lock", ["BEGIN IMMEDIATE", "PRAGMA locking_mode = EXCLUSIVE"])
def test_a_file_in_use_at_the_start_is_told_as_such(path: Path, lock: str) -> None:
    with opened(path) as place:
        place.opens("Ada")

    with closing(sqlite3.connect(path, isolation_level=None)) as shell:
        shell.execute(lock)
        shell.execute("SELECT count(*) FROM rooms").fetchone()
        with pytest.raises(StoreError, match=r"Another program is writing to .* Close it"):
            SqliteStore(path, Limits(), lambda *_: None)

    with opened(path) as place:
        assert len(place.store.room_ids()) == 1


def test_what_is_no_backup_is_not_restored(path: Path, tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear Grace, " * 100)
    with opened(path) as place:
        ada = place.opens("Ada")

    with pytest.raises(StoreError, match="cannot be read as a chat file"):
        restore(letter, path)
    with pytest.raises(StoreError, match="There is no file"):
        restore(tmp_path / "nowhere.db", path)

    with opened(path) as place:
        assert place.names_here(ada.room_id) == ["Ada"]
    assert sorted(file.name for file in tmp_path.iterdir() if "new" in file.name) == []
