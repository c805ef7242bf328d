"""Everything that can be set, in one frozen value: a field each, with unit, default and sentence.

A field `x` is the variable `CHAT_X` and the option `--x`. Next door: setting_sources.py (where the
values come from), setting_kinds.py (what a value may be) and cli.py.

Limits are plain numbers, and 0 lifts one. The field keeps the 0 that was asked for;
`settings.limit("members_per_room")` gives the number to compare with, `math.inf` when it is lifted.
"""

import math
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

from flask_chat.redis_link.urls import SCHEMES as REDIS_SCHEMES
from flask_chat.setting_kinds import (
    About,
    choice,
    host_fault,
    node_fault,
    number,
    origins_fault,
    read_origins,
    secret_fault,
    setting,
    sqlite_path,
    store_fault,
    whole,
    workers_fault,
)

PREFIX = "CHAT_"
HIDDEN = "(hidden)"

# One character of a message can take this much of a packet: two \uXXXX escapes, as written by JSON
# encoders that keep to ASCII. The rest of the packet is its envelope: event name, key, ids.
BYTES_PER_CHARACTER = 12
PACKET_ENVELOPE_BYTES = 1024


class SettingsError(ValueError):
    """Settings that cannot be used. `mistakes` has one line each; the text lists them all."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = mistakes
        count = "one setting" if len(mistakes) == 1 else f"{len(mistakes)} settings"
        lines = "\n".join(f"  {mistake}" for mistake in mistakes)
        super().__init__(f"Flask Chat App cannot start, {count} to put right:\n{lines}")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Settings:
    """The settings of one app. `Settings()` are the defaults, with a fresh secret key.

    Raises SettingsError, which lists every value that is out of range or contradicts another.
    """

    host: str = setting(
        "127.0.0.1",
        About(
            "The address to listen on. 0.0.0.0 or :: is every address of this machine, so that "
            "others in the network can join.",
            lambda text: text.removeprefix("[").removesuffix("]"),
            host_fault,
            fallback="HOST",
            metavar="HOST",
        ),
    )
    port: int = whole(
        5000,
        "",
        "The port to listen on. 0 takes a free one, which the first line of the output tells.",
        lowest=0,
        highest=65535,
        fallback="PORT",
    )
    store: str = setting(
        "memory:",
        About(
            "Where rooms are kept. memory: keeps them in the process, for as long as it runs; "
            "sqlite:///chat.db in that file, whatever happens to the process; redis://HOST in "
            "Redis, for any number of servers.",
            str,
            store_fault,
            fallback="REDIS_URL",
            metavar="URL",
        ),
    )
    workers: int = whole(
        1,
        "process",
        "How many processes share the port, one for each core. More than one need a redis: store.",
        lowest=1,
        highest=64,
    )
    node: str = setting(
        "",
        About(
            "The name of this server among several behind a proxy, of a to z and 0 to 9. The ids "
            "of its long-polling sessions begin with it, so that the proxy finds the way back.",
            str,
            node_fault,
            default="no name",
            metavar="NAME",
        ),
    )
    stop_notice_seconds: float = number(
        0.0,
        "seconds",
        "How long a server that is asked to stop goes on as before while /health answers 503, for "
        "load balancers that look only now and then.",
        highest=300,
    )
    secret_key: str = setting(
        "",
        About(
            "Signs member tokens and sessions. Without one, a sqlite: store keeps one beside its "
            "file, and a redis: store in Redis; else people have to join again after a restart.",
            str,
            secret_fault,
            is_secret=True,
            fallback="SECRET_KEY",
            default="made at the start",
        ),
    )
    allowed_origins: tuple[str, ...] = setting(
        (),
        About(
            "The origins people use, with commas between, such as https://chat.example; * is every "
            "one there is. This server goes by their names, besides localhost and the addresses "
            "and the name of this machine, and by no others.",
            read_origins,
            origins_fault,
            default="the app's own",
            metavar="ORIGINS",
        ),
    )
    trusted_proxies: int = whole(
        0,
        "hops",
        "How many proxies stand in front, whose X-Forwarded-… headers are believed.",
        lowest=0,
        highest=10,
    )
    name_limit_characters: int = whole(
        32, "characters", "The longest name of a member.", lifts=True
    )
    message_limit_characters: int = whole(4000, "characters", "The longest message.", lifts=True)
    posts_burst: int = whole(
        10, "messages", "How many messages a member may send at one go.", lifts=True
    )
    posts_per_second: float = number(
        2.0,
        "messages per second",
        "How many messages a member may send in the long run.",
        lowest=0.01,
        lifts=True,
    )
    reads_burst: int = whole(
        50, "pages", "How many pages of history a member may read at one go.", lifts=True
    )
    reads_per_second: float = number(
        10.0,
        "pages per second",
        "How many pages of history a member may read in the long run.",
        lowest=0.01,
        lifts=True,
    )
    events_burst: int = whole(
        200,
        "events",
        "How many events of any kind a connection may send at one go.",
        lifts=True,
    )
    events_per_second: float = number(
        100.0,
        "events per second",
        "How many events of any kind a connection may send in the long run.",
        lowest=0.01,
        lifts=True,
    )
    members_per_room: int = whole(500, "members", "The most people in one room.", lifts=True)
    history_limit_events: int = whole(
        10_000, "events", "The newest events of a room that are kept; older ones go.", lifts=True
    )
    history_limit_bytes: int = whole(
        8_388_608,
        "bytes",
        "The most text of a room that is kept; older events go.",
        lowest=65_536,
        lifts=True,
    )
    store_limit_bytes: int = whole(
        1_073_741_824,
        "bytes",
        "The most text of all rooms that is kept; a room that speaks then forgets its oldest.",
        lowest=65_536,
        lifts=True,
    )
    rooms_per_hour: int = whole(
        20, "rooms per hour", "How many rooms one address may create.", lifts=True
    )
    joins_per_minute: int = whole(
        60, "joins per minute", "How many times one address may join a room.", lifts=True
    )
    failed_lookups_per_minute: int = whole(
        10,
        "codes per minute",
        "How many wrong codes one client may try; after that it has to wait, each time twice as "
        "long.",
        lifts=True,
    )
    failed_lookups_per_day: int = whole(
        600,
        "codes per day",
        "How many wrong codes one network may try, half of them at one go; a proof of work opens "
        "half as many again.",
        lowest=8,
        lifts=True,
    )
    failed_lookups_overall_per_minute: int = whole(
        300,
        "codes per minute",
        "How many wrong codes all clients together may try before those who go on being wrong "
        "need a proof of work.",
        lifts=True,
    )
    proof_of_work_bits: int = whole(
        17,
        "bits",
        "How hard a proof of work is: 17 take a browser about a second, one more twice as long.",
        lowest=1,
        highest=30,
    )
    handshakes_per_minute: int = whole(
        600,
        "handshakes per minute",
        "How many connections one address may open, and how many times it may try to enter.",
        lifts=True,
    )
    room_limit: int = whole(100_000, "rooms", "The most rooms at a time.", lifts=True)
    room_grace_seconds: float = number(
        3600.0,
        "seconds",
        "How long a room lives on after the last member has gone.",
        lowest=0.1,
    )
    leave_grace_seconds: float = number(
        20.0,
        "seconds",
        "How long a member may be gone before the others are told. 0 tells them at once.",
    )
    host_grace_seconds: float = number(
        600.0,
        "seconds",
        "How long an absent host stays the host; then the longest-present takes over. 0 for ever.",
        lifts=True,
    )
    packet_limit_bytes: int = whole(
        65_536, "bytes", "The largest Socket.IO packet of a client.", lowest=1024, lifts=True
    )
    backlog_limit_bytes: int = whole(
        1_048_576,
        "bytes",
        "The most unsent bytes for one connection; a slower reader is cut off and catches up.",
        lowest=1024,
        lifts=True,
    )
    connections_per_address: int = whole(
        200, "connections", "The most open connections of one address.", lifts=True
    )
    tcp_connections_per_address: int = whole(
        2000,
        "TCP connections",
        "The most TCP connections of one address that a process keeps open, whatever goes over "
        "them; more are closed at once. With trusted proxies nobody is counted, since all "
        "connections are the proxy's then.",
        lifts=True,
    )
    upload_limit_bytes: int = whole(
        10_485_760, "bytes", "The largest file.", lowest=1024, lifts=True
    )
    ping_interval_seconds: float = number(
        25.0, "seconds", "How often a connection is asked whether it is alive.", lowest=0.1
    )
    ping_timeout_seconds: float = number(
        20.0, "seconds", "How long it may take to answer before it counts as lost.", lowest=0.1
    )
    log_format: str = choice(
        "text",
        "The form of the log: text for people, or json for machines.",
        "text",
        "json",
    )
    log_level: str = choice(
        "info", "The least weight of the lines in the log.", "debug", "info", "warning", "error"
    )

    secret_key_is_made: bool = field(init=False, default=False, compare=False)

    def __post_init__(self) -> None:
        if not self.secret_key:
            object.__setattr__(self, "secret_key", secrets.token_urlsafe(32))
            object.__setattr__(self, "secret_key_is_made", True)
        values = {name: getattr(self, name) for name in ABOUT}
        faults = {name: about.fault(values[name]) for name, about in ABOUT.items()}
        mistakes = [f"{name}: {fault}" for name, fault in faults.items() if fault]
        if not mistakes:
            mistakes = [f"{name}: {fault}" for name, fault in contradictions(values)]
        if mistakes:
            raise SettingsError(mistakes)

    @property
    def sqlite_path(self) -> Path | None:
        """The file rooms are kept in, None when they are kept elsewhere."""
        return sqlite_path(self.store)

    @property
    def is_shared(self) -> bool:
        """Whether other servers may have the same rooms."""
        return self.store.partition(":")[0] in REDIS_SCHEMES

    def limit(self, name: str) -> float:
        """The limit as a number to compare with: `math.inf` where 0 has lifted it.

        Raises ValueError for a setting that 0 does not lift, such as a grace or an interval.
        """
        if name not in ABOUT or not ABOUT[name].lifts:
            raise ValueError(f"{name} is not a limit")
        return cast(float, getattr(self, name)) or math.inf

    def shown(self, name: str) -> str:
        """A value as text for people and logs, with secrets and passwords in URLs hidden."""
        value = getattr(self, name)
        if ABOUT[name].is_secret:
            return HIDDEN
        if name == "store":
            return without_password(value)
        if isinstance(value, tuple):
            return ", ".join(value)
        return f"{value:.15g}" if isinstance(value, float) else str(value)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={self.shown(name)!r}" for name in ABOUT)
        return f"Settings({shown})"


ABOUT: dict[str, About] = {  # field → what is known of it, in the order of the class
    each.name: each.metadata["about"] for each in fields(Settings) if "about" in each.metadata
}


def variable(name: str) -> str:
    """The environment variable of a field."""
    return PREFIX + name.upper()


def option(name: str) -> str:
    """The command-line option of a field."""
    return "--" + name.replace("_", "-")


def default(name: str) -> str:
    """What a setting is when it is not set, in words and with its unit."""
    about = ABOUT[name]
    return f"{about.default or Settings().shown(name)} {about.unit}".strip()


def contradictions(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Pairs of a field and what it contradicts; every value alone is in its range."""
    found = []
    packet, message = values["packet_limit_bytes"], values["message_limit_characters"]
    needed = message * BYTES_PER_CHARACTER + PACKET_ENVELOPE_BYTES
    if packet and message and packet < needed:
        fault = (
            f"{packet} bytes are too few for a message of {message} characters "
            f"(CHAT_MESSAGE_LIMIT_CHARACTERS), which takes up to {needed}"
        )
        found.append(("packet_limit_bytes", fault))
    backlog = values["backlog_limit_bytes"]
    if backlog and backlog < packet:
        fault = f"{backlog} bytes are less than one packet (CHAT_PACKET_LIMIT_BYTES, {packet})"
        found.append(("backlog_limit_bytes", fault))
    if values["workers"] > 1:
        fault = workers_fault(values["workers"], values["store"])
        if fault:
            found.append(("workers", fault))
    return found


def without_password(url: str) -> str:
    """The URL with `***` for its password; whatever cannot be taken apart is hidden whole."""
    url = re.sub(r"(sentinel_password=)[^&]*", r"\1***", url)
    try:
        parts = urlsplit(url)
        if parts.password is None:
            return HIDDEN if "@" in url and not parts.netloc else url
    except ValueError:
        return HIDDEN
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:***@{place}"))
