"""Redis as the store, the bus and presence see it: ask for something by its key, get the answer.

Where the key is, whether a node has moved, failed or forgotten our functions is settled in here.
Whatever cannot be settled within seconds is Unavailable.
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import gevent
import redis
import structlog
from gevent.event import AsyncResult
from redis.exceptions import AskError, MovedError

from flask_chat.domain.errors import Unavailable
from flask_chat.redis_link.line import RETRY_AFTER_SECONDS, Line, Request
from flask_chat.redis_link.places import Places, find_places, slot_of
from flask_chat.redis_link.urls import Node, RedisUrl, parse
from flask_chat.redis_link.wire import LINK_ERRORS, Wire, Word

log = structlog.get_logger(__name__)

_ATTEMPTS = 4
OLDEST_REDIS = 7  # functions and sharded channels

# Answers of a node that is not, or not yet, the one to ask.
_ELSEWHERE = ("READONLY", "CLUSTERDOWN", "MASTERDOWN", "LOADING", "TRYAGAIN", "UNBLOCKED")
# Answers of a node that cannot write now.
_REFUSING = ("OOM", "NOREPLICAS", "MISCONF", "BUSY")
_TRY_AGAIN_SECONDS = 0.05
# What else waits for our functions on a node is behind the first that found them missing.
_LOADING_SECONDS = 1.0


class RedisFault(Exception):
    """Redis cannot be used with this URL. The text is a sentence for whoever runs the server."""


class Library:
    """Functions in Lua, from files that follow each other as one source.

    Their names tell the version, so that two programs can run side by side.
    """

    def __init__(self, name: str, files: Iterable[Path]) -> None:
        source = "\n".join(file.read_text(encoding="utf-8") for file in files)
        self.version = f"{name}_{hashlib.sha256(source.encode()).hexdigest()[:8]}"
        self.source = source.replace("VERSION", self.version)

    def name(self, function: str) -> str:
        """The full name of a function, to call it by."""
        return f"{self.version}_{function}"


class Command(Request):
    """One command whose answer somebody waits for."""

    __slots__ = ("_answer", "_command")

    def __init__(self, slot: int, command: tuple[Word, ...], *, again: bool) -> None:
        super().__init__(slot, again=again)
        self._command = command
        self._answer: AsyncResult[Any] = AsyncResult()

    def command(self) -> tuple[Word, ...]:
        return self._command

    def done(self, reply: Any) -> None:
        self._answer.set(reply)

    def failed(self, error: Exception) -> None:
        self._answer.set_exception(error)

    def get(self) -> Any:
        """The answer. Raises Unavailable, or ResponseError for a command that is wrong."""
        return self._answer.get()


class Link:
    """All the nodes behind one URL."""

    def __init__(self, url: str, libraries: Iterable[Library] = ()) -> None:
        self.url: RedisUrl = parse(url)
        self.prefix = self.url.prefix
        self.places: Places = find_places(self.url)
        self._lines: dict[Node, Line] = {}
        self._libraries = list(libraries)
        self._is_down = False
        self.when_back: list[Callable[[], None]] = []  # told after a time without Redis

    def check(self) -> None:
        """Look whether this is a Redis we can use. One that is away may come: that is only logged.

        Raises RedisFault.
        """
        try:
            first = Wire(self.url, self.url.nodes[0], is_sentinel=self.url.kind == "sentinel")
        except redis.AuthenticationError as error:
            raise RedisFault(f"Redis does not know this name and password ({error}).") from None
        except LINK_ERRORS as error:
            log.warning("Redis is not there yet", reason=str(error))
            return
        except redis.RedisError as error:
            raise RedisFault(f"Redis cannot be used ({error}).") from None
        try:
            if self.url.kind == "server":
                self._check_server(first)
        except redis.RedisError as error:
            log.warning("Redis could not be looked at", reason=str(error))
        finally:
            first.close()

    def add(self, library: Library) -> None:
        """Functions that may be called from now on."""
        self._libraries.append(library)

    def ask(self, key: str, *command: Word, again: bool = True) -> Command:
        """Have a command carried out where `key` is; `get()` waits for the answer.

        `again`: it does no harm when it is carried out twice.
        """
        request = Command(slot_of(key), command, again=again)
        self.send(request)
        return request

    def call(self, function: str, key: str, *args: Word, again: bool = True) -> Any:
        """Call a function about one key. Raises Unavailable."""
        return self.ask(key, "FCALL", function, 1, key, *args, again=again).get()

    def send(self, request: Request) -> None:
        """Have a request carried out where its slot is."""
        try:
            node = self.places.node(request.slot)
        except (*LINK_ERRORS, redis.RedisError) as error:
            self._when_broken(error)
            request.failed(Unavailable(retry_after_seconds=RETRY_AFTER_SECONDS))
            return
        self._line(node).send(request)

    def close(self) -> None:
        """Carry out what waits, then let go of all connections."""
        for line in list(self._lines.values()):
            line.close()

    def _line(self, node: Node) -> Line:
        line = self._lines.get(node)
        if line is None:
            line = self._lines[node] = Line(
                lambda: self.places.connect(node),
                self._judge,
                self._when_broken,
                self._when_up,
                self.url.replicas,
            )
        return line

    def _judge(self, line: Line, request: Request, reply: Any) -> None:
        if not isinstance(reply, redis.ResponseError):
            request.done(reply)
            return
        text = str(reply)
        word = text.partition(" ")[0]
        if request.attempts >= _ATTEMPTS:
            request.failed(Unavailable(retry_after_seconds=RETRY_AFTER_SECONDS))
        elif isinstance(reply, MovedError):  # which is an AskError to redis-py
            self.places.moved(reply.slot_id, Node(reply.host, reply.port))
            self.send(request)
        elif isinstance(reply, AskError):
            request.before = ("ASKING",)
            self._line(Node(reply.host, reply.port)).send(request)
        elif "unction not found" in text and (library := self._library_of(request)):
            if line.loaded_at.get(library.version, 0.0) < time.monotonic() - _LOADING_SECONDS:
                line.loaded_at[library.version] = time.monotonic()
                request.before = ("FUNCTION", "LOAD", "REPLACE", library.source)
            line.send(request)
        elif _is(reply, word, _ELSEWHERE):
            self.places.lost()
            line.is_stale = True
            gevent.spawn_later(_TRY_AGAIN_SECONDS * request.attempts**2, self.send, request)
        elif _is(reply, word, _REFUSING):
            log.error("Redis refuses to write", reason=text)
            request.failed(Unavailable(retry_after_seconds=RETRY_AFTER_SECONDS))
        else:
            request.failed(reply)

    def _library_of(self, request: Request) -> Library | None:
        _, name, *_ = request.command()
        return next((each for each in self._libraries if str(name).startswith(each.version)), None)

    def _when_broken(self, error: Exception) -> None:
        self.places.lost()
        if not self._is_down:
            log.warning("Redis is out of reach, posts are refused", reason=str(error))
        self._is_down = True

    def _when_up(self) -> None:
        if self._is_down:
            self._is_down = False
            log.info("Redis is back")
            for tell in self.when_back:
                tell()

    def _check_server(self, wire: Wire) -> None:
        info = wire.ask("INFO", "SERVER").decode()
        mode = re.search(r"(?:redis|server)_mode:(\w+)", info)
        if mode and mode[1] == "cluster":
            raise RedisFault("This Redis is a node of a cluster: write redis+cluster:// instead.")
        version = re.search(r"redis_version:(\d+)", info)
        if version and int(version[1]) < OLDEST_REDIS:
            raise RedisFault(f"This Redis is too old ({version[1]}): 7 is needed, or any Valkey.")


def _is(error: redis.ResponseError, word: str, words: tuple[str, ...]) -> bool:
    # redis-py takes the word away from those errors that it has a class for.
    kinds = (
        redis.exceptions.ReadOnlyError,
        redis.exceptions.ClusterDownError,
        redis.exceptions.TryAgainError,
        redis.exceptions.MasterDownError,
    )
    return (
        word in words
        or (words is _ELSEWHERE and isinstance(error, kinds))
        or (words is _REFUSING and isinstance(error, redis.exceptions.OutOfMemoryError))
    )
