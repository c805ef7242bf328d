"""How often one address may do a thing. Guessing codes has rules of its own, in `guessing`.

What members do in their room is counted in `paces`. Where it is counted is next door, in `pacing`.
"""

import ipaddress
import math
from collections.abc import Iterator
from contextlib import contextmanager

from flask_chat.domain.errors import PasscodeWrong, TooFast
from flask_chat.domain.moderation import in_words
from flask_chat.entrance.marks import Visitor
from flask_chat.pacing.base import Counts, Rate
from flask_chat.settings import Settings
from flask_chat.web.security_log import SecurityLog

_MINUTE, _HOUR = 60, 3600

# Wrong passcodes of one room: of a browser, or of a program's network; and of the network together,
# where others may mistype as well. Guessing four letters takes months, and a typo nothing.
_WRONG_PASSCODES = Rate(10, 10 / _HOUR)
_WRONG_PASSCODES_OF_ALL = Rate(60, 60 / _HOUR)


class Rates:
    """What one address may do: rooms, joins, handshakes, and attempts to enter over a socket."""

    def __init__(self, settings: Settings, counts: Counts, security: SecurityLog) -> None:
        self._counts = counts
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
        self._take_connection("handshake", address)

    def connect(self, address: str) -> None:
        """Count an attempt to enter a room over a connection. Raises TooFast."""
        self._take_connection("connect", address)

    @contextmanager
    def passcode(self, room_id: str, address: str, visitor: Visitor) -> Iterator[None]:
        """Count a passcode that turns out to be wrong. Raises TooFast, before one is tried."""
        if not visitor.passcode:
            yield
            return
        network = networks(address)[0]
        own = f"{room_id} {visitor.browser or network} alone"
        with (
            self._wrong_passcode(f"{room_id} {network}", _WRONG_PASSCODES_OF_ALL, address),
            self._wrong_passcode(own, _WRONG_PASSCODES, address),
        ):
            yield

    @contextmanager
    def _wrong_passcode(self, who: str, rate: Rate, address: str) -> Iterator[None]:
        """Take a token, and put it back unless what is done meanwhile finds the passcode wrong."""
        wait = self._counts.take("passcode", who, rate)
        if wait:
            self._security.throttled("passcode", address)
            raise too_fast("Many wrong passcodes were tried.", wait, limit=rate.burst)
        try:
            yield
        except PasscodeWrong:
            raise
        except BaseException:
            self._counts.put_back("passcode", who, rate)
            raise
        self._counts.put_back("passcode", who, rate)

    def _take(self, what: str, rate: Rate, address: str, sentence: str) -> None:
        wait = self._counts.take(what, sender(address), rate)
        self._refuse(what, wait, rate, address, sentence)

    def _take_connection(self, what: str, address: str) -> None:
        wait = self._counts.take_roughly(what, sender(address), self._handshakes)
        sentence = "Many connections were opened from your network just now."
        self._refuse(what, wait, self._handshakes, address, sentence)

    def _refuse(self, what: str, wait: float, rate: Rate, address: str, sentence: str) -> None:
        """Say when there is a token again, if there was none."""
        if wait:
            self._security.throttled(what, address)
            raise too_fast(sentence, wait, limit=rate.burst)


def too_fast(sentence: str, wait: float, **data: float) -> TooFast:
    """The refusal that says when to try again; never sooner than in a second."""
    wait = max(1.0, math.ceil(wait * 10) / 10)
    return TooFast(
        f"{sentence} Please try again in {in_words(wait)}.", retry_after_seconds=wait, **data
    )


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
