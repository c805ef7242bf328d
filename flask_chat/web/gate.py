"""The outermost door: what every request has to pass, and what every answer carries.

A WSGI middleware, because files and Engine.IO do not go through Flask.
"""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from flask_chat.domain.errors import TooFast
from flask_chat.web import wire
from flask_chat.web.guards import CSP
from flask_chat.web.rates import Rates
from flask_chat.web.refusals import headers_of
from flask_chat.web.sites import Environ, Sites

StartResponse = Callable[..., Any]
App = Callable[[Environ, StartResponse], Iterable[bytes]]

_SOCKETS = "/socket.io/"
_HEADERS = (
    ("Content-Security-Policy", CSP),
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "same-origin"),
)
_HSTS = ("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
_UNKNOWN_HOST = """\
This server does not go by that name.

If you run it: tell it the address people use, for example
CHAT_ALLOWED_ORIGINS=https://chat.example python main.py
"""


class Gate:
    """Refuses requests for other hosts and handshakes that come too fast; adds headers."""

    def __init__(self, app: App, sites: Sites, rates: Rates) -> None:
        self._app = app
        self._sites = sites
        self._rates = rates

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request (PEP 3333)."""
        headers = _HEADERS + (_HSTS,) * self._sites.is_secure(environ)

        def start(status: str, given: list[tuple[str, str]], exc_info: Any = None) -> Any:
            names = {name.lower() for name, _ in given}
            return start_response(
                status, given + [each for each in headers if each[0].lower() not in names], exc_info
            )

        path = environ.get("PATH_INFO", "")
        # A load balancer asks by whatever address it has, and learns nothing that is worth hiding.
        if path != "/health" and not self._sites.knows_host(environ):
            return _plain(start, "421 Misdirected Request", _UNKNOWN_HOST)
        if path.startswith(_SOCKETS) and _is_handshake(environ):
            try:
                self._rates.handshake(environ.get("REMOTE_ADDR", ""))
            except TooFast as refusal:
                return _refused(start, refusal)
        return self._app(environ, start)


def _is_handshake(environ: Environ) -> bool:
    """Whether this opens a session; read just as the engine does."""
    try:
        query = parse_qs(environ.get("QUERY_STRING", ""), max_num_fields=20)
    except ValueError:
        return False
    return environ.get("REQUEST_METHOD") == "GET" and not query.get("sid", [""])[0]


def _refused(start: StartResponse, refusal: TooFast) -> Iterable[bytes]:
    body = wire.encode(wire.error_body(refusal))
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start("429 Too Many Requests", headers + list(headers_of(refusal).items()))
    return [body]


def _plain(start: StartResponse, status: str, text: str) -> Iterable[bytes]:
    body = text.encode()
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
    start(status, headers)
    return [body]
