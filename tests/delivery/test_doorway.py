"""A storm of newcomers: few come in at a time, the others wait without costing anything."""

import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from flask_chat.delivery.doorway import Doorway
from tests.delivery.raw import Server

WIDTH = 8


class Socket:
    """A wire, as far as a doorway knows it."""

    def __init__(self) -> None:
        self.is_read = True

    def stop(self) -> None:
        self.is_read = False

    def go_on(self) -> None:
        self.is_read = True


class Newcomer:
    """A session, as far as a doorway knows it."""

    def __init__(self) -> None:
        self.wire: Socket | None = Socket()
        self.closed = False


class Scene:
    """A doorway with people before it, and turns that end when they are told to."""

    def __init__(self) -> None:
        self._after: list[Callable[[], None]] = []
        self.called: list[Newcomer] = []
        self.doorway = Doorway(self._after.append, self.called.append)  # type: ignore[arg-type]
        self.people = [Newcomer() for _ in range(20)]

    def knock(self, *numbers: int) -> list[int]:
        """Those who may come in."""
        people = self.people
        return [each for each in numbers if self.doorway.enter(people[each])]  # type: ignore[arg-type]

    def leave(self, *numbers: int) -> None:
        for each in numbers:
            self.doorway.leave(self.people[each])  # type: ignore[arg-type]

    def turn(self) -> None:
        after, self._after[:] = self._after[:], []
        for act in after:
            act()

    def waiting(self) -> list[int]:
        return [
            number for number, each in enumerate(self.people) if each.wire and not each.wire.is_read
        ]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_few_come_in_and_the_others_are_not_read(scene: Scene) -> None:
    assert scene.knock(*range(12)) == list(range(WIDTH))
    assert scene.waiting() == [8, 9, 10, 11]


def test_the_next_is_called_when_what_was_made_is_sent(scene: Scene) -> None:
    scene.knock(*range(12))

    scene.leave(0, 1)
    assert scene.waiting() == [8, 9, 10, 11]
    assert not scene.called
    scene.turn()

    assert scene.waiting() == [10, 11]
    assert scene.called == scene.people[8:10]
    assert scene.knock(8, 9, 10) == [8, 9]  # they were called; this one was not


def test_nobody_overtakes_those_who_wait(scene: Scene) -> None:
    scene.knock(*range(10))
    scene.leave(*range(8))

    assert scene.knock(10) == []
    scene.turn()
    assert scene.waiting() == []


def test_who_goes_while_waiting_is_not_called(scene: Scene) -> None:
    scene.knock(*range(10))
    scene.people[8].closed = True
    scene.leave(8)
    scene.turn()

    scene.leave(0)
    scene.turn()

    assert scene.knock(9) == [9]


def test_who_goes_when_called_makes_room_for_the_next(scene: Scene) -> None:
    scene.knock(*range(10))
    scene.leave(0)
    scene.turn()

    scene.leave(8)
    scene.turn()

    assert scene.waiting() == []


def test_who_asks_a_second_time_is_not_in_the_way(scene: Scene) -> None:
    assert scene.knock(0, 0, 0, 1) == [0, 0, 0, 1]
    assert scene.knock(*range(2, 10)) == [2, 3, 4, 5, 6, 7]


def test_a_poll_has_been_read_already(scene: Scene) -> None:
    scene.knock(*range(10))
    scene.people[11].wire = None

    assert scene.knock(11) == [11]


# With a real server

PAUSE = 0.3


def test_all_of_a_crowd_come_in_a_few_at_a_time(start: Callable[..., Server]) -> None:
    server = start(may_block=True, pause=PAUSE)
    with ExitStack() as stack:
        crowd = [stack.enter_context(server.socket()) for _ in range(2 * WIDTH + 2)]
        began = time.monotonic()
        for each in crowd:
            assert each.text()[0] == "0"  # Engine.IO's greeting
            each.send("40")
        crowd.pop(WIDTH + 1).ends()  # gone while it waited

        took = []
        for each in crowd:
            assert each.text().startswith('40{"sid":')
            took.append(time.monotonic() - began)

    assert took[0] >= PAUSE
    assert took[WIDTH] >= 2 * PAUSE
    assert took[-1] >= 3 * PAUSE


@pytest.mark.parametrize(
    "hurry",
    [
        {"connect_timeout_seconds": PAUSE * 1.5},
        # Nothing is sent while one's own handler runs, so a ping may take as long as that.
        {"ping_interval_seconds": PAUSE / 2, "ping_timeout_seconds": PAUSE},
    ],
)
def test_nobody_is_late_because_of_those_before_them(
    start: Callable[..., Server], hurry: dict[str, float]
) -> None:
    """The time to CONNECT and that to answer a ping do not run out in the line."""
    server = start(may_block=True, pause=PAUSE, **hurry)
    with ExitStack() as stack:
        crowd = [stack.enter_context(server.socket()) for _ in range(3 * WIDTH + 1)]
        for each in crowd:
            each.send("40")

        assert crowd[-1].texts(2)[1].startswith("40{")
