"""Which node has which keys, and connections to nodes. This is where redis-py is used.

Keys belong to one of 16,384 slots. A cluster tells which node has which; without one, a single node
has them all, and Sentinels may say which node that is today.
"""

import binascii
from collections.abc import Callable
from typing import Protocol

import redis
import redis.connection
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from flask_chat.redis_link.urls import Node, RedisUrl

log = structlog.get_logger(__name__)

SLOTS = 16384
# One command hangs this long on a server that is frozen, and no command is tried for longer.
TIMEOUT_SECONDS = 2.0
_SENTINEL_TIMEOUT_SECONDS = 0.5

Connection = redis.connection.AbstractConnection
# A link that is broken, closed or refused; a time-out is one as well.
LINK_ERRORS = (redis.ConnectionError, redis.TimeoutError, OSError)


class Places(Protocol):
    """Where keys are."""

    def node(self, slot: int) -> Node:
        """The node that has this slot. Raises one of LINK_ERRORS when that cannot be found out."""

    def nodes(self) -> list[Node]:
        """All nodes that have slots. Raises one of LINK_ERRORS."""

    def connect(self, node: Node) -> Connection:
        """A new connection, which is up. Raises one of LINK_ERRORS, or another RedisError."""

    def lost(self) -> None:
        """What was known is out of date: ask anew before the next answer."""

    def moved(self, slot: int, node: Node) -> None:
        """A node said that another has this slot."""


def slot_of(key: str) -> int:
    """The slot of a key: of what stands between { and } in it, else of all of it."""
    start = key.find("{")
    end = key.find("}", start + 2)
    part = key[start + 1 : end] if 0 <= start < end else key
    return binascii.crc_hqx(part.encode(), 0) % SLOTS


def find_places(url: RedisUrl) -> Places:
    """The places behind a URL. Nothing is asked yet."""
    if url.kind == "cluster":
        return Cluster(url)
    return Sentinels(url) if url.kind == "sentinel" else Server(url)


class Server:
    """One node has everything."""

    def __init__(self, url: RedisUrl) -> None:
        self._url = url

    def node(self, slot: int) -> Node:
        return self._url.nodes[0]

    def nodes(self) -> list[Node]:
        return [self._url.nodes[0]]

    def connect(self, node: Node) -> Connection:
        return open_connection(self._url, node)

    def lost(self) -> None:
        pass

    def moved(self, slot: int, node: Node) -> None:
        pass


# The one node there is to its users, whichever it is for the Sentinels now.
MASTER = Node("master", 1)


class Sentinels:
    """One node has everything; which one is asked at every connection."""

    def __init__(self, url: RedisUrl) -> None:
        self._url = url

    def node(self, slot: int) -> Node:
        return MASTER

    def nodes(self) -> list[Node]:
        return [MASTER]

    def connect(self, node: Node) -> Connection:
        connection = open_connection(self._url, self._ask())
        role = _ask(connection, "ROLE")
        if role[0] != b"master":  # the Sentinels have not noticed yet
            connection.disconnect()
            raise redis.ConnectionError(f"{self._url.master} is no master now")
        return connection

    def lost(self) -> None:
        pass

    def moved(self, slot: int, node: Node) -> None:
        pass

    def _ask(self) -> Node:
        last: Exception = redis.ConnectionError("no Sentinel")
        for sentinel in self._url.nodes:
            try:
                connection = open_sentinel(self._url, sentinel)
                try:
                    found = _ask(
                        connection, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._url.master
                    )
                finally:
                    connection.disconnect()
            except LINK_ERRORS as error:
                last = error
                continue
            if found:
                return Node(found[0].decode(), int(found[1]))
            last = redis.ConnectionError(f"no Sentinel knows {self._url.master}")
        raise last


class Cluster:
    """Many nodes, each with its slots."""

    def __init__(self, url: RedisUrl) -> None:
        self._url = url
        self._by_slot: list[Node] = []

    def node(self, slot: int) -> Node:
        if not self._by_slot:
            self._refresh()
        return self._by_slot[slot]

    def nodes(self) -> list[Node]:
        if not self._by_slot:
            self._refresh()
        return list(dict.fromkeys(self._by_slot))

    def connect(self, node: Node) -> Connection:
        return open_connection(self._url, node)

    def lost(self) -> None:
        self._known = list(dict.fromkeys(self._by_slot))
        self._by_slot = []

    def moved(self, slot: int, node: Node) -> None:
        if self._by_slot:
            self._by_slot[slot] = node

    _known: list[Node] = []  # noqa: RUF012 – replaced, never changed

    def _refresh(self) -> None:
        """Ask for the slots: those that were there the last time first, then those of the URL."""
        last: Exception = redis.ConnectionError("no node of the cluster")
        for node in dict.fromkeys((*self._known, *self._url.nodes)):
            try:
                connection = open_connection(self._url, node, _SENTINEL_TIMEOUT_SECONDS)
                try:
                    ranges = _ask(connection, "CLUSTER", "SLOTS")
                finally:
                    connection.disconnect()
            except (*LINK_ERRORS, redis.ResponseError) as error:
                last = error
                continue
            by_slot: list[Node | None] = [None] * SLOTS
            for first, end, master, *_ in ranges:
                host = master[0].decode() if master[0] else node.host
                by_slot[first : end + 1] = [Node(host, master[1])] * (end - first + 1)
            found = [node for node in by_slot if node is not None]
            if len(found) == SLOTS:
                self._by_slot = found
                return
            last = redis.ConnectionError("the cluster has slots without a node")
        raise last


def open_connection(url: RedisUrl, node: Node, timeout: float = TIMEOUT_SECONDS) -> Connection:
    """Connect to a node of this URL."""
    return _open(url, node, url.username, url.password, url.db, timeout)


def open_sentinel(url: RedisUrl, node: Node) -> Connection:
    """Connect to a Sentinel of this URL."""
    name, password = url.sentinel_username, url.sentinel_password
    return _open(url, node, name, password, 0, _SENTINEL_TIMEOUT_SECONDS)


def _open(
    url: RedisUrl, node: Node, username: str | None, password: str | None, db: int, timeout: float
) -> Connection:
    options = {
        "db": db,
        "username": username,
        "password": password,
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(NoBackoff(), 0),  # who asks again is decided where the answer is waited for
        "protocol": 2,
        "client_name": "flask-chat",
        "driver_info": None,
    }
    make: Callable[..., Connection]
    if node.port == 0:
        make = redis.connection.UnixDomainSocketConnection
        options["path"] = node.host
    else:
        make = redis.connection.Connection
        options |= {"host": node.host, "port": node.port}
        if url.tls:
            make = redis.connection.SSLConnection
            options |= {"ssl_ca_certs": url.ca, "ssl_certfile": url.cert, "ssl_keyfile": url.key}
    connection = make(**options)
    connection.connect()
    return connection


def _ask(connection: Connection, *command: str) -> list[bytes]:
    connection.send_command(*command)
    answer: list[bytes] = connection.read_response()
    return answer
