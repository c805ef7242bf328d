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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import gevent

from flask_chat.domain.errors import CodeTaken, ProofRequired, RoomNotFound
from flask_chat.pacing.base import Counts, Guesser, GuessRates, Rate
from flask_chat.settings import Settings
from flask_chat.web.proof_of_work import ProofsOfWork
from flask_chat.web.rates import networks, too_fast
from flask_chat.web.security_log import SecurityLog

_DAY = 86_400

# "No" is told no sooner than after this. A locked room takes a look more than one that is not
# there, over Redis a whole way there and back; nobody who mistypes a code notices the difference.
_STEADY_SECONDS = 0.01


def guess_rates(settings: Settings) -> GuessRates:
    """How many wrong codes the settings allow."""
    # Half at one go and half over the day: no 24 hours hold more than the whole.
    half = settings.limit("failed_lookups_per_day") / 2
    return GuessRates(
        own=Rate.within(settings.limit("failed_lookups_per_minute"), 60),
        network=Rate.within(half, _DAY),
        all=Rate.within(settings.limit("failed_lookups_overall_per_minute"), 60),
    )


@dataclass(frozen=True, slots=True)
class Client:
    """Who wants to know: an address, the id in the browser's signed cookie, a proof of work."""

    address: str
    browser: str = ""
    proof: str = ""


class _Admitted(NamedTuple):
    """How a look-up was let through: what its token is from, and whether a proof was given."""

    guesser: Guesser
    fund: str
    by_proof: bool


class Guesses:
    """Decides who may look up a code, and has `counts` remember who was wrong."""

    def __init__(
        self,
        settings: Settings,
        counts: Counts,
        proofs: ProofsOfWork,
        security: SecurityLog,
        steady_seconds: float = _STEADY_SECONDS,
    ) -> None:
        self._steady_seconds = steady_seconds
        self._brake_per_minute = settings.limit("failed_lookups_overall_per_minute")
        self._counts = counts
        self._proofs = proofs
        self._security = security

    @contextmanager
    def look_up(self, client: Client) -> Iterator[None]:
        """Around a look-up, which raises RoomNotFound for a wrong code.

        Raises TooFast or ProofRequired before anything is looked up.
        """
        admitted = self._admit(client)
        began = time.monotonic()
        try:
            yield
        except RoomNotFound:
            gevent.sleep(max(0.0, began + self._steady_seconds - time.monotonic()))
            if self._counts.failed(admitted.guesser, by_proof=admitted.by_proof):
                self._security.brake(self._brake_per_minute)
            raise
        except BaseException:
            self._counts.give_back(admitted.guesser, admitted.fund)
            raise
        self._counts.give_back(admitted.guesser, admitted.fund)

    @contextmanager
    def wanted_code(self, client: Client) -> Iterator[None]:
        """Around creating a room with a wanted code, which tells whether there is one as well.

        Raises TooFast or ProofRequired.
        """
        admitted = self._admit(client)
        try:
            yield
        except CodeTaken:
            self._counts.give_back(admitted.guesser, admitted.fund)
            raise

    def _admit(self, client: Client) -> _Admitted:
        """Take a token for a wrong code, which is given back for a right one."""
        guesser = _guesser(client)
        found = self._counts.admit(guesser)
        if found.own_wait and client.browser:
            self._security.throttled("wrong codes", client.address)
            raise too_fast("Those were many wrong codes.", found.own_wait)
        if not found.fund:
            self._security.throttled("wrong codes of a network", client.address)
            raise too_fast("Very many wrong codes were tried from your network.", found.wait)
        needs_proof = bool(found.own_wait) or found.is_braked or found.fund == "reserve"
        network = guesser.networks[0]
        if needs_proof and not self._proofs.accept(client.proof, network):
            self._counts.give_back(guesser, found.fund)
            raise ProofRequired(
                retry_after_seconds=round(max(found.own_wait, found.wait, 1.0), 1),
                challenge=self._proofs.challenge(network),
            )
        return _Admitted(guesser, found.fund, needs_proof)


def _guesser(client: Client) -> Guesser:
    around = networks(client.address)
    return Guesser(client.browser or around[0], around, is_browser=bool(client.browser))
