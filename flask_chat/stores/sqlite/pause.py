"""When a commit starts: at once, or after a pause in which others come to share it.

A commit costs 0.3 ms of a processor, however little is in it. So after one there is a pause, which
is cut short when nobody is missing: people who post again as soon as they are answered are all
there long before it ends, and waiting on would only have the server stand idle.
"""

import time
from collections.abc import Sized

import gevent
from gevent.event import Event

_PAUSE_SECONDS = 0.004  # from the start of one commit to that of the next
_WORTH_A_COMMIT = 16  # changes; fewer wait for the end of the pause, whoever may be missing


class Pause:
    """What goes before each commit."""

    def __init__(self) -> None:
        self._ends_at = 0.0
        self._everybody = 0  # so many changes came the last time; 0: not known
        self._all_here = Event()

    def note(self, waiting: int) -> None:
        """One more change has come; so many wait now."""
        if waiting == self._everybody:
            self._all_here.set()

    def wait(self, changes: Sized) -> None:
        """Return when these are to be committed. Others get to run at least once."""
        left = self._ends_at - time.monotonic()
        all_here = 0 < self._everybody <= len(changes)
        if left <= 0 or all_here:
            gevent.sleep(0)
        else:
            self._all_here.clear()
            all_here = self._all_here.wait(left)
        if left > 0:
            self._count(len(changes), all_here=all_here)
        self._ends_at = time.monotonic() + _PAUSE_SECONDS

    def _count(self, changes: int, *, all_here: bool) -> None:
        """A pause is over. When some have stayed away it takes another to know how many come."""
        is_known = all_here or (not self._everybody and changes >= _WORTH_A_COMMIT)
        self._everybody = changes if is_known else 0
