"""A room whose host is gone for good gets another one.

When the host leaves, at once; when they were announced as gone, after the host grace. Each server
watches the rooms that somebody is in there, and the store lets only one of them be right.
"""

import math
from collections.abc import Callable

from flask_chat.domain.errors import ChatError, RoomEnded
from flask_chat.domain.events import HostChanged, moment
from flask_chat.domain.moderation import successor
from flask_chat.domain.rooms import RoomId
from flask_chat.stores.base import Append, Store


class Succession:
    """Watches rooms without their host. `clock` gives UTC seconds."""

    def __init__(self, store: Store, grace_seconds: float, clock: Callable[[], float]) -> None:
        self._store = store
        self._grace_seconds = grace_seconds
        self._clock = clock
        self._due: dict[RoomId, float] = {}  # rooms whose host is away → when somebody takes over

    def host_is_away(self, room_id: RoomId) -> None:
        """The host is not there now. If they still are not after the grace, somebody takes over."""
        if not math.isinf(self._grace_seconds):
            self._due.setdefault(room_id, self._clock() + self._grace_seconds)

    def take_over(self, room_id: RoomId) -> None:
        """Make another member of those here the host, if the host is not among them.

        Raises RoomEnded or Unavailable.
        """
        host_id, here = self._store.room(room_id).host_id, self._store.members(room_id)
        now = moment(self._clock())
        heir = successor(here, now)
        if heir is None or any(member.member_id == host_id for member in here):
            return
        change = HostChanged(at=now, member_id=heir, previous=host_id, reason="gone")
        (answer,) = self._store.append([Append(room_id, change)])
        if isinstance(answer, ChatError):
            raise answer

    def tick(self) -> None:
        """Look at the rooms whose time has come. Raises Unavailable, and then goes on later."""
        now = self._clock()
        for room_id in [room_id for room_id, due in self._due.items() if due <= now]:
            try:
                self.take_over(room_id)
            except RoomEnded:
                pass
            del self._due[room_id]
