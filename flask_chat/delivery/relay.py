"""From the store to the rooms of this process: directly, where there is one server.

bus.py is the same for several servers.
"""

from collections.abc import Sequence
from typing import Protocol

from flask_chat.delivery.fanout import Fanout


class Relay(Protocol):
    """What brings events and passing news to those who listen here."""

    def open(self, room_id: str) -> None:
        """Somebody of this room is about to listen here: from now on nothing of it is missed.

        Each call is followed by one of `close`. Raises Unavailable.
        """

    def close(self, room_id: str) -> None:
        """One listener fewer."""

    def publish(self, room_id: str, seq: int, data: bytes) -> None:
        """This server has appended an event."""

    def meet(self, room_id: str, start: int, events: Sequence[bytes], last_seq: int) -> bool:
        """Bring those who listen to the end of a stretch of the log that was just read.

        False when they are further, so that it has to be read again. Whoever starts to listen in
        the same turn of the loop misses nothing after `last_seq`, and hears nothing up to it.
        """

    def tell(self, room_id: str, event: str, payload: bytes, *, skip: str = "") -> None:
        """News that is not kept, such as who types, for everybody but the connection `skip`."""

    def stop(self) -> None:
        """Let go of connections."""


class LocalRelay:
    """One server: what is published is delivered."""

    def __init__(self, fanout: Fanout) -> None:
        self._fanout = fanout

    def open(self, room_id: str) -> None:
        pass

    def close(self, room_id: str) -> None:
        pass

    def publish(self, room_id: str, seq: int, data: bytes) -> None:
        self._fanout.deliver(room_id, "event", data)

    def meet(self, room_id: str, start: int, events: Sequence[bytes], last_seq: int) -> bool:
        return True

    def tell(self, room_id: str, event: str, payload: bytes, *, skip: str = "") -> None:
        self._fanout.deliver(room_id, event, payload, skip=skip)

    def stop(self) -> None:
        pass
