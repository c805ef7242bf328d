"""The address of a Redis: one server, a master watched by Sentinels, or a cluster."""

import re
from dataclasses import dataclass, field
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

Kind = Literal["server", "sentinel", "cluster"]

_KINDS: dict[str, tuple[Kind, bool]] = {  # scheme → what is there, and whether by TLS
    "redis": ("server", False),
    "rediss": ("server", True),
    "redis+unix": ("server", False),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}
_OPTIONS = {"db", "ca", "cert", "key", "sentinel_username", "sentinel_password"}
_OPTIONS |= {"prefix", "replicas"}
_PORTS: dict[Kind, int] = {"server": 6379, "cluster": 6379, "sentinel": 26379}
_HOST = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[^:\[\]]+))(?::(?P<port>[0-9]{1,5}))?")

SCHEMES = frozenset(_KINDS)


class Node(NamedTuple):
    """Where one server listens. With port 0 the host is the path of a Unix socket."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """A URL taken apart."""

    kind: Kind
    nodes: tuple[Node, ...]
    tls: bool = False
    master: str = ""  # as the Sentinels call it
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    sentinel_username: str | None = None
    sentinel_password: str | None = field(default=None, repr=False)
    ca: str | None = None  # files for TLS
    cert: str | None = None
    key: str | None = None
    prefix: str = "chat"  # of all keys and channels
    replicas: int = 0  # how many have to have a write before it is acknowledged


def parse(url: str) -> RedisUrl:
    """Take a URL apart. Raises ValueError with what is wrong, in words that hold no password."""
    scheme, _, rest = url.partition("://")
    if scheme not in _KINDS or not rest:
        raise ValueError(f"must start with one of {', '.join(sorted(_KINDS))}, and ://")
    kind, tls = _KINDS[scheme]
    parts = urlsplit(f"any://{rest}")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = sorted(set(options) - _OPTIONS)
    if unknown or parts.fragment:
        raise ValueError(f"has no option {unknown[0] if unknown else '#'}")
    who, _, hosts = parts.netloc.rpartition("@")
    username, _, password = who.partition(":")
    path = unquote(parts.path)
    master = ""
    if scheme == "redis+unix":
        nodes: tuple[Node, ...] = (Node(path, 0),)
        db = options.pop("db", "0")
        if len(path) < 2 or hosts:
            raise ValueError("needs the path of a socket, as in redis+unix:///run/redis.sock")
    else:
        nodes = tuple(_node(host, _PORTS[kind]) for host in hosts.split(","))
        first, _, second = path.removeprefix("/").partition("/")
        if kind == "sentinel":
            master, first = first, second
            if not master:
                raise ValueError("needs the master's name, as in redis+sentinel://host/mymaster")
        db = options.pop("db", "") or first or "0"
    if kind == "server" and len(nodes) > 1:
        raise ValueError("names several hosts: is it redis+cluster:// or redis+sentinel://?")
    if not re.fullmatch("[0-9]{1,4}", db) or (kind == "cluster" and db != "0"):
        raise ValueError("needs a number for the database" if kind != "cluster" else "has no db")
    if not re.fullmatch(r"[\w.:-]{1,64}", options.get("prefix", "chat")):
        raise ValueError("needs a prefix of letters, digits and _ . : -")
    replicas = options.pop("replicas", "0")
    if not re.fullmatch("[0-9]", replicas):
        raise ValueError("needs a number of replicas from 0 to 9")
    return RedisUrl(
        kind=kind,
        nodes=nodes,
        tls=tls,
        master=master,
        db=int(db),
        username=unquote(username) or None,
        password=unquote(password) or None,
        replicas=int(replicas),
        **options,
    )


def _node(text: str, port: int) -> Node:
    found = _HOST.fullmatch(text)
    if not found or int(found["port"] or port) > 65535:
        raise ValueError("needs hosts as in redis://host:6379, with commas between several")
    return Node(found["v6"] or found["name"], int(found["port"] or port))
