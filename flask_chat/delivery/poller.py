"""Waiting for many sockets with one watcher of the event loop.

On Linux the sockets live in an epoll object of our own; gevent watches only that, and one call
tells which of them are ready. Elsewhere (macOS, Windows) each socket gets a gevent watcher. Either
way the reactor calls `ready` and gets file descriptors with EPOLLIN and EPOLLOUT.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from gevent import get_hub, monkey

READ, WRITE = 1, 2  # also libev's values
_MOST = 512  # sockets told about in one call; the others are next


class Poller(Protocol):
    """What the reactor needs. `wake` is called by the loop when something is ready."""

    def add(self, fd: int) -> None: ...
    def change(self, fd: int, interest: int) -> None: ...
    def remove(self, fd: int) -> None: ...
    def ready(self) -> list[tuple[int, int]]: ...
    def arm(self, wake: Callable[[], None]) -> None: ...
    def disarm(self) -> None: ...


class Epoll:
    """One epoll object, watched by one watcher. Level-triggered: what is left is told again."""

    def __init__(self, epoll: Any) -> None:
        self._epoll = epoll
        self._watcher = get_hub().loop.io(epoll.fileno(), READ)
        self.ready: Callable[[], list[tuple[int, int]]] = partial(epoll.poll, 0, _MOST)

    def add(self, fd: int) -> None:
        self._epoll.register(fd, READ)

    def change(self, fd: int, interest: int) -> None:
        # EPOLLIN is 1, EPOLLOUT is 4; errors and hang-ups are always reported
        self._epoll.modify(fd, (interest & READ) | (4 if interest & WRITE else 0))

    def remove(self, fd: int) -> None:
        self._epoll.unregister(fd)

    def arm(self, wake: Callable[[], None]) -> None:
        self._watcher.start(wake)

    def disarm(self) -> None:
        self._watcher.stop()


class Watchers:
    """The fall-back: a watcher for each socket, and a set of those that are ready."""

    def __init__(self) -> None:
        self._loop = get_hub().loop
        self._watchers: dict[int, Any] = {}
        self._interest: dict[int, int] = {}
        self._ready: set[int] = set()
        self._wake: Callable[[], None] | None = None

    def add(self, fd: int) -> None:
        self._watch(fd, READ)

    def change(self, fd: int, interest: int) -> None:
        self._unwatch(fd)
        self._watch(fd, interest)

    def remove(self, fd: int) -> None:
        self._unwatch(fd)
        self._ready.discard(fd)

    def ready(self) -> list[tuple[int, int]]:
        fds, self._ready = self._ready, set()
        found = []
        for fd in fds:
            interest = self._interest.get(fd, 0)
            if interest:
                self._watchers[fd].start(self._note, fd)
                found.append((fd, (interest & READ) | (4 if interest & WRITE else 0)))
        return found

    def arm(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def disarm(self) -> None:
        self._wake = None

    def _watch(self, fd: int, interest: int) -> None:
        self._interest[fd] = interest
        if interest:
            watcher = self._watchers[fd] = self._loop.io(fd, interest)
            watcher.start(self._note, fd)

    def _unwatch(self, fd: int) -> None:
        self._interest.pop(fd, None)
        watcher = self._watchers.pop(fd, None)
        if watcher is not None:
            watcher.stop()
            watcher.close()

    def _note(self, fd: int) -> None:
        # stopped until the reactor has looked, or a busy socket would spin the loop
        self._watchers[fd].stop()
        self._ready.add(fd)
        if self._wake is not None:
            self._wake()


def make_poller() -> Poller:
    """The best there is here (gevent takes `select.epoll` away when it patches)."""
    try:
        epoll = monkey.get_original("select", "epoll")
    except AttributeError:
        epoll = getattr(select, "epoll", None)
    return Epoll(epoll()) if epoll is not None else Watchers()
