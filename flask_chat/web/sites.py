"""Which names and origins are this server's own. Nothing a request says of itself makes it so.

Own are: `localhost`, the addresses this machine is reached at, its name, and what the settings
name. The Host of a request must be one of these, or else a page of Mallory's whose name she has led
to this address (DNS rebinding) would pass for one of ours.
"""

import ipaddress
import re
import socket
from typing import Any
from urllib.parse import urlsplit

from flask_chat.settings import Settings
from flask_chat.web.security_log import SecurityLog

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::([0-9]{1,5}))?", re.ASCII)
_ORIGIN = re.compile(r"(https?)://([^/?#@\s]+)", re.ASCII)
_DEFAULT_PORT = {"http": "80", "https": "443"}

Environ = dict[str, Any]


class Sites:
    """Knows what is ours, for every door."""

    def __init__(self, settings: Settings, security: SecurityLog) -> None:
        self._origins = frozenset(settings.allowed_origins)
        self._any = "*" in self._origins
        self._hosts = frozenset(urlsplit(origin).hostname or "" for origin in self._origins)
        self._secure_hosts = self._hosts - {
            urlsplit(origin).hostname for origin in self._origins if origin.startswith("http:")
        }
        self._names = _names_of_this_machine() | {settings.host.lower()}
        self._security = security

    def knows_host(self, environ: Environ) -> bool:
        """Whether the request was meant for this server. One without a Host was (HTTP/1.0)."""
        host = environ.get("HTTP_HOST")
        if host is None or self._any:
            return True
        name = _split(host)[0]
        if name in self._hosts or self._is_own(name, environ):
            return True
        self._security.refused_host(host, environ.get("REMOTE_ADDR", ""))
        return False

    def accepts(self, origin: str | None, environ: Environ) -> bool:
        """Whether a page of this origin may use the server; None is no page of a browser.

        An origin that is not in the settings has to be on a name or address of this machine. The
        Host then narrows it to the very port that was asked; it never widens anything.
        """
        if origin is None or self._any or origin.lower() in self._origins:
            return True
        found = _ORIGIN.fullmatch(origin.lower())
        if found and found[1] == environ.get("wsgi.url_scheme", "http"):
            name, port = _split(found[2])
            default = _DEFAULT_PORT[found[1]]
            own_name, own_port = _split(environ.get("HTTP_HOST", ""))
            is_here = (name, port or default) == (own_name, own_port or default)
            if is_here and self._is_own(name, environ):
                return True
        self._security.refused_origin(origin, environ.get("REMOTE_ADDR", ""))
        return False

    def is_secure(self, environ: Environ) -> bool:
        """Whether people reach us by https here: a proxy in front says so, or the settings do."""
        if environ.get("wsgi.url_scheme") == "https":
            return True
        return _split(environ.get("HTTP_HOST", ""))[0] in self._secure_hosts

    def _is_own(self, name: str, environ: Environ) -> bool:
        if name in self._names or name.endswith(".localhost"):
            return True
        try:
            address = ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return address.is_loopback or address == _local_address(environ)


def _split(host: str) -> tuple[str, str]:
    """Name and port of a Host header or origin; ("", "") for what is neither."""
    found = _HOST.fullmatch(host.lower())
    return (found[1], found[2] or "") if found else ("", "")


def _names_of_this_machine() -> set[str]:
    name = socket.gethostname().lower()
    first = name.partition(".")[0]
    return {"localhost", name, first, f"{first}.local"}


def _local_address(environ: Environ) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address of this machine that the connection came in at."""
    sock = environ.get("chat.socket") or environ.get("gunicorn.socket")
    try:
        host = sock.getsockname()[0] if sock is not None else ""
        found = ipaddress.ip_address(host.partition("%")[0])
    except (OSError, ValueError, AttributeError, IndexError, TypeError):
        return None
    return getattr(found, "ipv4_mapped", None) or found
