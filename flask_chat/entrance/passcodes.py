"""Passcodes of rooms as argon2id hashes (RFC 9106), made and checked beside the event loop."""

import argon2
from gevent.threadpool import ThreadPool

# The second of OWASP's equal choices: 19 MiB, two passes, one lane; some 30 ms of a processor.
_HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


class Passcodes:
    """Hashes one passcode at a time, however many people try: that bounds memory and load."""

    def __init__(self) -> None:
        self._threads = ThreadPool(1)

    def hash(self, passcode: str) -> str:
        """What may be kept of a passcode."""
        made: str = self._threads.apply(_HASHER.hash, (passcode,))
        return made

    def fits(self, passcode: str, kept: str) -> bool:
        """Whether this is the passcode that `hash` was given."""
        is_right: bool = self._threads.apply(_fits, (passcode, kept))
        return is_right


def _fits(passcode: str, kept: str) -> bool:
    try:
        return _HASHER.verify(kept, passcode)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False
