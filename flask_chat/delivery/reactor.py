"""One greenlet that does all the work of all WebSockets: read, handle, flush, and be on time.

A turn reads every socket that is ready, until nothing more is there or its time is over, and only
then sends: so whatever a turn has for a connection leaves in one write. Greenlets outside (HTTP
requests, workers) that deliver something wake it up.
"""

import logging
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

import gevent
from gevent import get_hub

from . import frames
from .deadlines import Deadlines
from .poller import READ, WRITE, Poller, make_poller
from .websocket import Wire

log = logging.getLogger(__name__)

# How long a turn may go on reading before it sends. Under load this joins more frames into each
# write; with little to do a turn ends as soon as nothing more is there.
_READING_SECONDS: Final = 0.002
_PATIENCE_SECONDS: Final = 0.5  # how long a tick may wait for a turn that can read everything
_OUT: Final = 4  # EPOLLOUT; every poller tells the same
_GONE: Final = 8 | 16  # EPOLLERR, EPOLLHUP
_LINGER_SECONDS: Final = 5.0  # for the other side to answer our close frame


class Reactor:
    """Knows the wires by file descriptor. `flush` is called at the end of every turn."""

    def __init__(self, *, packet_limit: int, backlog_limit: int, tick_seconds: float) -> None:
        self.packet_limit = packet_limit
        self.backlog_limit = backlog_limit
        self.flush: Callable[[], None] = _nothing
        self.on_slow: Callable[[Wire], None] = _close_slow
        self.turns = 0  # counts, for those who spread work over turns
        self.is_turning = False
        self.deadlines: list[Deadlines[Any]] = []
        self._lingering: Deadlines[Wire] = self.deadline(_LINGER_SECONDS, _drop)
        self._tick_seconds = tick_seconds
        self._wires: dict[int, Wire] = {}
        self._again: list[Wire] = []
        self._later: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self._poller: Poller | None = None
        self._greenlet: Any = None
        self._asleep = False
        self._called = False  # `wake` has been called and the greenlet has not run since
        self._alarm: Any = None  # the timer of `wake_in`, while it runs
        self._tick_due = False
        self._ticked_at = 0.0

    def __len__(self) -> int:
        return len(self._wires)

    def deadline(self, seconds: float, action: Callable[[Any, float], None]) -> Deadlines[Any]:
        """A deadline this reactor watches over, to the precision of its tick."""
        made: Deadlines[Any] = Deadlines(seconds, action)
        self.deadlines.append(made)
        return made

    # For everyone in this process

    def add(self, wire: Wire) -> None:
        """Watch this wire from now on."""
        self.start()
        assert self._poller is not None
        self._wires[wire.fd] = wire
        self._poller.add(wire.fd)

    def again(self, wire: Wire) -> None:
        """Let the wire go on with what it has read, in the next turn."""
        self._again.append(wire)
        self.wake()

    def wake(self) -> None:
        """Have a turn soon. Cheap when called often."""
        if self._asleep and not self._called:
            self._called = True
            get_hub().loop.run_callback(self._resume)

    def wake_in(self, seconds: float) -> None:
        """Have a turn after so many seconds. One that was asked for before comes first."""
        if self._alarm is None:
            self._alarm = get_hub().loop.timer(seconds)
            self._alarm.start(self._ring, update=True)

    def _ring(self) -> None:
        self._alarm.close()
        self._alarm = None
        self.wake()

    def start(self) -> None:
        """Start the greenlet, in this process (a server may fork before its first connection)."""
        if self._greenlet is None:
            self._poller = make_poller()
            self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """End the greenlet and close what is still open."""
        if self._greenlet is not None:
            self._greenlet.kill()
            self._greenlet = None
        for wire in list(self._wires.values()):
            wire.drop("server disconnect")

    # For the wires

    def interest(self, wire: Wire) -> None:
        """Tell the poller what the wire waits for."""
        if self._poller is not None and wire.fd in self._wires:
            self._poller.change(
                wire.fd, (READ if wire.reads else 0) | (WRITE if wire.writes else 0)
            )

    def linger(self, wire: Wire) -> None:
        """Give the other side a few seconds to close."""
        self._lingering.add(wire)
        if not wire.reads:
            wire.reads = True
            self.interest(wire)
        if wire.stopped:
            self.again(wire)

    def forget(self, wire: Wire) -> None:
        """The socket is about to be closed."""
        if self._wires.pop(wire.fd, None) is not None and self._poller is not None:
            self._poller.remove(wire.fd)
        self._lingering.remove(wire)

    def too_slow(self, wire: Wire) -> None:
        """More is unsent than one connection may have."""
        self.later(self.on_slow, wire)

    def broken(self, wire: Wire) -> None:
        """Writing failed."""
        self.later(wire.drop, "transport close")

    def later(self, act: Callable[..., None], *args: Any) -> None:
        """Do this when everything of this turn is sent.

        Handlers of the application learn of a lost connection, and what they then send must not mix
        with what is being sent.
        """
        self._later.append((act, args))
        self.wake()

    # The greenlet

    def _run(self) -> None:
        timer = get_hub().loop.timer(self._tick_seconds, self._tick_seconds)
        timer.start(self._tick)
        try:
            while True:
                self._sleep()
                try:
                    self.turn()
                    self._send()
                except Exception:  # a fault of ours; the connections go on
                    log.exception("A turn of the reactor failed")
                finally:
                    self.is_turning = False
        finally:
            timer.stop()
            timer.close()

    def _sleep(self) -> None:
        if self._again:
            # work is left, but others in this process come first
            gevent.sleep(0)
            return
        assert self._poller is not None
        self._asleep = True
        self._poller.arm(self._resume)
        try:
            get_hub().switch()
        finally:
            self._poller.disarm()
            self._asleep = self._called = False

    def _resume(self) -> None:
        if self._asleep:
            self._asleep = False
            self._greenlet.switch()

    def _tick(self) -> None:
        if not self._tick_due:
            self._tick_due = True
            self._ticked_at = monotonic()
        self._resume()

    def turn(self) -> None:
        """Read and handle."""
        assert self._poller is not None
        self.turns += 1
        self.is_turning = True
        over_at = monotonic() + _READING_SECONDS
        wires, ready = self._wires, self._poller.ready
        if self._again:
            left, self._again = self._again, []
            for wire in left:
                if wire.fd >= 0:
                    self._guard(wire, wire.resume)
        while found := ready():
            for fd, event in found:
                # looked up late: what was handled before in this turn may have closed it
                known = wires.get(fd)
                if known is None:
                    continue
                try:
                    if event != _OUT:
                        if event & _GONE and known.stopped:
                            known.drop("transport close")
                            continue
                        known.readable()
                    if event & _OUT:
                        known.writable()
                except Exception:
                    self._broken(known)
            if monotonic() > over_at:
                break
        if self._tick_due and (not found or monotonic() > self._ticked_at + _PATIENCE_SECONDS):
            # after the reading, so that a pong which is here already counts
            self._tick_due = False
            self._expire()

    def _send(self) -> None:
        self.flush()
        while self._later:
            left, self._later = self._later, []
            for act, args in left:
                act(*args)
            self.flush()

    def _expire(self) -> None:
        now = monotonic()
        for deadlines in self.deadlines:
            try:
                deadlines.expire(now)
            except Exception:
                log.exception("A deadline could not be handled")

    def _guard(self, wire: Wire, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception:
            self._broken(wire)

    def _broken(self, wire: Wire) -> None:
        """A fault of ours must not take the other connections with it."""
        log.exception("A connection is closed because handling it failed")
        wire.close(frames.INTERNAL_ERROR, "internal error", "transport error", at_once=True)


def _nothing() -> None:
    pass


def _drop(wire: Wire, _late_by: float) -> None:
    wire.drop("transport close")


def _close_slow(wire: Wire) -> None:
    wire.close(frames.POLICY_VIOLATION, "reading too slowly", "transport error", at_once=True)
