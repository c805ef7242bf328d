"""The contract of counting: what strangers do, by address, and how often they guess codes.

What members do in their room is paced in `chat`, for each server by itself.
"""

from typing import NamedTuple, Protocol

LONGEST_WAIT_SECONDS = 900
FORGIVEN_AFTER_SECONDS = 3600
BRAKE_SECONDS = 60
RESERVE = 0.5  # what proofs of work open, as a part of what a network has
FREE = 0.1
SHARES = (1.0, 4.0)  # of the network itself, and of the one around it


class Rate(NamedTuple):
    """`burst` at one go, `per_second` in the long run. Infinity is no limit."""

    burst: float
    per_second: float

    @classmethod
    def within(cls, count: float, seconds: float) -> "Rate":
        """So many at one go, and as many again in each such span."""
        return cls(count, count / seconds)

    def part(self, share: float) -> "Rate":
        """The same for a share of it."""
        return Rate(self.burst * share, self.per_second * share)


class Guesser(NamedTuple):
    """Who looks up a code: a browser by the id in its cookie, or else its network."""

    own: str
    networks: tuple[str, ...]  # the one they are in, and the one around it if there is any
    is_browser: bool


class Admission(NamedTuple):
    """How a look-up stands, before anything is looked up."""

    fund: str  # what its token was taken from: "codes", "reserve", or "" for neither
    own_wait: float  # seconds until this client may ask as if it had not been wrong
    wait: float  # seconds until there is a token again: of "codes", or of either
    is_braked: bool  # the brake is on for this client


class Counts(Protocol):
    """Counts for everybody. Each call is one decision, which nothing comes between.

    No call raises Unavailable or waits longer than Redis is waited for anywhere.
    """

    def take(self, what: str, who: str, rate: Rate) -> float:
        """Take a token of somebody's. 0.0 if there was one, else the seconds until there is."""

    def put_back(self, what: str, who: str, rate: Rate) -> None:
        """Put back a token of somebody's that was taken for nothing."""

    def take_roughly(self, what: str, who: str, rate: Rate) -> float:
        """The same for what happens often and needs no exact count: ordinary amounts ask nobody.

        With several servers each may give FREE of the rate on top.
        """

    def admit(self, guesser: Guesser) -> Admission:
        """Take a token for a wrong code from each network of the guesser, or from none of them.

        From the reserve where there is none otherwise. A browser that has to wait takes none.
        """

    def give_back(self, guesser: Guesser, fund: str) -> None:
        """Put back what was taken for a code that was not wrong."""

    def failed(self, guesser: Guesser, *, by_proof: bool) -> bool:
        """Remember a wrong code. True when the brake went on with it."""

    def spend(self, challenge: str, seconds: float) -> bool:
        """Use a challenge up. False when it has been; remembered for so many seconds."""


class GuessRates(NamedTuple):
    """How many wrong codes."""

    own: Rate  # of one client
    network: Rate  # of a network, without a proof of work
    all: Rate  # of all together, before the brake

    def of(self, fund: str, share: float) -> Rate:
        """What a network with this share has in a fund."""
        return self.network.part(share * (1.0 if fund == "codes" else RESERVE))
