"""Limits as numbers, and the one rate rule of the message path.

Rates per address are `web.rates`' matter, wrong codes that of `web.guessing`.
"""

import math

from msgspec import Struct


class Limits(Struct, frozen=True, kw_only=True):
    """The limits rooms are run by. `math.inf` where a limit is lifted."""

    name_characters: float = 32
    message_characters: float = 4000
    members_per_room: float = 500
    rooms: float = 100_000
    history_events: float = 10_000  # kept per room
    history_bytes: float = 8 * 1024 * 1024  # kept per room
    store_bytes: float = 1024**3  # the logs of all rooms together
    posts_burst: float = 10
    posts_per_second: float = 2
    reads_burst: float = 50
    reads_per_second: float = 10
    room_grace_seconds: float = 3600
    leave_grace_seconds: float = 20
    host_grace_seconds: float = 600


_CLOCK_ERROR_SECONDS = 1e-3  # a float holds the seconds since 1970 to 2.4e-7; a burst adds that up


class Bucket:
    """A token bucket, kept as one time: when it will be full again (GCRA, ITU-T I.371 annex A).

    Full at first; `burst` takes at once, then `per_second`.
    """

    __slots__ = ("full_at",)

    def __init__(self) -> None:
        self.full_at = 0.0

    def take(self, burst: float, per_second: float, now: float) -> float:
        """Take one token. 0.0 if there was one, else the seconds until there is (none is taken)."""
        if math.isinf(per_second) or math.isinf(burst):
            return 0.0
        filling = burst / per_second
        # Never more to fill than all of it, or a clock set back would lock people out for as long.
        self.full_at = min(self.full_at, now + filling)
        full_at = max(self.full_at, now) + 1 / per_second
        wait = full_at - filling - now
        if wait > _CLOCK_ERROR_SECONDS:
            return wait
        self.full_at = full_at
        return 0.0

    def give_back(self, per_second: float) -> None:
        """Put a token back that was taken for nothing."""
        if not math.isinf(per_second):
            self.full_at -= 1 / per_second
