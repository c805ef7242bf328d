"""The server over an SQLite file: stopped, killed, without a disk, and back where it was."""

import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import psutil
import pytest
import requests

from tests.people import WAIT_SECONDS, Person, wait_until
from tests.people import Place as PlaceOfPeople
from tests.servers import LIFTED, ROOT, RunningServer, check_end, environment, launch

UNHURRIED = {"posts_burst": 0, "posts_per_second": 0}


class House:
    """A server over a file that can be stopped and started again on the same port."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.file = folder / "chat.db"
        self._output = folder / "server.log"
        self._settings = {**LIFTED, "store": f"sqlite:///{self.file}", **settings}
        self.server = launch(self._output, self._settings)
        self.people = PlaceOfPeople(self.server.url)

    def comes_back(self, **settings: object) -> RunningServer:
        """Start it again where it was, once it has ended."""
        self._settings |= settings
        self.server = launch(self._output, {**self._settings, "port": self.server.port})
        return self.server

    def restarts(self, number: int = signal.SIGTERM, **settings: object) -> None:
        """End it by a signal and start it again."""
        assert self.server.stop(number) == (0 if number == signal.SIGTERM else -number)
        self.comes_back(**settings)


@pytest.fixture
def house_with(tmp_path: Path) -> Iterator[Callable[..., House]]:
    houses: list[House] = []

    def make(**settings: object) -> House:
        houses.append(House(tmp_path, **settings))
        return houses[-1]

    yield make
    for house in houses:
        house.people.close()
        check_end(house.server)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_people_come_back_after_a_restart_with_all_that_was_said(
    house_with: Callable[..., House], number: int
) -> None:
    house = house_with()
    ada = house.people.open_room().connects()
    grace = house.people.join(ada.code).connects()
    said = ada.says("before", key="k1")
    seen = grace.sees("before")["seq"]

    house.restarts(number)
    ada.connects(after=seen)
    grace.connects(after=seen)

    assert ada.says("before", key="k1") == said  # recognised, and nobody is told twice
    ada.says("after")
    grace.sees("after")
    assert grace.texts == ["before", "after"]
    assert [event["seq"] for event in grace.events] == list(range(1, len(grace.events) + 1))
    assert {person["name"] for person in grace.welcomes[-1]["members"]} == {"Ada", "Grace"}
    assert grace.welcomes[-1]["me"] == grace.me
    assert "member_left" not in {event["kind"] for event in grace.events}


def test_a_browsers_session_outlives_a_restart(house_with: Callable[..., House]) -> None:
    house = house_with()
    key = house.file.with_name("chat.db.key")
    browser = requests.Session()
    page = browser.get(house.server.url, timeout=WAIT_SECONDS).text
    token = page.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    form = {"name": "Ada", "create": "1", "csrf_token": token}
    room = browser.post(house.server.url + "/", data=form, timeout=WAIT_SECONDS)
    assert "/r/" in room.url
    assert key.stat().st_mode & 0o777 == 0o600

    house.restarts()

    again = browser.get(room.url, timeout=WAIT_SECONDS)
    assert again.status_code == 200
    assert again.url == room.url
    assert 'data-seq="1"' in again.text or "Ada" in again.text


@pytest.mark.parametrize(
    ("store", "key", "code"),
    [("memory:", "", "room_ended"), (None, "k" * 32, "token_invalid")],
)
def test_whoever_lost_their_key_with_the_room_is_told_that_it_has_ended(
    house_with: Callable[..., House], store: str | None, key: str, code: str
) -> None:
    house = house_with(**({"store": store} if store else {}))
    ada = house.people.open_room()

    house.restarts(**({"secret_key": key} if key else {}))

    url = f"{house.server.url}/api/v1/rooms/{ada.code}/events"
    answer = requests.get(url, headers=ada.bearer, timeout=WAIT_SECONDS)
    assert answer.json()["code"] == code
    assert lookup(house, ada.code) == (404 if code == "room_ended" else 200)


def test_a_key_that_others_can_read_is_warned_of(house_with: Callable[..., House]) -> None:
    house = house_with()
    house.file.with_name("chat.db.key").chmod(0o644)

    house.restarts()

    assert "others on this machine can read the secret key" in house.server.log()


def test_those_who_do_not_come_back_are_announced_as_gone(
    house_with: Callable[..., House],
) -> None:
    house = house_with(leave_grace_seconds=2)
    ada = house.people.open_room().connects()
    grace = house.people.join(ada.code).connects()
    grace.sees_kind("member_joined", by=grace.me["member_id"])

    house.restarts(signal.SIGKILL)
    ada.connects()

    left = ada.sees_kind("member_left", member_id=grace.me["member_id"])
    assert left["reason"] == "gone"
    names = [person["name"] for person in ada.welcomes[-1]["members"] if person["here"]]
    assert names == ["Ada", "Grace"]  # not announced before the grace was over


def test_a_room_whose_time_came_meanwhile_ends_but_not_before_people_could_come_back(
    house_with: Callable[..., House],
) -> None:
    house = house_with(leave_grace_seconds=0, room_grace_seconds=1)
    ada = house.people.open_room("Ada").connects()
    grace = house.people.open_room("Grace").connects()
    for person in (ada, grace):
        person.goes()
    wait_until(lambda: deadlines(house.file) == 2)
    house.server.stop()
    time.sleep(1.2)

    house.comes_back(leave_grace_seconds=3)
    ada.connects()

    wait_until(lambda: lookup(house, grace.code) == 404)
    assert lookup(house, ada.code) == 200
    assert ada.says("Still here")["ok"]


def test_a_stopping_server_keeps_what_was_posted(house_with: Callable[..., House]) -> None:
    house = house_with(**UNHURRIED)
    ada = house.people.open_room().connects()
    answers: list[Any] = []
    for number in range(150):
        body = {"key": f"k{number}", "text": f"{number}"}
        ada.client.emit("post", body, callback=answers.append)

    house.restarts()

    kept = texts(house, ada)
    acknowledged = [answer["seq"] for answer in answers if answer["ok"]]
    assert len(kept) >= len(acknowledged)
    assert kept == [f"{number}" for number in range(len(kept))]


def test_nothing_acknowledged_is_lost_or_doubled_however_often_the_server_is_killed(
    house_with: Callable[..., House],
) -> None:
    house = house_with(**UNHURRIED)
    chance = Random(7)
    ada = house.people.open_room()
    people = [ada, house.people.join(ada.code, "Grace"), house.people.join(ada.code, "Eve")]
    writers = [Writer(person) for person in people]
    for writer in writers:
        writer.start()

    for _ in range(6):
        time.sleep(chance.uniform(0.05, 0.6))
        house.restarts(signal.SIGKILL)
    for writer in writers:
        writer.stops()

    events = log_of(house, ada)
    posted = [event for event in events if event["kind"] == "message_posted"]
    by_key = {event["key"]: event["seq"] for event in posted}
    acknowledged = {key: seq for writer in writers for key, seq in writer.kept.items()}
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert max(Counter(event["key"] for event in posted).values()) == 1
    assert {key: by_key.get(key) for key in acknowledged} == acknowledged
    assert len(acknowledged) > 50
    for writer in writers:
        own = [by_key[key] for key in writer.kept]
        assert own == sorted(own)


class Writer(threading.Thread):
    """Posts one message after the other, each again and again until it is acknowledged."""

    def __init__(self, person: Person) -> None:
        super().__init__(daemon=True)
        self._person = person
        self._stopping = threading.Event()
        self.kept: dict[str, int] = {}  # key → the seq that was acknowledged

    def run(self) -> None:
        number = 0
        while not self._stopping.is_set():
            number += 1
            key = f"{self._person.me['name']}-{number}"
            while (seq := self._post(key)) is None:
                time.sleep(0.02)
            self.kept[key] = seq

    def stops(self) -> None:
        self._stopping.set()
        self.join(WAIT_SECONDS)
        assert not self.is_alive()

    def _post(self, key: str) -> int | None:
        url = f"{self._person.url}/api/v1/rooms/{self._person.code}/messages"
        body = {"key": key, "text": key}
        try:
            answer = requests.post(url, json=body, headers=self._person.bearer, timeout=5)
        except requests.RequestException:
            return None
        assert answer.status_code in {200, 201, 503}, answer.text
        return answer.json()["seq"] if answer.ok else None


# Faults of the disk


def test_a_full_disk_is_told_and_the_server_lives(house_with: Callable[..., House]) -> None:
    house = house_with(**UNHURRIED)
    ada = house.people.open_room().connects()
    grace = house.people.join(ada.code).connects()
    ada.says("before")
    process = psutil.Process(house.server.pid)

    process.rlimit(psutil.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    answer = ada.says("on a full disk", key="k1")
    assert not answer["ok"]
    assert answer["error"]["code"] == "unavailable"
    assert answer["error"]["retry_after_seconds"] > 0
    assert ada.asks("history", {})["ok"]
    refused = requests.post(
        f"{ada.url}/api/v1/rooms", json={"name": "Mallory"}, timeout=WAIT_SECONDS
    )
    assert refused.status_code == 503
    assert refused.headers["Retry-After"]

    process.rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    wait_until(lambda: ada.says("on a full disk", key="k1")["ok"])
    ada.says("after")
    grace.sees("after")
    assert grace.texts == ["before", "on a full disk", "after"]
    assert [event["seq"] for event in grace.events] == list(range(1, len(grace.events) + 1))

    house.restarts(signal.SIGKILL)
    assert texts(house, ada) == ["before", "on a full disk", "after"]


def test_a_file_that_another_program_locks_is_told_and_the_server_lives(
    house_with: Callable[..., House],
) -> None:
    house = house_with(**UNHURRIED)
    ada = house.people.open_room().connects()
    grace = house.people.join(ada.code)

    with closing(sqlite3.connect(house.file, isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        answer = ada.says("while it is locked", key="k1")
        assert answer["error"]["code"] == "unavailable"
        assert requests.get(f"{house.server.url}/health", timeout=WAIT_SECONDS).ok
        ada.goes()

    wait_until(lambda: ada.connects().says("while it is locked", key="k1")["ok"])
    grace.connects()
    assert grace.texts == ["while it is locked"]


# The command line


def run(*arguments: str, **settings: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flask_chat", *arguments],
        cwd=ROOT,
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_running_server_is_backed_up_and_restored_elsewhere(
    house_with: Callable[..., House], tmp_path: Path
) -> None:
    house = house_with()
    store = f"sqlite:///{house.file}"
    ada = house.people.open_room().connects()
    ada.says("in the backup")

    backup = run("backup", str(tmp_path / "copy.db"), store=store)
    ada.says("not in the backup")
    refused = run("restore", str(tmp_path / "copy.db"), store=store)
    house.server.stop()
    restored = run("restore", str(tmp_path / "copy.db"), "--store", store)
    house.comes_back()

    assert (backup.returncode, backup.stderr) == (0, "")
    assert "copy.db.key" in backup.stdout
    assert refused.returncode == 1
    assert f"Another server (process {ada_pid(refused)}) uses" in refused.stderr
    assert restored.returncode == 0
    assert "what was there is now" in restored.stdout
    assert texts(house, ada) == ["in the backup"]  # with the token of before


def ada_pid(refused: subprocess.CompletedProcess[str]) -> str:
    return refused.stderr.split("(process ")[1].split(")")[0]


def test_only_files_are_backed_up() -> None:
    refused = run("backup", "copy.db")

    assert refused.returncode == 2
    assert "Only sqlite: stores have a file" in refused.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"Dear Grace, " * 100, "file is not a database"), (None, "There is no directory")],
)
def test_a_store_that_cannot_be_used_ends_the_start_with_one_sentence(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    file = tmp_path / "letter.txt" if content else tmp_path / "missing" / "chat.db"
    if content:
        file.write_bytes(content)

    done = run("serve", "--port", "0", store=f"sqlite:///{file}")

    assert done.returncode == 1
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert content is None or file.read_bytes() == content


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (Path.mkdir, "cannot be read (Is a directory)"),
        (lambda key: key.write_text("short"), "holds no secret key; remove it"),
    ],
)
def test_a_secret_key_that_is_none_ends_the_start_with_one_sentence(
    tmp_path: Path, make: Callable[[Path], object], words: str
) -> None:
    make(tmp_path / "chat.db.key")

    done = run("serve", "--port", "0", store=f"sqlite:///{tmp_path / 'chat.db'}")

    assert done.returncode == 1
    assert words in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def lookup(house: House, code: str) -> int:
    url = f"{house.server.url}/api/v1/rooms/{code}"
    return requests.get(url, timeout=WAIT_SECONDS).status_code


def log_of(house: House, person: Person) -> list[dict[str, Any]]:
    """Everything that is kept of the room, over REST."""
    url, events = f"{house.server.url}/api/v1/rooms/{person.code}/events", []
    while True:
        after = events[-1]["seq"] if events else 0
        query = {"after": after, "limit": 100}
        answer = requests.get(url, params=query, headers=person.bearer, timeout=WAIT_SECONDS)
        assert answer.ok, answer.text
        events += answer.json()["events"]
        if not answer.json()["more"]:
            return events


def texts(house: House, person: Person) -> list[str]:
    return [event["text"] for event in log_of(house, person) if event["kind"] == "message_posted"]


def deadlines(file: Path) -> int:
    with closing(sqlite3.connect(file)) as db:
        return int(db.execute("SELECT count(deadline) FROM rooms").fetchone()[0])
