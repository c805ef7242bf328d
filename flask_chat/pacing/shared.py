"""Counting for all servers, in Redis. While it is away each server counts for itself."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from flask_chat.pacing.base import FREE, SHARES, Admission, Guesser, GuessRates, Rate
from flask_chat.pacing.local import LocalCounts
from flask_chat.redis_link.link import Library, Link

log = structlog.get_logger(__name__)

LIBRARY = Library("counts", [Path(__file__).parent / "counts.lua"])

# After a fault nobody waits for Redis again so soon.
_ALONE_SECONDS = 1.0


class SharedCounts:
    """Counts of all servers that share a Redis (base.Counts).

    The clock is Redis' own unless one is given: servers whose clocks differ would hand each other
    tokens, by each taking the other's bucket for fuller than it is.
    """

    def __init__(
        self, link: Link, rates: GuessRates, clock: Callable[[], float] | None = None
    ) -> None:
        link.add(LIBRARY)
        self._link = link
        self._rates = rates
        self._clock = clock
        self._alone = LocalCounts(rates, clock or time.time)
        self._alone_until = 0.0
        self._is_alone = False

    def take(self, what: str, who: str, rate: Rate) -> float:
        if math.isinf(rate.burst):
            return 0.0
        wait = self._call("take", self._bucket(what, who), *_words(rate))
        return self._alone.take(what, who, rate) if wait is None else float(wait)

    def put_back(self, what: str, who: str, rate: Rate) -> None:
        if self._is_resting():
            self._alone.put_back(what, who, rate)
        elif not math.isinf(rate.burst):  # nobody waits for it, and twice would be a token too many
            self._ask("put_back", self._bucket(what, who), rate.per_second, again=False)

    def take_roughly(self, what: str, who: str, rate: Rate) -> float:
        if not self._alone.take(f"free {what}", who, rate.part(FREE)):
            return 0.0
        return self.take(what, who, rate)

    def admit(self, guesser: Guesser) -> Admission:
        words: list[Any] = []
        for network, share in zip(guesser.networks, SHARES, strict=False):
            words.append(network)
            for fund in ("codes", "reserve"):
                words += _words(self._rates.of(fund, share))
        own_burst, _ = _words(self._rates.own)
        is_browser = int(guesser.is_browser)
        found = self._call("admit", self._guesses(), is_browser, guesser.own, own_burst, *words)
        if found is None:
            return self._alone.admit(guesser)
        fund, own_wait, wait, is_braked = found
        return Admission(fund.decode(), float(own_wait), float(wait), bool(is_braked))

    def give_back(self, guesser: Guesser, fund: str) -> None:
        words: list[Any] = []
        for network, share in zip(guesser.networks, SHARES, strict=False):
            words += (network, _words(self._rates.of(fund, share))[1])
        if self._is_resting():
            self._alone.give_back(guesser, fund)
            return
        # Nobody has to wait for that. Twice would be a token made from nothing.
        self._ask("give_back", self._guesses(), fund, *words, again=False)

    def failed(self, guesser: Guesser, *, by_proof: bool) -> bool:
        went_on = self._call(
            "failed",
            self._guesses(),
            int(guesser.is_browser),
            int(by_proof),
            guesser.own,
            guesser.networks[0],
            *_words(self._rates.own),
            *_words(self._rates.all),
        )
        if went_on is None:
            return self._alone.failed(guesser, by_proof=by_proof)
        return bool(went_on)

    def spend(self, challenge: str, seconds: float) -> bool:
        key = f"{self._link.prefix}:proof:{challenge}"
        words = (key, 1, "NX", "PX", math.ceil(seconds * 1000))
        # "OK", or nothing where it is there already, which has to differ from no answer.
        found = self._try(lambda: self._link.ask(key, "SET", *words).get() or b"")
        return self._alone.spend(challenge, seconds) if found is None else bool(found)

    def _bucket(self, what: str, who: str) -> str:
        return f"{self._link.prefix}:rate:{what}:{who}"

    def _guesses(self) -> str:
        """All about guesses is in one slot, so one call decides, in some 25 µs of its node."""
        return f"{self._link.prefix}:{{guesses}}"

    def _call(self, function: str, key: str, *words: Any) -> Any:
        """The answer of a function, None when there is none."""
        return self._try(lambda: self._ask(function, key, *words).get())

    def _ask(self, function: str, key: str, *words: Any, again: bool = True) -> Any:
        name, now = LIBRARY.name(function), "" if self._clock is None else repr(self._clock())
        return self._link.ask(key, "FCALL", name, 1, key, now, *words, again=again)

    def _is_resting(self) -> bool:
        return self._is_alone and time.monotonic() < self._alone_until

    def _try(self, ask: Callable[[], Any]) -> Any:
        if self._is_resting():
            return None
        try:
            found = ask()
        except (
            Exception
        ) as error:  # whatever Redis has, it must neither let all in nor shut all out
            if not self._is_alone:
                log.warning("each server counts rates for itself", reason=str(error))
            self._is_alone = True
            self._alone_until = time.monotonic() + _ALONE_SECONDS
            return None
        if self._is_alone:
            log.info("rates are counted together again")
            self._is_alone = False
        return found


def _words(rate: Rate) -> tuple[float, float]:
    """A rate as the functions read it, to whom 0 is no limit."""
    return (0, 0) if math.isinf(rate.burst) else (rate.burst, rate.per_second)
