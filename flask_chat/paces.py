"""How fast the members of a room may do things: a bucket for each member and kind of thing.

What strangers may do is counted in web/rates.py, for all servers together.
"""

from collections.abc import Callable

from flask_chat.domain.errors import TooFast
from flask_chat.domain.limits import Bucket, Limits
from flask_chat.domain.members import MemberId
from flask_chat.domain.rooms import Ref, RoomId

# A page says so every two seconds while somebody types, and once when they stop.
TYPING_BURST = 6
TYPING_PER_SECOND = 1

# A host who clears a flood away clicks fast; nobody has to click faster than this.
MODERATION_BURST = 30
MODERATION_PER_SECOND = 3

# Hashing one takes 30 ms, and all rooms wait for the same thread.
PASSCODES_BURST = 5
PASSCODES_PER_SECOND = 0.1

_ANYBODY = MemberId("")


class Paces:
    """Each method counts one thing a member does, or raises TooFast and counts nothing."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._buckets: dict[RoomId, dict[tuple[MemberId, str], Bucket]] = {}

    def post(self, ref: Ref) -> None:
        """A message."""
        self._take(ref, "post", self._limits.posts_burst, self._limits.posts_per_second)

    def typing(self, ref: Ref) -> None:
        """A change of typing."""
        self._take(ref, "typing", TYPING_BURST, TYPING_PER_SECOND)

    def history(self, ref: Ref) -> None:
        """A stretch of the log that is read."""
        self._take(ref, "history", self._limits.reads_burst, self._limits.reads_per_second)

    def moderation(self, ref: Ref) -> None:
        """What a host or co-host does."""
        self._take(ref, "moderation", MODERATION_BURST, MODERATION_PER_SECOND)

    def door(self, ref: Ref) -> None:
        """A look at who knocks or is banned, which takes nothing from what one may do.

        Pages look whenever somebody knocks, and those at the door decide how often.
        """
        self._take(ref, "door", MODERATION_BURST, MODERATION_PER_SECOND)

    def passcode(self, ref: Ref) -> None:
        """A change of the room's passcode, whoever makes it."""
        anybody = ref._replace(member_id=_ANYBODY)
        self._take(anybody, "passcode", PASSCODES_BURST, PASSCODES_PER_SECOND)

    def forget(self, room_id: RoomId) -> None:
        """The room is over."""
        self._buckets.pop(room_id, None)

    def _take(self, ref: Ref, doing: str, burst: float, per_second: float) -> None:
        buckets = self._buckets.setdefault(ref.room_id, {})
        bucket = buckets.get((ref.member_id, doing))
        if bucket is None:
            bucket = buckets[ref.member_id, doing] = Bucket()
        wait = bucket.take(burst, per_second, self._clock())
        if wait:
            raise TooFast(
                f"That was too fast: {burst:g} at once, then {per_second:g} a second.",
                limit=per_second,
                retry_after_seconds=round(wait + 0.05, 1),
            )
