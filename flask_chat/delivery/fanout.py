"""Frames to connections: which connection listens to which room, and sending to them."""

from __future__ import annotations

from typing import Any

import msgspec
import socketio


class Fanout(socketio.Manager):  # type: ignore[misc]
    """The client manager of python-socketio; a connection listens to one room."""

    def enter(self, sid: str, room_id: str) -> None:
        """From now on `sid` gets what is delivered to the room."""
        self.enter_room(sid, "/", room_id)

    def deliver(self, room_id: str, name: str, payload: bytes, *, skip: str | None = None) -> None:
        """Send the event `name` with one argument, `payload` (JSON), to all who listen."""
        self.emit(name, msgspec.Raw(payload), "/", room=room_id, skip_sid=skip)

    def send(self, sid: str, name: str, payload: bytes) -> None:
        """Send the event to one connection, in order with `deliver`."""
        self.emit(name, msgspec.Raw(payload), "/", room=sid)

    def close(self, sid: str) -> None:
        """Tell the client not to come back, and close."""
        self.server.disconnect(sid)

    def close_all(self) -> None:
        """Close every connection in a way that lets clients come back (used when stopping)."""
        for sid in list(self.server.eio.sockets):
            self.server.eio.disconnect(sid)


class Packets:
    """The `json` module that python-socketio and python-engineio encode and decode with.

    Strict (no NaN, no Infinity, in or out) and able to write msgspec values.
    """

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        """JSON text of the value. Raises TypeError for what JSON cannot hold."""
        return msgspec.json.encode(value).decode()

    @staticmethod
    def loads(text: str | bytes, **_: Any) -> Any:
        """The value in the text. Raises ValueError (msgspec.DecodeError) when it is not JSON."""
        return msgspec.json.decode(text)
