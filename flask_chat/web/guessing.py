"""Guessing codes: how many wrong ones may be tried, by one client, one network, and all together.

Only wrong codes cost something. Whether a look-up is answered is decided before the code is looked
at, so that being refused tells nothing about it. SECURITY.md has the reasons and the arithmetic.

- A *client* is a browser (by its signed cookie), or else its network. After a number of wrong codes
  it has to wait before it may ask again, each time twice as long.
- A *network* has so many wrong codes a day. When they are used up, a proof of work opens a reserve:
  one person's mistakes do not shut out those around them.
- *All together*: beyond a rate a brake is on, and those who fail then need proofs of work.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from flask_chat.domain.errors import CodeTaken, ProofRequired, RoomNotFound
from flask_chat.domain.limits import Bucket
from flask_chat.settings import Settings
from flask_chat.web.proof_of_work import ProofsOfWork
from flask_chat.web.rates import Buckets, Rate, networks, too_fast
from flask_chat.web.security_log import SecurityLog

LONGEST_WAIT_SECONDS = 900
FORGIVEN_AFTER_SECONDS = 3600
BRAKE_SECONDS = 60
RESERVE = 0.5  # what proofs of work open, as a part of what a network has
_SHARES = (1.0, 4.0)  # of an IPv6 /64, and of the /48 around it
_DAY = 86_400
_MOST_RECORDS = 50_000


@dataclass(frozen=True, slots=True)
class Client:
    """Who wants to know: an address, the id in the browser's signed cookie, a proof of work."""

    address: str
    browser: str = ""
    proof: str = ""


class _Admitted(NamedTuple):
    """How a look-up was let through: which token it took, and whether a proof was given for it."""

    kind: str
    by_proof: bool


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


class Guesses:
    """Decides who may look up a code, and remembers who was wrong."""

    def __init__(
        self,
        settings: Settings,
        proofs: ProofsOfWork,
        buckets: Buckets,
        security: SecurityLog,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._own = Rate.within(settings.limit("failed_lookups_per_minute"), 60)
        self._all = Rate.within(settings.limit("failed_lookups_overall_per_minute"), 60)
        # Half at one go and half over the day: no 24 hours hold more than the whole.
        half = settings.limit("failed_lookups_per_day") / 2
        self._network = Rate.within(half, _DAY)
        self._proofs = proofs
        self._buckets = buckets
        self._security = security
        self._clock = clock
        self._records: dict[str, _Record] = {}  # browser or network → those who failed last, last
        self._brake = 0  # how many times it was put on
        self._brake_until = 0.0

    @contextmanager
    def look_up(self, client: Client) -> Iterator[None]:
        """Around a look-up, which raises RoomNotFound for a wrong code.

        Raises TooFast or ProofRequired before anything is looked up.
        """
        admitted = self._admit(client)
        try:
            yield
        except RoomNotFound:
            self._failed(client, by_proof=admitted.by_proof)
            raise
        except BaseException:
            self._give_back(admitted.kind, client)
            raise
        self._give_back(admitted.kind, client)

    @contextmanager
    def wanted_code(self, client: Client) -> Iterator[None]:
        """Around creating a room with a wanted code, which tells whether there is one as well.

        Raises TooFast or ProofRequired.
        """
        admitted = self._admit(client)
        try:
            yield
        except CodeTaken:
            self._give_back(admitted.kind, client)
            raise

    def _admit(self, client: Client) -> _Admitted:
        """Take a token for a wrong code, which is given back for a right one."""
        own_wait = self._wait_of(client)
        if own_wait and client.browser:
            self._security.throttled("wrong codes", client.address)
            raise too_fast("Those were many wrong codes.", own_wait)
        needs_proof = bool(own_wait) or self._is_braked(client)
        kind = "codes"
        wait = self._take(kind, client)
        if wait:
            kind = "codes by proof"
            reserve_wait = self._take(kind, client)
            if reserve_wait:
                self._security.throttled("wrong codes of a network", client.address)
                sentence = "Very many wrong codes were tried from your network."
                raise too_fast(sentence, min(wait, reserve_wait))
            needs_proof = True
        network = networks(client.address)[0]
        if needs_proof and not self._proofs.accept(client.proof, network):
            self._give_back(kind, client)
            raise ProofRequired(
                retry_after_seconds=round(max(own_wait, wait, 1.0), 1),
                challenge=self._proofs.challenge(network),
            )
        return _Admitted(kind, needs_proof)

    def _take(self, kind: str, client: Client) -> float:
        """Take a token from each network the address is in, or from none."""
        taken: list[tuple[str, Rate]] = []
        for network, rate in self._rates(kind, client):
            wait = self._buckets.take((kind, network), rate)
            if wait:
                for other, rate_of_other in taken:
                    self._buckets.give_back((kind, other), rate_of_other)
                return wait
            taken.append((network, rate))
        return 0.0

    def _give_back(self, kind: str, client: Client) -> None:
        for network, rate in self._rates(kind, client):
            self._buckets.give_back((kind, network), rate)

    def _rates(self, kind: str, client: Client) -> Iterator[tuple[str, Rate]]:
        part = 1.0 if kind == "codes" else RESERVE
        for network, share in zip(networks(client.address), _SHARES, strict=False):
            burst, per_second = self._network
            yield network, Rate(burst * share * part, per_second * share * part)

    def _wait_of(self, client: Client) -> float:
        record = self._records.get(_own_key(client))
        return max(0.0, record.free_at - self._clock()) if record else 0.0

    def _is_braked(self, client: Client) -> bool:
        """Whether the brake is on for this client, or for the network it is in."""
        if self._clock() >= self._brake_until:
            return False
        own = self._records.get(_own_key(client))
        around = self._records.get(networks(client.address)[0])
        return (own is not None and own.brake == self._brake) or (
            around is not None
            and around.brake == self._brake
            and around.brake_failures >= self._own.burst
        )

    def _failed(self, client: Client, *, by_proof: bool) -> None:
        now = self._clock()
        if self._buckets.take("codes of all", self._all):
            if now >= self._brake_until:
                self._brake += 1
                self._security.brake(self._all.burst)
            self._brake_until = now + BRAKE_SECONDS
        own, network = _own_key(client), networks(client.address)[0]
        for key in dict.fromkeys((own, network)):
            record = self._records.pop(key, None) or _Record()
            self._records[key] = record
            # Who proves work is somebody else than the others without a cookie in this network.
            if key == own and (client.browser or not by_proof):
                self._strike(record, now)
            if now < self._brake_until:
                record.brake_failures = 1 + record.brake_failures * (record.brake == self._brake)
                record.brake = self._brake
            record.failed_at = now
        self._forget(now)

    def _strike(self, record: _Record, now: float) -> None:
        if now - record.failed_at > FORGIVEN_AFTER_SECONDS:
            record.strikes = 0
        record.bucket.take(*self._own, now)
        if record.strikes or record.bucket.take(*self._own, now):
            record.strikes += 1
            record.free_at = now + min(LONGEST_WAIT_SECONDS, 2.0 ** min(record.strikes, 32))
        else:
            record.bucket.give_back(self._own.per_second)

    def _forget(self, now: float) -> None:
        """Drop those whose last mistake is long ago, and the oldest when there are too many."""
        while self._records:
            oldest = next(iter(self._records))
            is_old = now - self._records[oldest].failed_at > FORGIVEN_AFTER_SECONDS
            if not is_old and len(self._records) <= _MOST_RECORDS:
                return
            del self._records[oldest]


def _own_key(client: Client) -> str:
    return client.browser or networks(client.address)[0]
