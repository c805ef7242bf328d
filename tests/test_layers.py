"""Who may import whom, read from the import lines. docs/architecture.md draws the arrows."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# part → the parts it may import (besides itself)
MAY_IMPORT: dict[str, set[str]] = {
    "domain": set(),
    "redis_link": {"domain"},  # how to talk to Redis: the store and the bus have it in common
    "stores": {"domain", "redis_link"},
    "delivery": {"domain", "redis_link"},
    "pacing": {"domain", "redis_link"},
    "entrance": {"domain", "stores"},
    "chat": {"domain", "stores", "delivery", "entrance"},
    "client": set(),
    "assets": set(),
    "settings": {"domain", "redis_link"},
    "logs": {"settings"},
    "web": {"domain", "stores", "delivery", "pacing", "entrance", "chat", "assets", "settings"},
    "server": {"settings", "logs"},
    "app": {
        "domain",
        "redis_link",
        "stores",
        "delivery",
        "pacing",
        "entrance",
        "chat",
        "web",
        "assets",
        "settings",
        "logs",
        "server",
    },
    "cli": {"app", "server", "stores", "assets", "settings", "logs"},
    "main": {"app", "cli", "server", "assets", "settings", "logs"},
}
# Modules at the top of the package that belong to a part with another name.
PART_OF_MODULE = {
    "__main__": "main",
    "addresses": "server",
    "moderation": "chat",
    "paces": "chat",
    "stretches": "chat",
    "succession": "chat",
    "backend": "app",
    "callers": "server",
    "collector": "server",
    "handover": "server",
    "http1": "server",
    "http_head": "server",
    "http_reading": "server",
    "secret_file": "settings",
    "setting_kinds": "settings",
    "setting_sources": "settings",
    "workers": "server",
}
# package from elsewhere → where in flask_chat it may be imported
HOME_OF_PACKAGE = {
    "flask": ("web", "app"),
    "flask_socketio": ("web", "app"),
    "flask_wtf": ("web", "app"),
    "socketio": ("web", "app", "delivery", "client"),
    "engineio": ("web", "app", "delivery"),
    "redis": ("redis_link",),
    "hiredis": ("redis_link",),
    "sqlite3": ("stores.sqlite",),
    "requests": ("client",),
    "click": ("cli", "server"),
    "argon2": ("entrance",),
}
# The domain has no clock, chance, file, socket or thread of its own: it is given what it needs.
NOT_IN_DOMAIN = {"asyncio", "gevent", "io", "os", "pathlib", "random", "secrets", "socket"}
NOT_IN_DOMAIN |= {"subprocess", "threading", "time", "uuid"}


def test_imports_run_one_way() -> None:
    sources = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path.read_text(encoding="utf-8")
        for path in [*sorted((ROOT / "flask_chat").rglob("*.py")), ROOT / "main.py"]
    }

    assert violations(sources) == []


@pytest.mark.parametrize(
    ("module", "line", "complaint"),
    [
        ("flask_chat.domain.rooms", "import flask_chat.stores.base", "domain imports stores"),
        ("flask_chat.domain.codes", "from secrets import choice", "secrets in domain"),
        ("flask_chat.domain.codes", "import time", "time in domain"),
        (
            "flask_chat.stores.memory",
            "from flask_chat.delivery import bus",
            "stores imports delivery",
        ),
        ("flask_chat.delivery.bus", "from flask_chat import stores", "delivery imports stores"),
        ("flask_chat.delivery.bus", "from ..stores import base", "delivery imports stores"),
        ("flask_chat.delivery.__init__", "from .. import stores", "delivery imports stores"),
        ("flask_chat.stores.base", "from flask_chat.chat import Chat", "stores imports chat"),
        ("flask_chat.chat", "from flask_chat.web import wire", "chat imports web"),
        ("flask_chat.chat", "from flask import g", "flask in chat"),
        ("flask_chat.chat", "def later():\n    import flask.json", "flask in chat"),
        ("flask_chat.web.pages", "from flask_chat.app import create_app", "web imports app"),
        ("flask_chat.web.pages", "import redis", "redis in web"),
        ("flask_chat.stores.memory", "import redis.client", "redis in stores.memory"),
        ("flask_chat.app", "from flask_chat import cli", "app imports cli"),
        ("flask_chat.cli", "from flask_chat.__main__ import main", "cli imports main"),
        ("flask_chat.cli", "import main", "cli imports main"),
        ("flask_chat.surprise", "", "surprise has no place"),
    ],
)
def test_an_arrow_that_turns_round_is_found(module: str, line: str, complaint: str) -> None:
    found = violations({module: line})

    assert len(found) == 1
    assert complaint in found[0]


@pytest.mark.parametrize(
    ("module", "line"),
    [
        (
            "flask_chat.domain.rooms",
            "from flask_chat.domain.codes import Code\nfrom . import codes",
        ),
        ("flask_chat.stores.redis.store", "from flask_chat.redis_link.link import Link"),
        ("flask_chat.redis_link.places", "import redis"),
        (
            "flask_chat.web.health",
            "from flask_chat import __version__\nfrom flask import Blueprint",
        ),
        ("flask_chat.app", "from flask_chat import assets\nfrom flask_chat.web import pages"),
        ("main", "from flask_chat.cli import serve"),
    ],
)
def test_an_arrow_that_runs_downwards_is_fine(module: str, line: str) -> None:
    assert violations({module: line}) == []


def violations(sources: Mapping[str, str]) -> list[str]:
    """Every import that breaks a rule, as a sentence; `sources` are texts by dotted module name."""
    return [
        f"{module}:{line}: {complaint}"
        for module, text in sources.items()
        for line, complaint in complaints(module, text)
    ]


def complaints(module: str, text: str) -> Iterator[tuple[int, str]]:
    part = part_of(module)
    if part is None:
        return
    if part not in MAY_IMPORT:
        yield 1, f"{part} has no place in MAY_IMPORT: give it one"
        return
    for line, imported in imports_of(module, text):
        other = part_of(imported)
        if other is not None:
            if other != part and other not in MAY_IMPORT[part]:
                yield line, f"{part} imports {other} ({imported})"
            continue
        package = imported.split(".")[0]
        inner = module.removeprefix("flask_chat.")
        homes = HOME_OF_PACKAGE.get(package)
        if homes is not None and not any(f"{inner}.".startswith(f"{home}.") for home in homes):
            yield line, f"{package} in {inner}"
        if part == "domain" and package in NOT_IN_DOMAIN:
            yield line, f"{package} in {inner}"


def part_of(module: str) -> str | None:
    """The part a module belongs to; None for the bare package and for other people's modules."""
    names = module.removesuffix(".__init__").split(".")
    if names == ["main"]:
        return "main"
    if names[0] != "flask_chat" or len(names) == 1:
        return None
    return PART_OF_MODULE.get(names[1], names[1])


def imports_of(module: str, text: str) -> Iterator[tuple[int, str]]:
    """The line and full dotted name of everything imported, at the top or inside functions."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            origin = origin_of(module, node)
            for alias in node.names:
                # `from flask_chat import logs` imports a module, `import __version__` a plain name.
                is_plain = alias.name.startswith("__") and alias.name != "__main__"
                yield node.lineno, origin if is_plain else f"{origin}.{alias.name}"


def origin_of(module: str, node: ast.ImportFrom) -> str:
    """The module after `from`, with leading dots resolved."""
    if not node.level:
        return node.module or ""
    base = module.split(".")[: -node.level]
    return ".".join([*base, node.module] if node.module else base)
