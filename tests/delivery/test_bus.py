"""What the bus makes of pages of the log that do not go with what it has delivered."""

from collections.abc import Iterator

import gevent
import pytest

from flask_chat.delivery.bus import Bus
from flask_chat.redis_link.link import Link
from flask_chat.stores.base import Page

ROOM = "r-1"


class Silence:
    """Stands in for the ears: these tests hear of events from this server only."""

    def __init__(self, *_: object) -> None:
        pass

    def listen(self, channel: str) -> None:
        pass

    def close(self) -> None:
        pass


class Listeners:
    """Stands in for the fan-out."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def deliver(self, room_id: str, event: str, data: bytes) -> None:
        self.heard.append(data)


class Scene:
    """A bus, somebody who listens, and a log."""

    def __init__(self) -> None:
        self.log = [event(1)]
        self.listeners = Listeners()
        self.lost: list[str] = []
        self.bus = Bus(Link("redis://nowhere.invalid"), self.listeners)  # type: ignore[arg-type]
        self.bus.read_log = self._read_after
        self.bus.when_lost = self.lost.append
        self.bus.open(ROOM)
        assert self.comes_in(1)

    def posts(self, seq: int) -> None:
        """An event of this server is in the log, and delivered."""
        self.log.append(event(seq))
        self.bus.publish(ROOM, seq, event(seq))

    def comes_in(self, last_seq: int) -> bool:
        """Somebody has read the log when it ended here; whether they may be welcomed with it."""
        return self.bus.meet(ROOM, 1, [event(seq) for seq in range(1, last_seq + 1)], last_seq)

    def _read_after(self, room_id: str, after: int, limit: int) -> Page:
        start = max(after + 1, 1)
        return Page(self.log[start - 1 :], start, 1, len(self.log))


def event(seq: int) -> bytes:
    return b'{"seq":%d,"kind":"message_posted"}' % seq


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr("flask_chat.delivery.bus.Ears", Silence)
    made = Scene()
    yield made
    made.bus.stop()


def test_many_who_come_in_while_somebody_posts_read_again_and_nobody_starts_afresh(
    scene: Scene,
) -> None:
    scene.posts(2)

    welcomed = [scene.comes_in(1) for _ in range(5)]  # all have read before that
    gevent.sleep(0.1)

    assert welcomed == [False] * 5
    assert scene.lost == []
    assert scene.comes_in(2)


def test_a_log_that_has_lost_what_was_delivered_is_noticed_by_who_comes_in(scene: Scene) -> None:
    scene.posts(2)
    scene.log.pop()

    assert not scene.comes_in(1)
    gevent.sleep(0.1)

    assert scene.lost == [ROOM]
    assert scene.comes_in(1)
