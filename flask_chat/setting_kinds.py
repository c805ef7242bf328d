"""Kinds of settings: how a text becomes a value, and what is wrong with a value.

settings.py next door says which settings there are.
"""

import ipaddress
import math
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from flask_chat.redis_link import urls

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a setting besides its value."""

    sentence: str
    read: Callable[[str], object]  # text to value; ValueError when the text is of another kind
    fault: Callable[[Any], str]  # what is wrong with a value, "" when nothing is
    unit: str = ""
    lifts: bool = False  # a limit that 0 lifts
    is_secret: bool = False
    fallback: str = ""  # a variable that platforms set
    default: str = ""  # in words, where the value does not say it
    metavar: str = "TEXT"  # stands for the value in the help


def setting(default: Value, about: About) -> Value:
    """A field of Settings."""
    return field(default=default, metadata={"about": about})


def whole(
    default: int,
    unit: str,
    sentence: str,
    *,
    lowest: int = 1,
    highest: float = math.inf,
    lifts: bool = False,
    fallback: str = "",
) -> int:
    """A field for a whole number from `lowest` to `highest`, and 0 where that lifts a limit."""
    fault = _range_fault("a whole number", lowest, highest, lifts)

    def read(text: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
            raise ValueError(fault(None))
        return int(text)

    def check(value: object) -> str:
        return fault(value if isinstance(value, int) else None)

    about = About(sentence, read, check, unit, lifts, fallback=fallback, metavar="INTEGER")
    return setting(default, about)


def number(
    default: float,
    unit: str,
    sentence: str,
    *,
    lowest: float = 0,
    highest: float = math.inf,
    lifts: bool = False,
) -> float:
    """A field for a number, not necessarily whole."""
    fault = _range_fault("a number", lowest, highest, lifts)

    def read(text: str) -> float:
        if not re.fullmatch(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?", text):
            raise ValueError(fault(None))
        return float(text)

    def check(value: object) -> str:
        is_finite = isinstance(value, int | float) and math.isfinite(value)
        return fault(value if is_finite else None)

    return setting(default, About(sentence, read, check, unit, lifts, metavar="NUMBER"))


def _range_fault(kind: str, lowest: float, highest: float, lifts: bool) -> Callable[[object], str]:
    span = f" from {lowest} to {highest}" if highest < math.inf else f" of {lowest} or more"
    sentence = f"must be {kind}{span}{', or 0 for no limit' if lifts else ''}"

    def fault(value: object) -> str:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return sentence
        return "" if (lifts and value == 0) or lowest <= value <= highest else sentence

    return fault


def choice(default: str, sentence: str, *choices: str) -> str:
    """A field for one of a few words."""

    def check(value: object) -> str:
        return "" if value in choices else f"must be {' or '.join(choices)}"

    return setting(default, About(sentence, str.lower, check, metavar="|".join(choices)))


def host_fault(value: object) -> str:
    """What is wrong with an address or host name, which need not exist."""
    is_name = isinstance(value, str) and re.fullmatch(
        r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?", value
    )
    return "" if is_name or is_address(value) else "must be an address or the name of a host"


def is_address(value: object) -> bool:
    """Whether this is an IP address, in either version."""
    try:
        ipaddress.ip_address(str(value))
    except ValueError:
        return False
    return True


def store_fault(value: object) -> str:
    """What is wrong with the URL of a store."""
    scheme = str(value).partition(":")[0].lower()
    if value == "memory:":
        return ""
    if scheme == "sqlite":
        return "" if sqlite_path(str(value)) else "must be sqlite:///FILE, or sqlite:////FROM/ROOT"
    if scheme in urls.SCHEMES:
        try:
            urls.parse(str(value))
        except ValueError as error:
            return str(error)
        return ""
    return "must be memory:, sqlite:///FILE or redis://HOST"


def node_fault(value: object) -> str:
    """What is wrong with the name of a server."""
    is_name = isinstance(value, str) and re.fullmatch("[a-z0-9]{0,32}", value)
    return "" if is_name else "must be up to 32 of the letters a to z and digits"


def workers_fault(workers: int, store: str) -> str:
    """What keeps so many processes from sharing the port and the store."""
    scheme = store.partition(":")[0].lower()
    if scheme in {"memory", "sqlite"}:
        return (
            f"{workers} processes cannot share a {scheme}: store, where each would have rooms of "
            "its own: set CHAT_STORE=redis://… or let one process do it"
        )
    if sys.platform != "linux":
        return "only Linux spreads connections over several processes: start one process"
    return ""


def sqlite_path(url: str) -> Path | None:
    """The file a store's URL names: `sqlite:///chat.db` from where we run, `sqlite:////` from /."""
    found = re.fullmatch(r"(?i:sqlite):///([^?#\0]*[^?#/\0])", url)
    return Path(found[1]) if found and found[1] != ":memory:" else None


def secret_fault(value: object) -> str:
    """What is wrong with a key for signing."""
    is_long = isinstance(value, str) and len(value) >= 16
    return "" if is_long else "must have 16 characters or more, best 32 random ones"


def read_origins(text: str) -> tuple[str, ...]:
    """Origins as browsers write them, from a list with commas or spaces."""
    return tuple(part.rstrip("/").lower() for part in re.split(r"[,\s]+", text) if part)


def origins_fault(value: object) -> str:
    """What is wrong with a tuple of origins."""
    usable = isinstance(value, tuple) and all(
        origin == "*" or re.fullmatch(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(:[0-9]+)?", origin)
        for origin in value
    )
    return "" if usable else "must be origins such as https://chat.example, with commas between"
