"""What python-socketio asks of its Engine.IO server, in terms of the engine."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import engineio
import gevent
from gevent.event import Event
from gevent.queue import Queue

from . import frames
from .session import Session, message

if TYPE_CHECKING:
    from .requests import Requests


class EngineInterface:
    """The methods of `engineio.Server` that python-socketio calls. The engine is one of these."""

    reason = engineio.Server.reason
    async_mode = "gevent"
    sessions: dict[str, Session]
    handlers: dict[str, Callable[..., Any]]
    requests: Requests

    def close(
        self, session: Session, reason: str, *, code: int = frames.NORMAL, why: str = ""
    ) -> None:
        """Close a session."""
        raise NotImplementedError

    def on(self, event: str, handler: Callable[..., Any]) -> None:
        """Set the handler of `connect`, `message` or `disconnect`."""
        self.handlers[event] = handler

    def handle_request(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """The WSGI application behind /socket.io/."""
        return self.requests.handle(environ, start_response)

    def send(self, sid: str, data: str | bytes) -> None:
        """Send a message to a session; unknown ones are ignored, they have just gone."""
        session = self.sessions.get(sid)
        if session is not None:
            session.put(
                message(data.encode()) if isinstance(data, str) else frames.binary(bytes(data))
            )

    def send_packet(self, sid: str, pkt: Any) -> None:
        """Send a packet of python-engineio."""
        encoded = pkt.encode()
        session = self.sessions.get(sid)
        if session is not None:
            session.put(
                frames.text(encoded.encode())
                if isinstance(encoded, str)
                else frames.binary(encoded)
            )

    def disconnect(self, sid: str | None = None) -> None:
        """Close one session, or all, in a way that lets the client come back."""
        for session in (
            [self.sessions.get(sid)] if sid is not None else list(self.sessions.values())
        ):
            if session is not None:
                self.close(session, self.reason.SERVER_DISCONNECT, code=frames.GOING_AWAY)

    def transport(self, sid: str) -> str:
        """`websocket` or `polling`. Raises KeyError for an unknown session."""
        return "websocket" if self.sessions[sid].wire is not None else "polling"

    def get_session(self, sid: str) -> dict[str, Any]:
        """A dict of the application for this session. Raises KeyError."""
        session = self.sessions[sid]
        if session.user is None:
            session.user = {}
        return session.user

    def save_session(self, sid: str, session: dict[str, Any]) -> None:
        """Replace the dict of the application."""
        self.sessions[sid].user = session

    def start_background_task(self, target: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run `target` in a greenlet."""
        return gevent.spawn(target, *args, **kwargs)

    def sleep(self, seconds: float = 0) -> None:
        """Sleep in this greenlet."""
        gevent.sleep(seconds)

    def create_queue(self, *args: Any, **kwargs: Any) -> Any:
        """A queue between greenlets."""
        return Queue(*args, **kwargs)

    def create_event(self, *_: Any, **__: Any) -> Any:
        """An event between greenlets."""
        return Event()

    def generate_id(self) -> str:
        """A new id, 120 random bits."""
        return secrets.token_urlsafe(15)
