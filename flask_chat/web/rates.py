"""How often one address may do a thing. Guessing codes has rules of its own, in `guessing`.

What members do in their room is paced in `chat`, which knows who they are.
"""

import ipaddress
import math
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from flask_chat.domain.errors import PasscodeWrong, TooFast
from flask_chat.domain.limits import Bucket
from flask_chat.settings import Settings
from flask_chat.web.security_log import SecurityLog

_MOST_BUCKETS = 100_000
_MINUTE, _HOUR = 60, 3600


class Rate(NamedTuple):
    """`burst` at one go, `per_second` in the long run. Infinity is no limit."""

    burst: float
    per_second: float

    @classmethod
    def within(cls, count: float, seconds: float) -> "Rate":
        """So many at one go, and as many again in each such span."""
        return cls(count, count / seconds)


# For one room and one network: guessing a word of four letters takes years, and a typo nothing.
_WRONG_PASSCODES = Rate(10, 10 / _HOUR)


class Buckets:
    """A bucket for everybody who asks, by any key. Full ones are forgotten: memory is bounded."""

    def __init__(self, clock: Callable[[], float] = time.time, most: int = _MOST_BUCKETS) -> None:
        self._clock = clock
        self._most = most
        self._buckets: dict[Hashable, Bucket] = {}
        self._tidy_at = 1000

    def take(self, key: Hashable, rate: Rate) -> float:
        """Take a token. 0.0 if there was one, else the seconds until there is."""
        bucket = self._buckets.get(key)
        if bucket is None:
            if math.isinf(rate.burst):
                return 0.0
            if len(self._buckets) >= self._tidy_at:
                self._tidy()
            bucket = self._buckets[key] = Bucket()
        return bucket.take(rate.burst, rate.per_second, self._clock())

    def give_back(self, key: Hashable, rate: Rate) -> None:
        """Put back a token that was taken for nothing."""
        if bucket := self._buckets.get(key):
            bucket.give_back(rate.per_second)

    def __len__(self) -> int:
        return len(self._buckets)

    def _tidy(self) -> None:
        """Forget those that are full again, and if need be those that will be full first."""
        now = self._clock()
        kept = sorted(
            (
                (bucket.full_at, key)
                for key, bucket in self._buckets.items()
                if bucket.full_at > now
            ),
            key=lambda each: each[0],
        )
        if len(kept) >= self._most:
            kept = kept[self._most // 2 :]
        self._buckets = {key: self._buckets[key] for _, key in kept}
        self._tidy_at = min(self._most, max(1000, 2 * len(self._buckets)))


class Rates:
    """What one address may do: rooms, joins, handshakes, and attempts to enter over a socket."""

    def __init__(self, settings: Settings, buckets: Buckets, security: SecurityLog) -> None:
        self._buckets = buckets
        self._security = security
        self._rooms = Rate.within(settings.limit("rooms_per_hour"), _HOUR)
        self._joins = Rate.within(settings.limit("joins_per_minute"), _MINUTE)
        self._handshakes = Rate.within(settings.limit("handshakes_per_minute"), _MINUTE)

    def create_room(self, address: str) -> None:
        """Count a room. Raises TooFast."""
        self._take("room", self._rooms, address, "You have created many rooms.")

    def join(self, address: str) -> None:
        """Count a join. Raises TooFast."""
        sentence = "Many people have joined from your network just now."
        self._take("join", self._joins, address, sentence)

    def handshake(self, address: str) -> None:
        """Count a new Engine.IO connection. Raises TooFast."""
        sentence = "Many connections were opened from your network just now."
        self._take("handshake", self._handshakes, address, sentence)

    def connect(self, address: str) -> None:
        """Count an attempt to enter a room over a connection. Raises TooFast."""
        sentence = "Many connections were opened from your network just now."
        self._take("connect", self._handshakes, address, sentence)

    @contextmanager
    def passcode(self, room_id: str, address: str, tried: str) -> Iterator[None]:
        """Count a passcode that turns out to be wrong. Raises TooFast, before one is tried."""
        if not tried:
            yield
            return
        key = ("passcode", room_id, *networks(address)[:1])
        wait = self._buckets.take(key, _WRONG_PASSCODES)
        if wait:
            self._security.throttled("passcode", address)
            raise too_fast("Many wrong passcodes were tried.", wait, limit=_WRONG_PASSCODES.burst)
        try:
            yield
        except PasscodeWrong:
            raise
        except BaseException:
            self._buckets.give_back(key, _WRONG_PASSCODES)
            raise
        self._buckets.give_back(key, _WRONG_PASSCODES)

    def _take(self, what: str, rate: Rate, address: str, sentence: str) -> None:
        wait = self._buckets.take((what, sender(address)), rate)
        if wait:
            self._security.throttled(what, address)
            raise too_fast(sentence, wait, limit=rate.burst)


def too_fast(sentence: str, wait: float, **data: float) -> TooFast:
    """The refusal that says when to try again; never sooner than in a second."""
    wait = max(1.0, math.ceil(wait * 10) / 10)
    return TooFast(
        f"{sentence} Please try again in {wait_in_words(wait)}.", retry_after_seconds=wait, **data
    )


def wait_in_words(seconds: float) -> str:
    """A wait as people say it: "3 seconds", "2 minutes"."""
    if seconds < 90:
        whole = max(1, round(seconds))
        return "1 second" if whole == 1 else f"{whole} seconds"
    return f"{round(seconds / 60)} minutes"


def sender(address: str) -> str:
    """Whom an address stands for: itself in IPv4, its /64 in IPv6, where a home has no fewer."""
    return _prefix(address, 32, 64)


def networks(address: str) -> tuple[str, ...]:
    """The networks an address is in: its /24, or its /64 and the /48 a provider may give away."""
    if ":" in address and "." not in address:
        return _prefix(address, 24, 64), _prefix(address, 24, 48)
    return (_prefix(address, 24, 64),)


def _prefix(address: str, bits_v4: int, bits_v6: int) -> str:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = getattr(found, "ipv4_mapped", None)
    found = mapped or found
    bits = bits_v4 if found.version == 4 else bits_v6
    return str(ipaddress.ip_network((found, bits), strict=False))
