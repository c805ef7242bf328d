"""How many bytes the logs of all rooms come to, on all servers together.

One number in Redis, which each server changes now and then by what it has added; close to the limit
at every append, so that the room that speaks can pay for what it says. A server that is killed
leaves up to 64 KB uncounted.
"""

import math
from collections.abc import Callable
from typing import Any

import structlog

from flask_chat.domain.limits import Limits
from flask_chat.domain.rooms import RoomId
from flask_chat.redis_link.line import Request
from flask_chat.redis_link.link import Library, Link
from flask_chat.redis_link.places import slot_of
from flask_chat.redis_link.wire import Word
from flask_chat.stores.redis.records import Keys

log = structlog.get_logger(__name__)

_UNSAID_BYTES = 65_536
_CLOSE = 0.9  # of the limit


class Weight:
    """Counts bytes, and makes rooms shrink."""

    def __init__(self, link: Link, library: Library, limits: Limits) -> None:
        self._link = link
        self._limit = limits.store_bytes
        self._keys = Keys(link.prefix)
        self._shrink = library.name("shrink")
        self._total = math.inf  # as far as is known; not at all at first
        self._unsaid = 0

    def add(self, room_id: RoomId, change: int, then: Callable[[], None]) -> None:
        """A room's log has grown by so many bytes; call `then` once there is room for them."""
        if math.isinf(self._limit):
            then()
            return
        self._unsaid += change
        if self._total + self._unsaid > self._limit * _CLOSE:
            self._say(lambda total: self._settle(room_id, total, then))
            return
        if abs(self._unsaid) > _UNSAID_BYTES:
            self._say(lambda _: None)
        then()

    def _say(self, then: Callable[[float], None]) -> None:
        unsaid, self._unsaid = self._unsaid, 0

        def said(total: Any) -> None:
            if total is None:
                self._unsaid += unsaid
            else:
                self._total = float(total)
            then(self._total)

        self._link.send(_Told(self._keys.bytes, ("INCRBY", self._keys.bytes, unsaid), said))

    def _settle(self, room_id: RoomId, total: float, then: Callable[[], None]) -> None:
        if total <= self._limit or math.isinf(total):
            then()
            return

        def shrunk(freed: Any) -> None:
            self._unsaid -= freed or 0
            if freed:
                self._say(lambda _: then())
            else:
                then()

        room = self._keys.room(room_id)
        over = math.ceil(total - self._limit)
        self._link.send(_Told(room, ("FCALL", self._shrink, 1, room, over), shrunk))


class _Told(Request):
    """A command whose answer somebody is called with; None when there is none."""

    __slots__ = ("_command", "_then")

    def __init__(self, key: str, command: tuple[Word, ...], then: Callable[[Any], None]) -> None:
        super().__init__(slot_of(key), again=False)
        self._command = command
        self._then = then

    def command(self) -> tuple[Word, ...]:
        return self._command

    def done(self, reply: Any) -> None:
        self._then(reply)

    def failed(self, error: Exception) -> None:
        log.debug("bytes not counted", reason=str(error))
        self._then(None)
