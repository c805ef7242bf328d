"""When a room is sent to: at once as a rule, a little later where more is about to come."""

import json
import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from flask_chat.delivery import outbox
from flask_chat.delivery.outbox import Outbox
from flask_chat.delivery.rooms import Room
from tests.delivery.raw import CLOSE, Server

GATHER = 0.004


class Street:
    """Rooms with one listener each, a clock that is moved by hand, and what was sent when."""

    def __init__(self, gather_seconds: float = GATHER) -> None:
        self.now = 1000.0
        self.sent: list[tuple[float, str, str]] = []
        self.alarms: list[float] = []
        self.outbox = Outbox(gather_seconds, lambda wait: self.alarms.append(self.now + wait))
        self.rooms: dict[str, Room] = {}

    def hears(self, name: str, *texts: str) -> None:
        """One turn in which these come for a room."""
        room = self.rooms.get(name) or self._open(name)
        for text in texts:
            if not room.frames:
                self.outbox.rooms.append(room)
            room.add(text.encode())
        self.outbox.flush()

    def waits(self, ms: float) -> None:
        """Time passes; alarms that were set ring."""
        until = self.now + ms / 1000
        while self.alarms and min(self.alarms) <= until + 1e-6:
            self.now = self.alarms.pop(self.alarms.index(min(self.alarms)))
            self.outbox.flush()
        self.now = until

    def _open(self, name: str) -> Room:
        def send(data: bytes) -> int:
            self.sent.append((round((self.now - 1000) * 1000, 3), name, data.decode()))
            return len(data)

        room = self.rooms[name] = Room(name)
        room.members, room.sends = [None], [send]  # type: ignore[list-item]
        return room


@pytest.fixture
def street(monkeypatch: pytest.MonkeyPatch) -> Street:
    made = Street()
    monkeypatch.setattr(outbox, "monotonic", lambda: made.now)
    return made


def test_what_comes_alone_is_sent_at_once(street: Street) -> None:
    for _ in range(3):
        street.hears("quiet", "a")
        street.waits(5)

    assert street.sent == [(0, "quiet", "a"), (5, "quiet", "a"), (10, "quiet", "a")]


def test_a_room_that_talks_fast_waits_for_more(street: Street) -> None:
    street.hears("busy", "a", "b")
    street.waits(1)
    street.hears("busy", "c")
    street.waits(3)
    street.hears("busy", "d")
    street.waits(10)

    assert street.sent == [(0, "busy", "ab"), (5, "busy", "cd")]


def test_what_just_missed_the_last_text_is_a_reason_to_wait_the_next_time(street: Street) -> None:
    for ms in (1, 1, 1, 10):
        street.hears("busy", "a")
        street.waits(ms)

    assert street.sent == [(0, "busy", "a"), (1, "busy", "a"), (6, "busy", "aa")]


def test_who_has_waited_in_vain_for_some_time_does_not_wait_again(street: Street) -> None:
    street.hears("busy", "a", "b")
    for _ in range(8):
        street.waits(10)
        street.hears("busy", "c")
    street.waits(10)

    assert [at for at, _, _ in street.sent] == [0, 14, 24, 34, 44, 54, 64, 74, 80]


def test_one_at_a_time_waits_for_others_only_now_and_then(street: Street) -> None:
    """As with one message in flight, which always just misses the last text."""
    for _ in range(48):
        street.hears("busy", "a")
        waited = len(street.alarms)
        street.waits(GATHER * 1000 + 1 if waited else 1)

    times = [at for at, _, _ in street.sent]
    assert len(times) == 48
    assert sum(after - before > 2 for before, after in pairwise(times)) in (3, 4, 5, 6)


def test_company_of_long_ago_is_forgotten(street: Street) -> None:
    street.hears("busy", "a", "b")
    street.waits(105)
    street.hears("busy", "c")

    assert street.sent == [(0, "busy", "ab"), (105, "busy", "c")]


def test_as_many_as_came_together_lately_are_not_kept_waiting(street: Street) -> None:
    street.hears("busy", "a", "b", "c")
    street.waits(1)
    street.hears("busy", "a", "b", "c")  # the first time it is looked how many there are
    street.waits(6)
    street.sent.clear()

    street.hears("busy", "a", "b", "c")
    street.waits(1)
    street.hears("busy", "a", "b")
    street.waits(6)

    assert street.sent == [(7, "busy", "abc"), (12, "busy", "ab")]


def test_now_and_then_it_is_looked_whether_there_are_more_by_now(street: Street) -> None:
    for _ in range(20):
        street.hears("busy", "a", "b")
        street.waits(6)
    for _ in range(30):
        street.hears("busy", "a", "b")
        street.waits(1)
        street.hears("busy", "c", "d")
        street.waits(6)

    texts = [text for _, _, text in street.sent]
    assert texts[:20] == ["ab"] * 20
    assert texts[-4:] == ["abcd"] * 4


def test_who_is_late_now_and_then_is_still_expected(street: Street) -> None:
    street.hears("busy", "a", "b", "c")
    for _ in range(6):
        street.hears("busy", "a", "b")
        street.waits(6)
    street.sent.clear()

    street.hears("busy", "a", "b")
    street.hears("busy", "c")
    street.waits(6)

    assert [text for _, _, text in street.sent] == ["abc"]


def test_who_stays_away_is_not_expected_any_more(street: Street) -> None:
    street.hears("busy", "a", "b", "c")
    for _ in range(8):
        street.hears("busy", "a", "b")
        street.waits(6)
    street.sent.clear()

    street.hears("busy", "a", "b")

    assert [text for _, _, text in street.sent] == ["ab"]


def test_each_room_waits_for_itself(street: Street) -> None:
    street.hears("one", "a", "b")
    street.hears("two", "a", "b")
    street.waits(1)
    street.hears("one", "c")
    street.waits(1)
    street.hears("two", "c")
    street.hears("three", "c")
    street.waits(10)

    assert street.sent[2:] == [(2, "three", "c"), (5, "one", "c"), (6, "two", "c")]


def test_without_a_time_to_gather_nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    street = Street(gather_seconds=0)
    monkeypatch.setattr(outbox, "monotonic", lambda: street.now)
    street.hears("busy", "a", "b")
    street.hears("busy", "c")

    assert street.sent == [(0, "busy", "ab"), (0, "busy", "c")]


# With a real server

Start = Callable[..., Server]


def test_an_acknowledgement_comes_with_the_event_it_stands_behind(start: Start) -> None:
    server = start(gather_seconds=0.3)
    with server.enters("busy") as ada, server.enters("busy") as grace:
        ada.send('42["say","busy","first",2]')
        assert grace.texts(2) == ['42["said",["first",0]]', '42["said",["first",1]]']
        ada.texts(2)

        started = time.monotonic()
        ada.send('421["say","busy","x"]')
        grace.send('422["whisper","busy","y"]')

        assert ada.texts(3) == ['42["said",["x",0]]', '431["said"]', '42["said",["y",0]]']
        assert grace.texts(2) == ['42["said",["x",0]]', '432["said"]']
        assert time.monotonic() - started < 5


def test_nobody_waits_for_a_room_they_are_not_in(start: Start) -> None:
    server = start(gather_seconds=30)
    with server.enters("busy") as ada, server.enters("other") as grace:
        ada.send('42["say","busy","first",2]', '42["say","busy","held back"]')
        grace.send('421["say","other","x"]')

        assert grace.texts(2) == ['42["said",["x",0]]', '431["said"]']


def test_who_leaves_gets_at_once_what_was_held_back(start: Start) -> None:
    server = start(gather_seconds=30)
    with server.enters("busy") as ada:
        ada.send('42["say","busy","first",2]')
        ada.texts(2)
        ada.send('42["say","busy","x"]', '421["exit"]')

        assert ada.texts(2) == ['42["said",["x",0]]', '431["out"]']


def test_who_is_sent_away_gets_what_was_held_back_first(start: Start) -> None:
    server = start(gather_seconds=30)
    with server.enters("busy") as ada:
        ada.send('42["say","busy","first",2]')
        ada.texts(2)
        ada.send('42["say","busy","x"]', '421["bye"]')

        assert ada.texts(3) == ['42["said",["x",0]]', '431["bye"]', "41"]
        assert ada.frame()[0] == CLOSE


def test_who_comes_in_meanwhile_gets_only_what_comes_then(start: Start) -> None:
    server = start(gather_seconds=0.3)
    with server.enters("busy") as ada:
        ada.send('42["say","busy","first",2]')
        ada.texts(2)
        ada.send('42["say","busy","before"]')
        with server.enters("busy") as grace:
            ada.send('42["say","busy","after"]')

            assert json.loads(grace.text()[2:]) == ["said", ["after", 0]]
            assert [ada.text() for _ in range(2)] == [
                '42["said",["before",0]]',
                '42["said",["after",0]]',
            ]
