"""Few come in at a time, so that a storm of them does not silence those inside.

Welcomes are dear. Over Redis each also waits for several answers, and while one does the next could
begin: a thousand under way are a thousand greenlets that run between a message and its delivery.
Those who have to wait cost nothing meanwhile: their sockets are not read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .session import Session

_WIDTH: Final = 8


class Doorway:
    """Who is coming in, and who waits to, in the order they came."""

    def __init__(
        self,
        after_turn: Callable[[Callable[[], None]], None],
        called: Callable[[Session], None],
    ) -> None:
        """`after_turn` has something called when what a turn has made is sent.

        `called` hears of each one that has stood in the line and will be read again.
        """
        self._after_turn = after_turn
        self._called = called
        self._coming: set[Session] = set()
        self._waiting: dict[Session, None] = {}

    def __contains__(self, session: object) -> bool:
        """Whether it stands in the line."""
        return session in self._waiting

    def enter(self, session: Session) -> bool:
        """Whether this one may come in now. Else its socket is not read until it may."""
        wire = session.wire
        if session in self._coming or wire is None:  # nothing can be left in a poll
            return True
        if len(self._coming) < _WIDTH and not self._waiting:
            self._coming.add(session)
            return True
        self._waiting[session] = None
        wire.stop()
        return False

    def leave(self, session: Session) -> None:
        """It is in, or was refused, or has gone. The next is called after the turn."""
        if session in self._coming or session in self._waiting:
            self._after_turn(lambda: self._call(session))

    def _call(self, gone: Session) -> None:
        self._coming.discard(gone)
        self._waiting.pop(gone, None)
        while self._waiting and len(self._coming) < _WIDTH:
            called = next(iter(self._waiting))
            del self._waiting[called]
            if called.wire is not None and not called.closed:
                self._coming.add(called)
                self._called(called)
                called.wire.go_on()
