"""What people do at the same time, over a store that waits for a disk."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest

from flask_chat.chat import Chat, Welcome
from flask_chat.domain.errors import ChatError, RoomEnded, TokenInvalid, Unavailable
from flask_chat.domain.events import decode_event
from flask_chat.domain.limits import Limits
from flask_chat.domain.messages import Draft
from flask_chat.domain.rooms import Ref, RoomId
from flask_chat.stores.sqlite.store import SqliteStore


class Place:
    """A chat over a file, its clock, and what it tells the rooms."""

    def __init__(self, path: Path) -> None:
        self.now = 1_795_381_398.0
        self.told: list[dict[str, Any]] = []
        self.path = path
        self._open()

    def _open(self) -> None:
        limits = Limits(posts_burst=float("inf"))
        self.store = SqliteStore(self.path, limits, self._publish)
        self.chat = Chat(self.store, limits, lambda: self.now)

    def _publish(self, room_id: RoomId, seq: int, data: bytes) -> None:
        event = decode_event(data)
        assert event.seq == seq
        self.told.append({"kind": type(event).__name__, "by": event.by, "seq": seq})

    def restarts(self) -> None:
        """Close everything and open it again, as a server does."""
        self.store.close()
        self._open()
        self.chat.resume()

    def opens(self) -> Ref:
        return self.chat.create_room("Ada").ref

    def joins(self, ref: Ref, name: str = "Grace") -> Ref:
        return self.chat.join(self.chat.room(ref).code, name).ref

    def connects(self, ref: Ref) -> Welcome:
        self.chat.connection_opened(ref)
        return self.chat.enter(ref)

    def says(self, ref: Ref, text: str) -> int:
        return self.chat.post(ref, Draft(key=text.replace(" ", "-"), text=text)).seq

    def waits(self, seconds: float) -> None:
        self.now += seconds
        self.chat.tick()

    def kinds(self, by: Ref) -> list[str]:
        return [event["kind"] for event in self.told if event["by"] == by.member_id]

    def names_here(self, ref: Ref) -> list[str]:
        return [member.name for member in self.store.members(ref.room_id)]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "chat.db")
    yield place
    place.store.close()


def at_once(*acts: Callable[[], object]) -> list[object]:
    """Let all of this happen at the same time; what came of each, refusals included."""

    def outcome(act: Callable[[], object]) -> object:
        try:
            return act()
        except ChatError as refusal:
            return refusal

    started = [gevent.spawn(outcome, act) for act in acts]
    gevent.joinall(started)
    return [each.value for each in started]


def test_whoever_leaves_and_posts_at_once_says_nothing_after_leaving(place: Place) -> None:
    ada = place.opens()
    grace = place.joins(ada)

    _, late = at_once(lambda: place.chat.leave(grace), lambda: place.says(grace, "wait"))

    assert isinstance(late, TokenInvalid)
    assert place.kinds(grace) == ["MemberJoined", "MemberLeft"]


def test_somebody_who_leaves_in_two_tabs_leaves_once(place: Place) -> None:
    ada = place.opens()
    grace = place.joins(ada)

    outcomes = at_once(lambda: place.chat.leave(grace), lambda: place.chat.leave(grace))

    assert [type(each) for each in outcomes] == [type(None), TokenInvalid]
    assert place.kinds(grace) == ["MemberJoined", "MemberLeft"]


def test_somebody_who_comes_back_in_two_tabs_is_announced_once(place: Place) -> None:
    ada = place.opens()
    grace = place.joins(ada)
    place.connects(ada)
    place.waits(30)
    assert place.names_here(ada) == ["Ada"]

    first, second = at_once(lambda: place.connects(grace), lambda: place.connects(grace))

    assert isinstance(first, Welcome)
    assert isinstance(second, Welcome)
    assert first.me.here
    assert second.me.here
    assert place.kinds(grace) == ["MemberJoined", "MemberLeft", "MemberJoined"]


def test_whoever_comes_back_while_being_announced_as_gone_is_here_in_the_end(
    place: Place,
) -> None:
    ada = place.opens()
    grace = place.joins(ada)
    place.connects(ada)
    place.now += 30

    _, welcome = at_once(place.chat.tick, lambda: place.connects(grace))
    place.waits(30)

    assert isinstance(welcome, Welcome)
    assert welcome.me.here
    assert place.names_here(ada) == ["Ada", "Grace"]


def test_whoever_leaves_elsewhere_while_coming_back_is_gone_in_the_end(place: Place) -> None:
    ada = place.opens()
    grace = place.joins(ada)
    place.connects(ada)
    place.waits(30)

    left, welcome = at_once(lambda: place.chat.leave(grace), lambda: place.connects(grace))

    assert left is None
    assert isinstance(welcome, TokenInvalid)
    assert place.names_here(ada) == ["Ada"]


def test_a_room_that_somebody_enters_at_the_last_moment_lives_on(place: Place) -> None:
    ada = place.opens()
    place.waits(30)
    place.now += 3_600

    welcome, _ = at_once(lambda: place.connects(ada), place.chat.tick)

    assert isinstance(welcome, Welcome)
    assert place.says(ada, "Still here")
    place.waits(10)
    assert place.store.due(place.now) == []


def test_a_room_that_ends_twice_at_once_ends_once(place: Place) -> None:
    ada = place.opens()

    at_once(
        lambda: place.chat.end_room(ada.room_id, "ended"),
        lambda: place.chat.end_room(ada.room_id, "ended"),
        lambda: place.says(ada, "too late"),
    )

    assert [event["kind"] for event in place.told] == ["MemberJoined", "RoomEnded"]
    with pytest.raises(RoomEnded):
        place.chat.room(ada)


def test_two_people_who_want_one_name_at_once_get_two(place: Place) -> None:
    ada = place.opens()

    first, second = at_once(lambda: place.joins(ada, "Grace"), lambda: place.joins(ada, "Grace"))

    assert isinstance(first, Ref)
    assert isinstance(second, ChatError)
    assert second.data["suggestion"] != "Grace"


def test_a_disk_that_fails_delays_the_news_that_somebody_is_gone(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = place.opens()
    grace = place.joins(ada)
    place.connects(ada)

    def fails(changes: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(place.store._file, "write", fails)
        place.waits(30)
        with pytest.raises(Unavailable):
            place.chat.leave(grace)
        assert place.names_here(ada) == ["Ada", "Grace"]
    place.store._resting_until = 0.0
    place.waits(30)

    assert place.names_here(ada) == ["Ada"]
    assert place.kinds(grace) == ["MemberJoined", "MemberLeft"]


# After a restart


def test_after_a_restart_everybody_has_the_grace_to_come_back(place: Place) -> None:
    ada = place.opens()
    grace = place.joins(ada)
    for ref in (ada, grace):
        place.connects(ref)

    place.restarts()
    place.waits(10)
    place.connects(ada)
    place.waits(5)
    assert place.names_here(ada) == ["Ada", "Grace"]
    place.waits(10)

    assert place.names_here(ada) == ["Ada"]
    assert place.kinds(grace)[-1] == "MemberLeft"
    assert place.kinds(ada) == ["MemberJoined"]


def test_a_room_that_was_empty_for_too_long_meanwhile_ends_after_the_grace(place: Place) -> None:
    ada = place.opens()
    place.waits(30)
    place.now += 10_000

    place.restarts()
    place.waits(10)
    assert place.store.room_ids() == [ada.room_id]
    place.waits(15)

    assert place.store.room_ids() == []


def test_a_room_that_was_ending_when_the_server_died_is_gone_after_a_restart(place: Place) -> None:
    ada = place.opens()
    remove = place.store.remove_room
    place.store.remove_room = lambda room_id: None  # type: ignore[method-assign]
    place.chat.end_room(ada.room_id, "ended")
    place.store.remove_room = remove  # type: ignore[method-assign]

    place.restarts()
    place.waits(30)

    assert place.store.room_ids() == []
    assert [event["kind"] for event in place.told].count("RoomEnded") == 1
