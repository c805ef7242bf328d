"""Several processes on one port: the supervisor, and what each of its workers is given.

The supervisor binds a listener for each worker (SO_REUSEPORT: the kernel spreads connections over
them) and keeps it open, so that connections wait in it while a worker is replaced. Workers are the
same command started again, with the variable FLASK_CHAT_WORKER; they say when they are ready and
end when the supervisor does. Signals: SIGTERM and SIGINT end all, SIGHUP replaces one after the
other by what is installed now. What workers do for each other is in handover.py.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import gevent
import gevent.socket
import gevent.subprocess
import structlog
from gevent.event import Event

from flask_chat.addresses import listen, listen_together
from flask_chat.handover import Handover

log = structlog.get_logger(__name__)

VARIABLE = "FLASK_CHAT_WORKER"
READY, GO = b"r", b"g"
START_SECONDS = 60.0  # to be ready: a store may have to be read
END_SECONDS = 10.0  # after the notice: a worker ends by itself half a second earlier
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
STEADY_SECONDS = 10.0  # a worker that lived longer did not fail for the same reason again


@dataclass(frozen=True)
class Worker:
    """What a worker process is given by its supervisor."""

    number: int
    listener: socket.socket
    handover: Handover
    _control: gevent.socket.socket

    def waits_for_go(self) -> None:
        """Say that everything is ready and wait for the word to take connections."""
        self._control.sendall(READY)
        self._control.recv(1)

    def waits_for_the_end(self) -> None:
        """Return when the supervisor is no more."""
        while self._control.recv(1):
            pass


def this_worker() -> Worker | None:
    """What this process is among others, None when it is alone or the supervisor."""
    given = os.environ.get(VARIABLE)
    if given is None:
        return None
    fds = json.loads(given)
    number = fds["number"]
    inbox, *outboxes = (gevent.socket.socket(fileno=fd) for fd in [fds["inbox"], *fds["outboxes"]])
    others = {other: box for other, box in enumerate(outboxes, 1) if other != number}
    listener = gevent.socket.socket(fileno=fds["listener"])
    listener.setblocking(False)
    control = gevent.socket.socket(fileno=fds["control"])
    return Worker(number, listener, Handover(number, inbox, others), control)


class Post:
    """The place of one worker: what stays when the process in it is replaced."""

    def __init__(self, number: int, listener: socket.socket) -> None:
        self.number = number
        self.listener = listener
        self.outbox, self.inbox = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.process: _Process | None = None


class Supervisor:
    """Keeps one process at each post. Raises CannotListenError."""

    def __init__(self, host: str, port: int, workers: int, *, stop_notice_seconds: float) -> None:
        listen(host, port).close()  # others must not listen there already; together they could
        listeners = listen_together(host, port, workers)
        self.port: int = listeners[0].getsockname()[1]
        self._posts = [Post(number, each) for number, each in enumerate(listeners, 1)]
        self._end_seconds = stop_notice_seconds + END_SECONDS
        self._stopping = Event()
        self._interrupts = 0
        self._replacing = False

    def run(self, announce: Callable[[], None]) -> int:
        """Start the workers, announce, and keep them until a signal. Returns the exit code."""
        gevent.signal_handler(signal.SIGTERM, self._stopping.set)
        gevent.signal_handler(signal.SIGINT, self._interrupted)
        starting = gevent.spawn(self._start_all)
        self._stopping.rawlink(lambda _: starting.kill(block=False))
        starting.join()
        if self._stopping.is_set():
            return self._end_all()
        if starting.value:
            self._end_all()  # why it did not start is on the screen already
            return int(starting.value)
        announce()
        for post in self._posts:
            assert post.process is not None
            post.process.goes()
            gevent.spawn(self._keep, post)
        gevent.signal_handler(signal.SIGHUP, lambda: gevent.spawn(self._replace_all))
        self._stopping.wait()
        return self._end_all()

    def _start_all(self) -> int:
        """Start all at once; 0 when all are ready, else the exit code of one that is not."""
        starting = [gevent.spawn(self._start, post) for post in self._posts]
        return next((code for each in gevent.iwait(starting) if (code := each.get())), 0)

    def _interrupted(self) -> None:
        """Ctrl-C: the terminal sends it to the workers as well."""
        self._interrupts += 1
        self._stopping.set()
        if self._interrupts > 1:
            for process in self._processes():
                process.kill()
            os._exit(130)

    def _start(self, post: Post) -> int:
        """Start a process at this post; 0 when it is ready, else the exit code it ended with."""
        process = post.process = _Process(post, [each.outbox for each in self._posts])
        return process.waits_until_ready()

    def _keep(self, post: Post) -> None:
        """Replace the process when it dies; not when it is replaced on purpose."""
        pause = FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            process = post.process
            assert process is not None
            code = process.wait()
            if self._stopping.is_set():
                return
            if post.process is not process:
                continue
            if process.age() > STEADY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            log.error("worker died", worker=post.number, exit_code=code, again_in_seconds=pause)
            gevent.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            if not self._stopping.is_set() and not self._start(post):
                post.process.goes()

    def _replace_all(self) -> None:
        """A process after the other is followed by a new one, without a moment in between."""
        if self._replacing:
            return
        self._replacing = True
        log.info("replacing the workers")
        try:
            for post in self._posts:
                if self._stopping.is_set() or not self._replace(post):
                    return
            log.info("workers replaced")
        finally:
            self._replacing = False

    def _replace(self, post: Post) -> bool:
        old, new = post.process, _Process(post, [each.outbox for each in self._posts])
        assert old is not None
        if code := new.waits_until_ready():
            log.error("a new worker does not start, the old ones go on", exit_code=code)
            return False
        post.process = new
        old.ask_to_end()
        new.goes()
        old.wait_or_kill(self._end_seconds)
        return True

    def _end_all(self) -> int:
        log.info("stopping", workers=len(self._posts))
        processes = self._processes()
        for process in processes:
            process.ask_to_end()
        until = time.monotonic() + self._end_seconds
        codes = [process.wait_or_kill(until - time.monotonic()) for process in processes]
        log.info("stopped")
        return max(map(abs, codes), default=0) and 1

    def _processes(self) -> "list[_Process]":
        return [post.process for post in self._posts if post.process is not None]


class _Process:
    """A worker process, from its start to its end."""

    def __init__(self, post: Post, outboxes: list[socket.socket]) -> None:
        self._control, theirs = gevent.socket.socketpair()
        fds = [post.listener.fileno(), theirs.fileno(), post.inbox.fileno()]
        boxes = [box.fileno() for box in outboxes]
        names = dict(zip(("listener", "control", "inbox"), fds, strict=True))
        given = json.dumps({"number": post.number, **names, "outboxes": boxes})
        self._started_at = time.monotonic()
        self._process = gevent.subprocess.Popen(
            [sys.executable, *sys.orig_argv[1:]],
            env=os.environ | {VARIABLE: given},
            pass_fds=[*fds, *boxes],
            stdin=subprocess.DEVNULL,
        )
        theirs.close()

    def waits_until_ready(self) -> int:
        """0 once it is ready, else the exit code it ended with."""
        self._control.settimeout(START_SECONDS)
        try:
            is_ready = self._control.recv(1) == READY
        except OSError:
            is_ready = False
        if is_ready:
            return 0
        return self.wait_or_kill(1.0) or 1

    def goes(self) -> None:
        """Let it take connections."""
        try:
            self._control.sendall(GO)
        except OSError:
            log.debug("worker gone before it began")

    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self._started_at

    def wait(self) -> int:
        """Its exit code, when it has ended."""
        return int(self._process.wait())

    def ask_to_end(self) -> None:
        """SIGTERM, if it is still there."""
        if self._process.poll() is None:
            self._process.terminate()

    def kill(self) -> None:
        """SIGKILL, if it is still there."""
        if self._process.poll() is None:
            self._process.kill()

    def wait_or_kill(self, seconds: float) -> int:
        """Its exit code; after so many seconds it is killed."""
        try:
            return int(self._process.wait(max(seconds, 0.01)))
        except gevent.subprocess.TimeoutExpired:
            log.error("worker does not end and is killed", pid=self._process.pid)
            self._process.kill()
            return self.wait()
