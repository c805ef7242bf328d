"""Puts the engine under a python-socketio server, where its own Engine.IO server was."""

from __future__ import annotations

from typing import Any

from .dispatch import Dispatcher
from .engine import Engine
from .fanout import Fanout
from .requests import Accepts, same_origin
from .settings import EngineSettings


def install(server: Any, settings: EngineSettings, *, accepts: Accepts = same_origin) -> Engine:
    """Let this server's connections be carried by the engine.

    `server` is the `socketio.Server` that Flask-SocketIO makes; its client manager is a Fanout.
    `accepts(origin, environ)` says whether pages of an origin may connect. Call it once, before the
    first request; nothing starts until then, so a process may still fork.
    """
    fanout: Fanout = server.manager
    engine = Engine(settings, lambda made: Dispatcher(server, made), accepts)
    server.eio = fanout.engine = engine
    server.async_mode = engine.async_mode
    return engine
