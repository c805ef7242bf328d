"""A room whose host is gone for good gets another one.

When the host leaves, at once; when they were announced as gone, after the host grace. Each server
watches the rooms that somebody is in there, and the store lets only one of them be right.
"""

import math
from collections.abc import Callable
from contextlib import suppress
from itertools import islice

from flask_chat.domain.errors import ChatError, NotFound, RoomEnded, Unavailable
from flask_chat.domain.events import HostChanged, moment
from flask_chat.domain.members import MemberId
from flask_chat.domain.moderation import successor
from flask_chat.domain.rooms import RoomId
from flask_chat.stores.base import Append, Store

_LOOKS_PER_TICK = 100


class Succession:
    """Watches for rooms without their host. `clock` gives UTC seconds."""

    def __init__(self, store: Store, grace_seconds: float, clock: Callable[[], float]) -> None:
        self._store = store
        self._grace_seconds = grace_seconds
        self._clock = clock
        # Who may be a host and is away → when to look whether they still are. Nothing is asked of
        # the store before that.
        self._due: dict[tuple[RoomId, MemberId], float] = {}

    def gone(self, room_id: RoomId, member_id: MemberId) -> None:
        """Somebody was announced as gone. A host among them has the grace from now on."""
        if not math.isinf(self._grace_seconds):
            self._due[room_id, member_id] = self._clock() + self._grace_seconds

    def missing(self, room_id: RoomId, host_id: MemberId) -> None:
        """The host is not there. If nobody knows since when, the grace begins now."""
        if (room_id, host_id) not in self._due:
            self.gone(room_id, host_id)

    def left(self, room_id: RoomId, member_id: MemberId) -> None:
        """Somebody has left for good, and nobody waits for them."""
        self._due[room_id, member_id] = -math.inf
        with suppress(Unavailable):  # then at the next tick
            self.tick()

    def tick(self) -> None:
        """Look at those whose time has come. Raises Unavailable, and then goes on later."""
        now = self._clock()
        due = [person for person, at in self._due.items() if at <= now]
        for room_id, member_id in islice(due, _LOOKS_PER_TICK):
            with suppress(RoomEnded):
                self._take_over(room_id, member_id)
            self._due.pop((room_id, member_id), None)

    def _take_over(self, room_id: RoomId, host_id: MemberId) -> None:
        """Make another of those here the host, if this is the host and is not here."""
        while self._store.room(room_id).host_id == host_id:
            here, now = self._store.members(room_id), moment(self._clock())
            heir = successor(here, now)
            if heir is None or any(member.member_id == host_id for member in here):
                return
            change = HostChanged(at=now, member_id=heir, previous=host_id, reason="gone")
            (answer,) = self._store.append([Append(room_id, change)])
            if not isinstance(answer, NotFound):  # else the heir has just left as well
                if isinstance(answer, ChatError):
                    raise answer
                return
