"""Presence for several servers, kept in Redis: who is connected anywhere, and who is overdue.

Each server tells of its own people and has to be heard of every few seconds. The people of one that
is not get the grace to come back elsewhere; any server sees to that, and each person is given to
one server only. What happens here while Redis is away is told when it is back.
"""

import secrets
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, Generic, TypeVar

import gevent
import structlog

from flask_chat.domain.errors import ChatError, Unavailable
from flask_chat.redis_link.link import Command, Library, Link

log = structlog.get_logger(__name__)

LIBRARY = Library("presence", [Path(__file__).parent / "presence.lua"])

_BUCKETS = 16
_BEATS = 5  # while a server counts as alive
# A server that was given somebody to call gone has so long to do it, and so long for the people of
# a dead server.
_TELL_SECONDS = 15.0
_AT_ONCE = 500
_AGAIN_SECONDS = 0.5

Person = TypeVar("Person", bound=tuple[str, str])


class SharedPresence(Generic[Person]):
    """The presence of all servers that share a Redis. `make` builds a person from two words."""

    survives = True

    def __init__(
        self,
        link: Link,
        grace_seconds: float,
        make: Callable[[str, str], Person],
        *,
        alive_seconds: float = 10.0,
    ) -> None:
        """A server counts as dead when nothing is heard of it for `alive_seconds`."""
        link.add(LIBRARY)
        self.shares = 1
        self._link = link
        self._grace_seconds = grace_seconds
        self._make = make
        self._alive_seconds = alive_seconds
        self._connections: dict[Person, int] = {}  # on this server
        self._news: set[Person] = set()  # those Redis has to be told of
        self._back: list[Person] = []
        self._server = ""
        self._beaten_at = 0.0
        self._teller: gevent.Greenlet[[], None] | None = None
        self._heart: gevent.Greenlet[[], None] | None = None
        link.when_back.append(self._tell_all)

    def expect(self, person: Person) -> None:
        self._ask("expect", person, self._grace_seconds).get()

    def connected(self, person: Person) -> None:
        self._start()
        count = self._connections[person] = self._connections.get(person, 0) + 1
        if count > 1 and person not in self._news:
            return
        try:
            self._ask("connected", person, self._server).get()
        except ChatError:
            self.disconnected(person)
            self._tell_soon(person)
            raise

    def disconnected(self, person: Person) -> None:
        left = self._connections.get(person, 0) - 1
        if left > 0:
            self._connections[person] = left
        elif left == 0:
            del self._connections[person]
            self._tell_soon(person)

    def forget(self, person: Person) -> None:
        self._connections.pop(person, None)
        self._news.discard(person)
        self._ask("forget", person, self._server)  # who is told late is looked for in vain: fine

    def is_awaited(self, person: Person) -> bool:
        return person in self._connections or bool(self._ask("is_awaited", person).get())

    def overdue(self) -> list[Person]:
        self._start()
        name = LIBRARY.name("overdue")
        asked = [
            self._link.ask(key, "FCALL", name, 1, key, _TELL_SECONDS, _AT_ONCE, again=False)
            for key in map(self._key, range(_BUCKETS))
        ]
        return [self._person(word) for command in asked for word in command.get()]

    def settle(self, people: Collection[Person]) -> list[Person]:
        asked = self._ask_all("settle", people)
        return [self._person(word) for command in asked for word in command.get()]

    def returned(self) -> list[Person]:
        found, self._back = self._back, []
        return [person for person in found if person in self._connections]

    def stop(self) -> None:
        if self._heart is None:
            return
        self._heart.kill(block=False)
        try:
            self._tell()
            servers = self._servers()
            self._link.call(LIBRARY.name("retire"), servers, self._server)
        except ChatError:
            log.info("Redis could not be told that this server stops")

    # Telling Redis

    def _tell_soon(self, *people: Person) -> None:
        self._news.update(people)
        if self._teller is None and self._news:
            self._teller = gevent.spawn(self._tell_until_told)

    def _tell_all(self) -> None:
        """Redis was away, and may have lost something."""
        self._tell_soon(*self._connections)

    def _tell_until_told(self) -> None:
        try:
            while self._news:
                try:
                    self._tell()
                except ChatError:
                    gevent.sleep(_AGAIN_SECONDS)
        finally:
            self._teller = None

    def _tell(self) -> None:
        people, self._news = self._news, set()
        here = [person for person in people if person in self._connections]
        away = [person for person in people if person not in self._connections]
        asked = self._ask_all("connected", here, self._server)
        asked += self._ask_all("disconnected", away, self._server, self._grace_seconds)
        try:
            for command in asked:
                command.get()
        except Exception:
            self._news |= people
            raise

    # Being alive

    def _start(self) -> None:
        """Be known as a server, from the first connection or look on."""
        if self._heart is None:
            self._server = secrets.token_hex(6)
            self._heart = gevent.spawn(self._beat_on)
            self._beat(is_new=True)

    def _beat_on(self) -> None:
        while True:
            gevent.sleep(self._alive_seconds / _BEATS)
            try:
                self._beat()
            except Unavailable:
                continue
            except Exception as error:
                log.error("a heartbeat failed", exc_info=error)

    def _beat(self, *, is_new: bool = False) -> None:
        servers = self._servers()
        name = LIBRARY.name("beat")
        is_first = int(is_new or not self._beaten_at)
        is_alive, *news = self._link.call(
            name, servers, self._server, self._alive_seconds, is_first, _TELL_SECONDS
        )
        self._beaten_at = time.monotonic()
        if not is_alive:
            self._come_back()
            return
        self.shares, *dead = news
        for server in dead:  # which takes long when there are many people: the heart must go on
            gevent.spawn(self._drop, server)

    def _come_back(self) -> None:
        """The others took this server for dead. It goes on as a new one, with all its people."""
        log.warning("this server could not be seen by the others", people=len(self._connections))
        self._server = secrets.token_hex(6)
        self._beaten_at = 0.0
        self._beat()
        self._news.update(self._connections)
        self._tell()
        self._back = list(self._connections)

    def _drop(self, server: bytes) -> None:
        """Give the people of a dead server the grace. If that fails, another server is told to."""
        name = LIBRARY.name("drop")
        words = (server, self._grace_seconds, _AT_ONCE)
        keys = [self._key(bucket) for bucket in range(_BUCKETS)]
        try:
            while keys:
                asked = [self._link.ask(key, "FCALL", name, 1, key, *words) for key in keys]
                dropped = [command.get() for command in asked]
                keys = [key for key, n in zip(keys, dropped, strict=True) if n == _AT_ONCE]
        except ChatError as error:
            log.info("the people of a dead server were not all seen to", reason=str(error))

    # Words of Redis

    def _ask(self, function: str, person: Person, *words: Any) -> Command:
        key = self._key(_bucket(person))
        name = LIBRARY.name(function)
        return self._link.ask(key, "FCALL", name, 1, key, *words, _word(person))

    def _ask_all(self, function: str, people: Iterable[Person], *words: Any) -> list[Command]:
        by_bucket: dict[int, list[str]] = defaultdict(list)
        for person in people:
            by_bucket[_bucket(person)].append(_word(person))
        name = LIBRARY.name(function)
        return [
            self._link.ask(key, "FCALL", name, 1, key, *words, *some[start : start + _AT_ONCE])
            for key, some in ((self._key(bucket), some) for bucket, some in by_bucket.items())
            for start in range(0, len(some), _AT_ONCE)
        ]

    def _key(self, bucket: int) -> str:
        return f"{self._link.prefix}:{{here:{bucket}}}"

    def _servers(self) -> str:
        return f"{self._link.prefix}:servers"

    def _person(self, word: bytes) -> Person:
        return self._make(*word.decode().split(" "))


def _word(person: tuple[str, str]) -> str:
    return " ".join(person)


def _bucket(person: tuple[str, str]) -> int:
    return zlib.crc32(_word(person).encode()) % _BUCKETS
