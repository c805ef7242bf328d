"""One connection to one node: whatever waits goes out in one piece, the answers come in order.

While one piece is on its way the next gathers, so the busier the chat, the larger the pieces and
the less each command costs.
"""

import os
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import gevent
import redis
import structlog

from flask_chat.domain.errors import Unavailable
from flask_chat.redis_link.wire import LINK_ERRORS, Wire, Word, packed

log = structlog.get_logger(__name__)

RETRY_AFTER_SECONDS = 1.0  # what clients are told
# After a fault, everything is refused for this long before the node is tried again.
REST_SECONDS = 0.5
_REPLICAS_MS = 1000
_BATCH_LIMIT = 500  # commands; more wait for the next piece


class Request:
    """A command that should be carried out, and what becomes of its answer.

    `done` and `failed` are called by the line's greenlet and must not wait for Redis.
    """

    __slots__ = ("again", "attempts", "before", "is_sent", "slot")

    def __init__(self, slot: int, *, again: bool) -> None:
        self.slot = slot
        self.again = again  # it may be sent twice where it is not known whether it was carried out
        self.attempts = 0
        self.before: tuple[Word, ...] = ()  # a command to go in front
        self.is_sent = False

    def command(self) -> tuple[Word, ...]:
        """The command, as it is when it goes out."""
        raise NotImplementedError

    def done(self, reply: Any) -> None:
        """The answer."""
        raise NotImplementedError

    def failed(self, error: Exception) -> None:
        """Unavailable: it may or may not have been carried out. Else: Redis calls it wrong."""
        raise NotImplementedError


class Line:
    """Sends requests to one node. `judge` gets each request with its answer, errors included."""

    def __init__(
        self,
        connect: Callable[[], Wire],
        judge: Callable[["Line", Request, Any], None],
        when_broken: Callable[[Exception], None],
        when_up: Callable[[], None],
        replicas: int = 0,
    ) -> None:
        self._connect = connect
        self._judge = judge
        self._when_broken = when_broken
        self._when_up = when_up
        self._replicas = replicas
        self._waiting: deque[Request] = deque()
        self._wire: Wire | None = None
        self._process = 0  # which opened the connection
        self._resting_until = 0.0
        self._worker: Any = None  # the greenlet that carries out what waits
        self.is_stale = False  # the node is not what it was: connect anew after this piece
        self.loaded_at: dict[str, float] = {}  # library → when it was sent there
        self.is_closed = False

    def send(self, request: Request) -> None:
        """Have a request carried out; it is refused at once while the node is out of reach."""
        if self.is_closed or self._resting_until > time.monotonic():
            request.failed(Unavailable(retry_after_seconds=RETRY_AFTER_SECONDS))
            return
        request.is_sent = False
        self._waiting.append(request)
        if self._worker is None:
            self._worker = gevent.spawn(self._work)

    def close(self) -> None:
        """Carry out what waits, then let go of the connection."""
        if self._worker is not None:
            self._worker.join()
        self.is_closed = True
        self._drop()

    def _work(self) -> None:
        """Carry out what waits, and tell those who asked.

        Who is told may wait for Redis in turn. So while telling this is not the worker, and if that
        brought another one about, the rest is for that one.
        """
        try:
            while self._waiting and self._worker is gevent.getcurrent():
                count = min(len(self._waiting), _BATCH_LIMIT)
                batch = [self._waiting.popleft() for _ in range(count)]
                replies, error, may_try = self._carry_out(batch)
                self._worker = None
                for request, reply in zip(batch, replies, strict=False):
                    self._tell(request, reply)
                if error is not None:
                    self._broke(batch[len(replies) :], error, may_try=may_try)
                if self._worker is None:
                    self._worker = gevent.getcurrent()
        finally:
            if self._worker is gevent.getcurrent():
                self._worker = None

    def _carry_out(self, batch: list[Request]) -> tuple[list[Any], Exception | None, bool]:
        """The answers; if they are not all of them, why, and whether that link was an old one."""
        if self.is_stale:
            self._drop()
        is_fresh = self._wire is None or self._process != os.getpid()
        replies: list[Any] = []
        try:
            wire = self._open() if is_fresh else self._wire
            assert wire is not None
            wire.send(self._pack(batch))
            for request in batch:
                if request.before:
                    request.before = ()
                    first = wire.read()
                    if isinstance(first, redis.ResponseError):
                        log.error("Redis does not take our functions", reason=str(first))
                replies.append(wire.read())
            if self._replicas:
                self._await_replicas(wire)
        except (*LINK_ERRORS, redis.RedisError, ValueError) as error:
            if self._replicas:
                replies.clear()
            self._drop()
            may_try = not is_fresh and not isinstance(error, redis.TimeoutError | TimeoutError)
            return replies, error, may_try
        return replies, None, False

    def _pack(self, batch: list[Request]) -> bytes:
        pieces = []
        for request in batch:
            request.is_sent = True
            request.attempts += 1
            if request.before:
                pieces.append(packed(request.before))
            pieces.append(packed(request.command()))
        if self._replicas:
            pieces.append(packed(("WAIT", self._replicas, _REPLICAS_MS)))
        return b"".join(pieces)

    def _await_replicas(self, wire: Wire) -> None:
        """What the replicas do not have may be lost with the master: it counts as not done."""
        reached = wire.read()
        if not isinstance(reached, int) or reached < self._replicas:
            raise redis.TimeoutError(f"{reached} of {self._replicas} replicas have it")

    def _open(self) -> Wire:
        self._wire = None  # one of before a fork is the parent's
        self._process = os.getpid()
        self.is_stale = False
        self._wire = self._connect()
        self._when_up()
        return self._wire

    def _drop(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    def _tell(self, request: Request, reply: Any) -> None:
        try:
            self._judge(self, request, reply)
        except Exception as error:
            log.error("an answer of Redis could not be used", exc_info=error)

    def _broke(self, batch: list[Request], error: Exception, *, may_try: bool) -> None:
        """Ask again what may be asked again, if the link was an old one; else refuse what waits."""
        if may_try:
            self._waiting.extendleft(reversed([each for each in batch if each.again]))
            batch = [each for each in batch if not each.again]
        else:
            self._resting_until = time.monotonic() + REST_SECONDS
            batch = [*batch, *self._waiting]
            self._waiting.clear()
        self._when_broken(error)
        for request in batch:
            request.failed(Unavailable(retry_after_seconds=RETRY_AFTER_SECONDS))
