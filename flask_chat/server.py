"""The listener: takes connections, tells where it is, and comes to an end within ten seconds.

Ours because Flask-SocketIO's own has no TCP_NODELAY (an acknowledged message takes 44 ms with it)
and no deadlines. What happens on a connection is in http1.py, addresses in addresses.py.
"""

import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Protocol, cast

import click
import gevent
import gevent.monkey
import gevent.socket
import structlog
from gevent.event import Event
from gevent.pywsgi import WSGIServer

from flask_chat.addresses import CannotListenError, is_loopback, lan_address, listen, url_of
from flask_chat.callers import Callers
from flask_chat.handover import Handover
from flask_chat.http1 import Handler, Peer
from flask_chat.http_reading import Deadlines
from flask_chat.settings import Settings
from flask_chat.workers import Supervisor, Worker

log = structlog.get_logger(__name__)

# From the end of the notice on: members are told and let go, requests finish, what hangs is left.
LEAVING_SECONDS = 5.0
FINISHING_SECONDS = 8.0
END_SECONDS = 9.5
# Forms, JSON and polling payloads, besides the file or the packets they carry.
BODY_ENVELOPE_BYTES = 65_536
PACKETS_PER_POLL = 16
ACCEPT_PAUSE_SECONDS = 0.1
REFUSED_AT_ONCE = 100  # before others have their turn
RESET = struct.pack("ii", 1, 0)  # close without a farewell, which the kernel would wait for


class App(Protocol):
    """What is served: a WSGI app that keeps its runtime under `extensions["chat_runtime"]`.

    The runtime has `start()` for its work in the background, `retire()`, from which on health
    checks fail, `stop(grace_seconds)`, which tells the connections and closes them within that
    time, and `close()`, called when all requests are done. `crowded(address)` is told who is
    refused a connection because of having too many.
    """

    extensions: dict[str, Any]

    def __call__(self, environ: dict[str, Any], start_response: Any, /) -> Iterable[bytes]:
        """Answer a request (PEP 3333)."""


class Server(WSGIServer):
    """Serves a WSGI app on a listening socket, from `start()` until `drain()`."""

    handler_class = Handler
    max_accept = 4  # in a turn of the loop: each is a handshake, and messages come between them

    def __init__(
        self,
        listener: socket.socket,
        app: "App",
        *,
        body_limit_bytes: float,
        deadlines: Deadlines,
        callers: Callers | None = None,
        when_crowded: Callable[[str], None] = lambda address: None,
        handover: Handover | None = None,
    ) -> None:
        """`when_crowded` is told of each address that is refused one connection more."""
        self.handover = handover
        self.callers = Callers() if callers is None else callers  # an empty one is false
        self._when_crowded = when_crowded
        self.body_limit_bytes = body_limit_bytes
        self.deadlines = deadlines
        self.connections: set[Handler] = set()  # those with HTTP on them, not the taken ones
        self.is_stopping = False
        self._may_complain_at = 0.0
        host, port = listener.getsockname()[:2]
        # Given here, or pywsgi asks the name service, which takes seconds on an island.
        environ = {"SERVER_NAME": host, "SERVER_PORT": str(port), "wsgi.errors": sys.stderr}
        super().__init__(listener, app, log=None, error_log=None, environ=environ)

    def do_read(self) -> tuple[gevent.socket.socket, Peer] | None:  # type: ignore[override]
        """Take the next waiting connection that may come in, None when there is none."""
        for _ in range(REFUSED_AT_ONCE):
            try:
                accepted = cast(tuple[gevent.socket.socket, Any] | None, super().do_read())
                if accepted is None:
                    return None
                sock, address = accepted
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except ConnectionError:  # gone before it was taken
                return None
            except OSError as error:
                self._pause(error)
                return None
            if peer := self._let_in(sock, address):
                return sock, peer
        return None

    def adopt(self, sock: gevent.socket.socket, received: bytes) -> None:
        """Serve a connection that another worker has begun to read."""
        with suppress(OSError):  # gone on the way
            if peer := self._let_in(sock, sock.getpeername()):
                gevent.spawn(Handler(sock, peer, self, received).handle)

    def _let_in(self, sock: gevent.socket.socket, address: tuple[str, int]) -> Peer | None:
        """Count the connection; one too many of its address is closed, and that costs no more."""
        host = address[0].removeprefix("::ffff:")
        if not self.callers.is_counting:
            return Peer(host, address[1], _nobody_counts)
        if caller := self.callers.arrives(host):
            return Peer(host, address[1], caller.leaves)
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        sock.close()
        self._when_crowded(host)
        return None

    def close_the_door(self) -> None:
        """Take the connections that wait already, and then no more."""
        self.stop_accepting()
        with gevent.Timeout(ACCEPT_PAUSE_SECONDS, exception=False):  # type: ignore[arg-type]
            while (accepted := self.do_read()) is not None:
                self.do_handle(*accepted)
        if self.handover is not None:
            self.handover.stop()
        self.is_stopping = True
        self.close()

    def _pause(self, error: OSError) -> None:
        """Stop accepting for a moment: most likely there are no file descriptors left."""
        if time.monotonic() >= self._may_complain_at:
            log.warning("cannot take connections", reason=error.strerror)
            self._may_complain_at = time.monotonic() + 10
        self.stop_accepting()
        gevent.spawn_later(ACCEPT_PAUSE_SECONDS, self._resume)

    def _resume(self) -> None:
        if self.started:
            self.start_accepting()

    def drain(self, until: float) -> None:
        """Let running requests finish until that monotonic time, then cut what is left."""
        self.is_stopping = True
        while self.connections and time.monotonic() < until:
            for connection in list(self.connections):
                connection.close_when_idle()
            gevent.sleep(0.02)
        if self.connections:
            log.warning("requests cut off", count=len(self.connections))


def supervise(settings: Settings, *, with_qr: bool = False) -> int:
    """Have `settings.workers` processes serve, each with an app of its own, until a signal.

    Returns the exit code. Prints what `serve` prints, once.
    """
    try:
        supervisor = Supervisor(
            settings.host,
            settings.port,
            settings.workers,
            stop_notice_seconds=settings.stop_notice_seconds,
        )
    except CannotListenError as error:
        click.echo(error, err=True)
        return 1
    _log_failed_greenlets()
    return supervisor.run(lambda: announce(settings.host, supervisor.port, with_qr=with_qr))


def serve(
    app: App,
    settings: Settings,
    *,
    with_qr: bool = False,
    deadlines: Deadlines | None = None,
    worker: Worker | None = None,
) -> int:
    """Serve the app until SIGINT or SIGTERM. Returns the exit code of the program.

    Prints one line with the address once connections are taken, then what is needed to join from
    other devices; a worker leaves that to its supervisor. Needs a process that gevent has patched;
    starts and stops the app's runtime.
    """
    try:
        listener = worker.listener if worker else listen(settings.host, settings.port)
    except CannotListenError as error:
        click.echo(error, err=True)
        return 1
    _allow_many_connections()
    _log_failed_greenlets()
    runtime = app.extensions["chat_runtime"]
    server = Server(
        listener,
        app,
        body_limit_bytes=_body_limit_bytes(settings),
        deadlines=deadlines or Deadlines(),
        callers=_callers(settings),
        when_crowded=runtime.crowded,
        handover=worker.handover if worker else None,
    )
    stopping = _stop_on_signals()
    runtime.start()
    if worker:
        worker.waits_for_go()
        gevent.spawn(worker.waits_for_the_end).link(lambda _: stopping.set())
        worker.handover.start(server.adopt)
    server.start()
    if not worker:
        announce(settings.host, listener.getsockname()[1], with_qr=with_qr)
    stopping.wait()
    log.info("stopping", notice_seconds=settings.stop_notice_seconds)
    _end_whatever_happens(settings.stop_notice_seconds + END_SECONDS)
    runtime.retire()
    gevent.sleep(settings.stop_notice_seconds)
    began = time.monotonic()
    server.close_the_door()
    try:
        with gevent.Timeout(LEAVING_SECONDS + 1):
            runtime.stop(LEAVING_SECONDS)
    except (Exception, gevent.Timeout):
        log.exception("members could not be told")
    server.drain(until=began + FINISHING_SECONDS)
    try:
        runtime.close()
    except Exception:
        log.exception("the store could not be closed")
    log.info("stopped", seconds=round(time.monotonic() - began, 2))
    return 0


def _body_limit_bytes(settings: Settings) -> float:
    packets = settings.limit("packet_limit_bytes") * PACKETS_PER_POLL
    return max(settings.limit("upload_limit_bytes"), packets) + BODY_ENVELOPE_BYTES


def _callers(settings: Settings) -> Callers:
    """Nobody is counted behind a proxy, where all connections come from its address."""
    if settings.trusted_proxies:
        return Callers()
    return Callers(settings.limit("tcp_connections_per_address"))


def _nobody_counts() -> None:
    pass


def _allow_many_connections() -> None:
    """Every connection is a file descriptor, and systems start programs with 1,024 of them."""
    if sys.platform == "win32":
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):  # macOS names a hard limit that it does not grant
        log.debug("file descriptor limit kept")


def _log_failed_greenlets() -> None:
    """Have failures in the background logged like all others; gevent prints them raw."""

    def log_failure(_context: object, kind: Any, error: Any, trace: Any) -> None:
        log.error("background work failed", exc_info=(kind, error, trace))

    gevent.get_hub().print_exception = log_failure  # type: ignore[method-assign, assignment]


def _stop_on_signals() -> Event:
    stopping = Event()

    def interrupt() -> None:
        if stopping.is_set():
            os._exit(130)  # a second Ctrl-C; a second SIGTERM is a supervisor being thorough
        stopping.set()

    gevent.signal_handler(signal.SIGINT, interrupt)
    gevent.signal_handler(signal.SIGTERM, stopping.set)
    return stopping


def _end_whatever_happens(seconds: float) -> None:
    """End the process in time even when something never yields to the loop: on a real thread."""
    sleep = gevent.monkey.get_original("time", "sleep")

    def end() -> None:
        sleep(seconds)
        os._exit(0)

    gevent.monkey.get_original("_thread", "start_new_thread")(end, ())


def announce(host: str, port: int, *, with_qr: bool) -> None:
    """Print the address. Scripts wait for the first line; the rest is for people."""
    click.echo(f"Flask Chat App on {url_of(host, port)}")
    address = None if is_loopback(host) else lan_address(host)
    if address is None:
        return
    url = url_of(address, port)
    click.echo(f"In this network: {url}")
    if with_qr or sys.stdout.isatty():
        import segno

        segno.make(url, micro=False).terminal(compact=True)
        sys.stdout.flush()
