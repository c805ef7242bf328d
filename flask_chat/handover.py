"""Requests that arrive at the wrong worker: the connection goes to the one that has the session.

The kernel spreads connections over workers without knowing that a long-polling session lives in one
of them. The session's id begins with the number of its worker, so the head of a request is enough
to tell; then the open connection itself is passed on, with what has been read from it (SCM_RIGHTS,
unix(7)), and later requests on it arrive at the right place at once. WebSockets need none of this.
"""

import os
import re
import socket
from collections.abc import Callable, Mapping

import gevent
import gevent.socket
import structlog

log = structlog.get_logger(__name__)

# "[node.]worker-secret", as session_prefix makes it
_WORKER = re.compile(r"/socket\.io/?\?(?:[^#]*&)?sid=(?:[a-z0-9]+\.)?([0-9]{1,3})-")
_MESSAGE_BYTES = 262_144  # a head, and what one read brought with it, are less than half of this
_PASSING_SECONDS = 2.0

Take = Callable[[gevent.socket.socket, bytes], None]


def session_prefix(node: str, worker: int | None) -> str:
    """What the ids of Engine.IO sessions begin with, so that others can tell where they live."""
    parts = [node] if node else []
    if worker is not None:
        parts.append(str(worker))
    return ".".join(parts) + "-" if parts else ""


class Handover:
    """One worker's way to the others: an inbox, and an outbox for each of them by its number."""

    def __init__(
        self,
        number: int,
        inbox: gevent.socket.socket,
        outboxes: Mapping[int, gevent.socket.socket],
    ) -> None:
        self._number = number
        self._inbox = inbox
        self._outboxes = outboxes
        self._receiver: gevent.Greenlet[..., None] | None = None

    def owner(self, target: str) -> int | None:
        """The other worker whose session this request target is about, None when there is none."""
        found = _WORKER.match(target)
        if found is None or int(found[1]) == self._number or int(found[1]) not in self._outboxes:
            return None
        return int(found[1])

    def pass_on(self, owner: int, sock: gevent.socket.socket, data: bytes) -> bool:
        """Give the worker the connection and what was read from it; False when that failed.

        The socket of the caller stays open and is to be closed, without shutting it down.
        """
        try:
            with gevent.Timeout(_PASSING_SECONDS, TimeoutError):
                socket.send_fds(self._outboxes[owner], [data], [sock.fileno()])
        except OSError as error:
            log.warning("a connection could not be passed on", worker=owner, reason=str(error))
            return False
        return True

    def start(self, take: Take) -> None:
        """From now on give `take` every connection that the others pass on."""
        self._receiver = gevent.spawn(self._receive, take)

    def stop(self) -> None:
        """Take nothing more; what comes is for the worker that follows under this number."""
        if self._receiver is not None:
            self._receiver.kill()

    def _receive(self, take: Take) -> None:
        while True:
            data, fds, _, _ = socket.recv_fds(
                self._inbox, _MESSAGE_BYTES, 1, socket.MSG_CMSG_CLOEXEC
            )
            if not data and not fds:
                return  # the supervisor has gone, and all others with it
            for fd in fds:
                take(_opened(fd), data)


def _opened(fd: int) -> gevent.socket.socket:
    try:
        return gevent.socket.socket(fileno=fd)
    except OSError:
        os.close(fd)
        raise
