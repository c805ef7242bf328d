"""Which node has which keys, and wires to nodes.

Keys belong to one of 16,384 slots. A cluster tells which node has which; without one, a single node
has them all, and Sentinels may say which node that is today.
"""

import binascii
from functools import lru_cache
from typing import Protocol

import redis

from flask_chat.redis_link.urls import Node, RedisUrl
from flask_chat.redis_link.wire import LINK_ERRORS, Wire

SLOTS = 16384
_KNOWN_SLOTS = 10_000  # of keys, which are rooms' for the most part
_LOOK_UP_SECONDS = 0.5  # for each of those who may know where a node is


class Places(Protocol):
    """Where keys are."""

    def node(self, slot: int) -> Node:
        """The node that has this slot. Raises one of LINK_ERRORS when that cannot be found out."""

    def nodes(self) -> list[Node]:
        """All nodes that have slots. Raises one of LINK_ERRORS."""

    def connect(self, node: Node) -> Wire:
        """A new connection, which is up. Raises one of LINK_ERRORS, or another RedisError."""

    def lost(self) -> None:
        """What was known is out of date: ask anew before the next answer."""

    def moved(self, slot: int, node: Node) -> None:
        """A node said that another has this slot."""


@lru_cache(_KNOWN_SLOTS)
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

    def connect(self, node: Node) -> Wire:
        return Wire(self._url, node)

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

    def connect(self, node: Node) -> Wire:
        wire = Wire(self._url, self._ask())
        role = wire.ask("ROLE")
        if role[0] != b"master":  # the Sentinels have not noticed yet
            wire.close()
            raise redis.ConnectionError(f"{self._url.master} is no master now")
        return wire

    def lost(self) -> None:
        pass

    def moved(self, slot: int, node: Node) -> None:
        pass

    def _ask(self) -> Node:
        last: Exception = redis.ConnectionError("no Sentinel")
        for sentinel in self._url.nodes:
            try:
                wire = Wire(self._url, sentinel, is_sentinel=True, timeout_seconds=_LOOK_UP_SECONDS)
                try:
                    found = wire.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._url.master)
                finally:
                    wire.close()
            except (*LINK_ERRORS, redis.ResponseError) as error:
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
        self._known: list[Node] = []  # when it was asked last

    def node(self, slot: int) -> Node:
        if not self._by_slot:
            self._refresh()
        return self._by_slot[slot]

    def nodes(self) -> list[Node]:
        if not self._by_slot:
            self._refresh()
        return list(dict.fromkeys(self._by_slot))

    def connect(self, node: Node) -> Wire:
        return Wire(self._url, node)

    def lost(self) -> None:
        if self._by_slot:
            self._known = list(dict.fromkeys(self._by_slot))
            self._by_slot = []

    def moved(self, slot: int, node: Node) -> None:
        if self._by_slot:
            self._by_slot[slot] = node

    def _refresh(self) -> None:
        """Ask for the slots: those that were there the last time first, then those of the URL."""
        last: Exception = redis.ConnectionError("no node of the cluster")
        for node in dict.fromkeys((*self._known, *self._url.nodes)):
            try:
                wire = Wire(self._url, node, timeout_seconds=_LOOK_UP_SECONDS)
                try:
                    ranges = wire.ask("CLUSTER", "SLOTS")
                finally:
                    wire.close()
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
