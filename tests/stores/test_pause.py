"""When the SQLite store's commits start."""

import time

import gevent
import pytest

from flask_chat.stores.sqlite import pause as module
from flask_chat.stores.sqlite.pause import Pause

SHORT, LONG = 0.02, 30.0


class Crowd:
    """So many who post, and post again as soon as they are answered."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self._pause = Pause()
        self._waiting: list[str] = []

    def commits(self, people: int, pause_seconds: float, there: int = 0) -> float:
        """How long the commit waits that so many come for; the next pause is so long.

        `there` are those who have come while the last commit was written.
        """
        began = time.monotonic()
        self._waiting.extend(["a change"] * there)
        coming = gevent.spawn(self._come, people)
        self._patch.setattr(module, "_PAUSE_SECONDS", pause_seconds)
        with gevent.Timeout(5):
            self._pause.wait(self._waiting)
        coming.get()
        self._waiting.clear()
        return time.monotonic() - began

    def _come(self, people: int) -> None:
        for _ in range(people):
            self._waiting.append("a change")
            self._pause.note(len(self._waiting))
            gevent.sleep(0)


@pytest.fixture
def crowd(monkeypatch: pytest.MonkeyPatch) -> Crowd:
    return Crowd(monkeypatch)


def test_a_commit_after_a_while_of_silence_starts_at_once(crowd: Crowd) -> None:
    assert crowd.commits(1, LONG) < 1


def test_a_pause_ends_when_all_who_came_the_last_time_are_here_again(crowd: Crowd) -> None:
    crowd.commits(20, SHORT)
    assert crowd.commits(20, LONG) > SHORT / 2  # counts them

    assert crowd.commits(20, LONG) < 1
    assert crowd.commits(20, LONG) < 1


def test_a_few_wait_for_the_end_of_the_pause(crowd: Crowd) -> None:
    crowd.commits(15, SHORT)

    assert all(crowd.commits(15, SHORT) > SHORT / 2 for _ in range(3))


def test_after_some_have_stayed_away_those_who_come_are_counted_anew(crowd: Crowd) -> None:
    crowd.commits(40, SHORT)
    crowd.commits(40, SHORT)

    assert crowd.commits(20, SHORT) > SHORT / 2  # twenty are missing
    assert crowd.commits(20, LONG) > SHORT / 2  # counts those who are left
    assert crowd.commits(20, LONG) < 1


def test_a_crowd_that_has_grown_is_waited_for_as_a_whole(crowd: Crowd) -> None:
    crowd.commits(20, SHORT)
    crowd.commits(20, LONG)

    assert crowd.commits(0, SHORT, there=180) < 1  # more than were counted
    assert crowd.commits(100, LONG, there=20) > SHORT / 2  # and so twenty are not all any more


def test_others_get_to_run_before_each_commit(crowd: Crowd) -> None:
    ran: list[str] = []
    gevent.spawn(ran.append, "somebody who reads")

    crowd.commits(0, SHORT)

    assert ran
