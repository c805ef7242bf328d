"""Counting in this process: the reference, and what a server without Redis has."""

import math
import time
from collections.abc import Callable, Hashable, Iterator

from flask_chat.domain.limits import Bucket
from flask_chat.pacing.base import (
    BRAKE_SECONDS,
    FORGIVEN_AFTER_SECONDS,
    LONGEST_WAIT_SECONDS,
    SHARES,
    Admission,
    Guesser,
    GuessRates,
    Rate,
)

_MOST_BUCKETS = 100_000
_MOST_RECORDS = 50_000
_MOST_SPENT = 100_000


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


class _Record:
    """What is remembered of somebody who was wrong."""

    __slots__ = ("brake", "brake_failures", "bucket", "failed_at", "free_at", "strikes")

    def __init__(self) -> None:
        self.bucket = Bucket()
        self.strikes = 0
        self.free_at = 0.0
        self.failed_at = 0.0
        self.brake = 0  # the brake that was on when they failed last
        self.brake_failures = 0


class LocalCounts:
    """Counts of this process alone (base.Counts)."""

    def __init__(self, rates: GuessRates, clock: Callable[[], float] = time.time) -> None:
        self._rates = rates
        self._clock = clock
        self._buckets = Buckets(clock)
        self._records: dict[str, _Record] = {}  # browser or network → those who failed last, last
        self._spent: dict[str, float] = {}  # challenge → when it expires; in that order
        self._brake = 0  # how many times it was put on
        self._brake_until = 0.0

    def take(self, what: str, who: str, rate: Rate) -> float:
        return self._buckets.take((what, who), rate)

    def put_back(self, what: str, who: str, rate: Rate) -> None:
        self._buckets.give_back((what, who), rate)

    def take_roughly(self, what: str, who: str, rate: Rate) -> float:
        return self._buckets.take((what, who), rate)

    def admit(self, guesser: Guesser) -> Admission:
        record = self._records.get(guesser.own)
        own_wait = max(0.0, record.free_at - self._clock()) if record else 0.0
        if own_wait and guesser.is_browser:
            return Admission("", own_wait, own_wait, is_braked=False)
        is_braked = self._is_braked(guesser)
        wait = self._take("codes", guesser)
        if not wait:
            return Admission("codes", own_wait, 0.0, is_braked)
        reserve_wait = self._take("reserve", guesser)
        if not reserve_wait:
            return Admission("reserve", own_wait, wait, is_braked)
        return Admission("", own_wait, min(wait, reserve_wait), is_braked)

    def give_back(self, guesser: Guesser, fund: str) -> None:
        for network, rate in self._shares(fund, guesser):
            self._buckets.give_back((fund, network), rate)

    def failed(self, guesser: Guesser, *, by_proof: bool) -> bool:
        now = self._clock()
        went_on = False
        if self._buckets.take("all", self._rates.all):
            went_on = now >= self._brake_until
            self._brake += went_on
            self._brake_until = now + BRAKE_SECONDS
        for key in dict.fromkeys((guesser.own, guesser.networks[0])):
            record = self._records.pop(key, None) or _Record()
            self._records[key] = record
            # Who proves work is somebody else than the others without a cookie in this network.
            if key == guesser.own and (guesser.is_browser or not by_proof):
                self._strike(record, now)
            if now < self._brake_until:
                record.brake_failures = 1 + record.brake_failures * (record.brake == self._brake)
                record.brake = self._brake
            record.failed_at = now
        self._forget(now)
        return went_on

    def spend(self, challenge: str, seconds: float) -> bool:
        if challenge in self._spent:
            return False
        now = self._clock()
        while self._spent:
            oldest = next(iter(self._spent))
            if self._spent[oldest] > now and len(self._spent) < _MOST_SPENT:
                break
            del self._spent[oldest]
        self._spent[challenge] = now + seconds
        return True

    def _take(self, fund: str, guesser: Guesser) -> float:
        """Take a token from each network of the guesser, or from none."""
        taken: list[tuple[str, Rate]] = []
        for network, rate in self._shares(fund, guesser):
            wait = self._buckets.take((fund, network), rate)
            if wait:
                for other, rate_of_other in taken:
                    self._buckets.give_back((fund, other), rate_of_other)
                return wait
            taken.append((network, rate))
        return 0.0

    def _shares(self, fund: str, guesser: Guesser) -> Iterator[tuple[str, Rate]]:
        for network, share in zip(guesser.networks, SHARES, strict=False):
            yield network, self._rates.of(fund, share)

    def _is_braked(self, guesser: Guesser) -> bool:
        """Whether the brake is on for this client, or for the network it is in."""
        if self._clock() >= self._brake_until:
            return False
        own = self._records.get(guesser.own)
        around = self._records.get(guesser.networks[0])
        return (own is not None and own.brake == self._brake) or (
            around is not None
            and around.brake == self._brake
            and around.brake_failures >= self._rates.own.burst
        )

    def _strike(self, record: _Record, now: float) -> None:
        if now - record.failed_at > FORGIVEN_AFTER_SECONDS:
            record.strikes = 0
        record.bucket.take(*self._rates.own, now)
        if record.strikes or record.bucket.take(*self._rates.own, now):
            record.strikes += 1
            record.free_at = now + min(LONGEST_WAIT_SECONDS, 2.0 ** min(record.strikes, 32))
        else:
            record.bucket.give_back(self._rates.own.per_second)

    def _forget(self, now: float) -> None:
        """Drop those whose last mistake is long ago, and the oldest when there are too many."""
        while self._records:
            oldest = next(iter(self._records))
            is_old = now - self._records[oldest].failed_at > FORGIVEN_AFTER_SECONDS
            if not is_old and len(self._records) <= _MOST_RECORDS:
                return
            del self._records[oldest]
