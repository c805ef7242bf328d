"""Hash-cash: a small sum that costs a client a second and the server nothing.

A challenge is a text; its proof is the text, a colon and a number, such that the SHA-256 of all of
it begins with as many zero bits as were asked for. The text says for whom and until when it is
good, and is signed, so that nothing is kept until it comes back. Each is good for one proof.
`static/js/proof.js` does the sum in browsers.
"""

import hashlib
import hmac
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from secrets import token_urlsafe

from msgspec import Struct

LIFETIME_SECONDS = 600
_DIGITS = 15


class Challenge(Struct, frozen=True):
    """`{"text": "17.6921f3a0.x….y…", "bits": 17}`: bits is how many zeros are asked for."""

    text: str
    bits: int


class ProofsOfWork:
    """Gives challenges and takes proofs. `bits` more is twice the work for each."""

    def __init__(
        self,
        secret_key: str,
        bits: int,
        spend: Callable[[str, float], bool],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`spend` uses a challenge up, and answers False when it has been (pacing's Counts)."""
        self._key = hashlib.sha256(b"proof of work:" + secret_key.encode()).digest()
        self._bits = bits
        self._clock = clock
        self._spend = spend

    def challenge(self, client: str) -> Challenge:
        """A new one for this client: whatever names it, such as its network."""
        # Short enough for the text and its number to fit into one block of SHA-256 (55 bytes).
        expires = int(self._clock()) + LIFETIME_SECONDS
        start = f"{self._bits}.{expires:x}.{token_urlsafe(9)}"
        return Challenge(f"{start}.{self._sign(start, client)}", self._bits)

    def accept(self, proof: str, client: str) -> bool:
        """Whether this is a proof for a challenge of ours to this client; the first time only."""
        text, _, number = proof.partition(":")
        start, _, signature = text.rpartition(".")
        if not (proof.isascii() and number.isdigit() and len(number) <= _DIGITS):
            return False
        if not hmac.compare_digest(signature.encode(), self._sign(start, client).encode()):
            return False
        bits, expires, _ = start.split(".")
        left = int(expires, 16) - self._clock()
        if left <= 0:
            return False
        digest = hashlib.sha256(proof.encode()).digest()
        if int.from_bytes(digest, "big") >> (256 - int(bits)):
            return False
        return self._spend(text, left)

    def _sign(self, start: str, client: str) -> str:
        mac = hmac.digest(self._key, f"{start} {client}".encode(), "sha256")
        return urlsafe_b64encode(mac[:12]).decode()
