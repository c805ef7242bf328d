"""Ears whose link was lost: they listen anew, since an old connection may be deaf."""

from typing import Any

import gevent
import redis
from gevent.queue import Empty, Queue

from flask_chat.redis_link.ear import Ears
from flask_chat.redis_link.urls import Node

CHANNEL = "chat:{r-1}:bus"


class SoundWire:
    """A connection that subscribes, and then brings nothing until it is closed."""

    def __init__(self) -> None:
        self._incoming: Queue[Any] = Queue()

    def send(self, data: bytes) -> None:
        if b"SSUBSCRIBE" in data:
            self._incoming.put([b"ssubscribe", CHANNEL.encode(), 1])

    def read(self, timeout_seconds: float) -> Any:
        try:
            found = self._incoming.get(timeout=timeout_seconds)
        except Empty:
            raise redis.TimeoutError from None
        if found is None:
            raise redis.ConnectionError("closed")
        return found

    def close(self) -> None:
        self._incoming.put(None)


class OneNode:
    """Stands in for a link to one node, and for its places."""

    def __init__(self) -> None:
        self.places = self
        self.when_back: list[Any] = []
        self.wires: list[SoundWire] = []

    def node(self, slot: int) -> Node:
        return Node("one", 7000)

    def connect(self, node: Node) -> SoundWire:
        self.wires.append(SoundWire())
        return self.wires[-1]

    def lost(self) -> None:
        pass


def test_a_link_that_is_back_makes_the_ears_listen_anew() -> None:
    link, heard = OneNode(), []
    ears = Ears(link, lambda channel, message: None, heard.append)  # type: ignore[arg-type]
    ears.listen(CHANNEL)
    assert heard == [CHANNEL]

    for tell in link.when_back:
        tell()
    gevent.sleep(0.5)

    assert len(link.wires) == 2
    assert heard == [CHANNEL, CHANNEL]  # so that it is looked for what was missed
    ears.close()
