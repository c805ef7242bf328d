"""What somebody who guards the server wants to read: refused, throttled, malformed.

Lines hold no message text, code, token, cookie or name. An attack must not fill the disk, so each
kind of line has a rate; the next one tells how many were left out.
"""

import time
from collections.abc import Callable

import structlog

from flask_chat.domain.limits import Bucket

log = structlog.get_logger()

_LINES_BURST = 3
_LINES_PER_SECOND = 1 / 30


class SecurityLog:
    """Writes lines that begin with "security:"."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._buckets: dict[str, Bucket] = {}  # kind of line → its rate
        self._left_out: dict[str, int] = {}

    def refused_origin(self, origin: str, address: str) -> None:
        """A page of another site wanted something."""
        self._write("refused origin", origin=_tame(origin), address=address)

    def refused_host(self, host: str, address: str) -> None:
        """A request was meant for a name that is not ours."""
        self._write("refused host", host=_tame(host), address=address)

    def throttled(self, what: str, address: str) -> None:
        """Somebody does too much of a thing."""
        self._write("throttled", what=what, address=address)

    def malformed(self, what: str, address: str) -> None:
        """Somebody sent what no client of ours sends."""
        self._write("malformed", what=what, address=address)

    def brake(self, limit_per_minute: float) -> None:
        """More wrong codes than usual came in from everywhere together."""
        self._write("codes are being guessed, brake on", limit_per_minute=limit_per_minute)

    def forged(self, what: str, address: str) -> None:
        """Something signed was not signed by us."""
        self._write("forged", what=what, address=address)

    def _write(self, kind: str, **facts: str | float) -> None:
        line = f"{kind} {facts.get('what', '')}"  # words of ours, of which there are few
        bucket = self._buckets.setdefault(line, Bucket())
        if bucket.take(_LINES_BURST, _LINES_PER_SECOND, self._clock()):
            self._left_out[line] = self._left_out.get(line, 0) + 1
            return
        if left_out := self._left_out.pop(line, 0):
            facts["lines_left_out"] = left_out
        log.warning(f"security: {kind}", **facts)


def _tame(text: str) -> str:
    """Something a stranger wrote, short and without anything that could pass for a line of ours."""
    return ascii(text[:80])[1:-1]
