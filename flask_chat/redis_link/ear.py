"""Listening to shard channels: one connection and one greenlet for each node that has some.

What is published while a connection is down is not heard, and nothing here says what it was. Each
time a channel can be heard (again) its listener is told, who then has to look for what was missed.
"""

import random
from collections.abc import Callable, Iterable

import gevent
import redis
import structlog
from gevent.event import Event
from gevent.lock import RLock

from flask_chat.domain.errors import Unavailable
from flask_chat.redis_link.line import RETRY_AFTER_SECONDS
from flask_chat.redis_link.link import Link
from flask_chat.redis_link.places import slot_of
from flask_chat.redis_link.urls import Node
from flask_chat.redis_link.wire import LINK_ERRORS, TIMEOUT_SECONDS, Wire, packed

log = structlog.get_logger(__name__)

_SILENCE_SECONDS = 3.0  # before the node is asked whether it is there
_REST_SECONDS = (0.1, 0.2, 0.5, 1.0)  # before connecting again

Hear = Callable[[str, bytes], None]  # a channel, and what was published


class Ears:
    """All channels that are listened to. `hear` and `when_heard` must not wait."""

    def __init__(self, link: Link, hear: Hear, when_heard: Callable[[str], None]) -> None:
        self.link = link
        self.hear = hear
        self.when_heard = when_heard
        self.audible: dict[str, Event] = {}  # channel → set while it can be heard
        self._ears: dict[Node, _Ear] = {}
        self.is_closed = False
        link.when_back.append(self._distrust)

    def listen(self, channel: str) -> None:
        """Hear what is published from now on. Raises Unavailable."""
        audible = self.audible.get(channel)
        if audible is None:
            audible = self.audible[channel] = Event()
            self.place([channel])
        if not audible.wait(TIMEOUT_SECONDS):
            raise Unavailable(retry_after_seconds=RETRY_AFTER_SECONDS)

    def ignore(self, channel: str) -> None:
        """Hear nothing of this channel any more."""
        if self.audible.pop(channel, None) is not None:
            for ear in self._ears.values():
                ear.ignore(channel)

    def place(self, channels: Iterable[str]) -> None:
        """Listen to these channels where they are now."""
        for channel in channels:
            try:
                node = self.link.places.node(slot_of(channel))
            except (*LINK_ERRORS, redis.RedisError):
                gevent.spawn_later(_REST_SECONDS[-1], self.place_again, channel)
                continue
            ear = self._ears.get(node)
            if ear is None:
                ear = self._ears[node] = _Ear(self, node)
            ear.listen(channel)

    def place_again(self, channel: str) -> None:
        """Listen to this channel where it is now, if it still matters."""
        if channel in self.audible and not self.is_closed:
            self.place([channel])

    def over(self, ear: "_Ear", node: Node) -> None:
        """A node has gone: its channels may be elsewhere."""
        if self._ears.get(node) is ear:
            del self._ears[node]
        self.link.places.lost()
        for channel in list(ear.channels):
            if channel in self.audible:
                self.audible[channel].clear()
                self.place([channel])

    def _distrust(self) -> None:
        """Connect anew: the link was lost and is back, and these went the same way.

        After a break of the network an old connection looks sound and brings nothing for about as
        long as the break has lasted, until TCP tries again.
        """
        for ear in self._ears.values():
            ear.hang_up()

    def close(self) -> None:
        """Listen to nothing any more."""
        self.is_closed = True
        for ear in list(self._ears.values()):
            ear.close()


class _Ear:
    """The channels of one node."""

    def __init__(self, ears: Ears, node: Node) -> None:
        self.channels: set[str] = set()
        self._ears = ears
        self._node = node
        self._wire: Wire | None = None
        self._writing = RLock()
        self._greenlet = gevent.spawn(self._listen)

    def listen(self, channel: str) -> None:
        self.channels.add(channel)
        self._say(b"SSUBSCRIBE", channel)

    def ignore(self, channel: str) -> None:
        if channel in self.channels:
            self.channels.discard(channel)
            self._say(b"SUNSUBSCRIBE", channel)

    def hang_up(self) -> None:
        """Break the connection, as if the other side had."""
        if self._wire is not None:
            self._wire.close()

    def close(self) -> None:
        self._greenlet.kill()
        if self._wire is not None:
            self._wire.close()

    def _listen(self) -> None:
        """Hear until the connection breaks. Then somebody else takes these channels over."""
        for rest in _REST_SECONDS:
            try:
                self._wire = self._ears.link.places.connect(self._node)
                self._hear_all(self._wire)
            except (*LINK_ERRORS, redis.RedisError) as error:
                was_heard, self._wire = self._wire, None
                if was_heard is not None:
                    was_heard.close()
                    log.info("Redis is not heard any more", reason=str(error))
                gevent.sleep(rest * random.uniform(0.5, 1.5))
                if was_heard is not None:
                    break
        self._ears.over(self, self._node)

    def _hear_all(self, wire: Wire) -> None:
        with self._writing:
            channels = list(self.channels)
            wire.send(b"".join(packed((b"SSUBSCRIBE", channel)) for channel in channels))
        is_asked = False
        while True:
            try:
                message = wire.read(_SILENCE_SECONDS)
            except (redis.TimeoutError, TimeoutError):
                if is_asked:
                    raise
                is_asked = True
                self._say(b"PING")
                continue
            is_asked = False
            if isinstance(message, redis.ResponseError):
                raise message
            self._take(message)

    def _take(self, message: list[bytes]) -> None:
        kind = message[0]
        if kind == b"smessage":
            self._ears.hear(message[1].decode(), message[2])
        elif kind == b"ssubscribe":
            channel = message[1].decode()
            audible = self._ears.audible.get(channel)
            if audible is not None and channel in self.channels:
                self._ears.when_heard(channel)
                audible.set()
        elif kind == b"sunsubscribe":
            channel = message[1].decode()
            if channel in self.channels:  # its slot has moved to another node
                self.channels.discard(channel)
                self._ears.audible[channel].clear()
                self._ears.link.places.lost()
                self._ears.place([channel])

    def _say(self, *words: bytes | str) -> None:
        """Send, if there is a connection; what is said without one is said when there is."""
        with self._writing:
            if self._wire is not None:
                try:
                    self._wire.send(packed(words))
                except (*LINK_ERRORS, redis.RedisError):
                    pass  # the reader hears of it as well
