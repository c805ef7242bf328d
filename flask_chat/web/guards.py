"""What stands before pages and REST: origin, CSRF, the headers of pages, and the session cookie.

`gate` is next door: what every request has to pass and every answer carries, files included.
"""

import hashlib

from flask import Flask, Request, Response, request
from flask.sessions import SecureCookieSessionInterface
from flask_wtf.csrf import CSRFError, CSRFProtect

from flask_chat.domain.errors import Refused
from flask_chat.web.refusals import answer
from flask_chat.web.sites import Sites

CSP = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
        "require-trusted-types-for 'script'",
    )
)

_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class Cookies(SecureCookieSessionInterface):
    """The session cookie. By https it is Secure, and its name lets no other host set it.

    A cookie called `__Host-…` is only taken by https, for this very host and all its paths (RFC
    6265bis §4.1.3.2).
    """

    digest_method = staticmethod(hashlib.sha256)  # Flask's own is SHA-1

    def __init__(self, sites: Sites) -> None:
        self._sites = sites

    def get_cookie_name(self, app: Flask) -> str:
        """The name for the request at hand."""
        name = super().get_cookie_name(app)
        return f"__Host-{name}" if self.get_cookie_secure(app) else name

    def get_cookie_secure(self, app: Flask) -> bool:
        """Whether the request at hand came by https."""
        return self._sites.is_secure(request.environ)

    def get_cookie_domain(self, app: Flask) -> None:
        """This host and no other."""

    def get_cookie_path(self, app: Flask) -> str:
        """All of it."""
        return "/"


def register(app: Flask, sites: Sites) -> None:
    """Put the guards before every request of the app."""
    app.session_interface = Cookies(sites)
    app.before_request(lambda: _check_sender(request, sites))  # before CSRF, which tells less
    CSRFProtect(app)
    app.register_error_handler(CSRFError, lambda error: answer(Refused()))
    app.after_request(_add_headers)


def _check_sender(request: Request, sites: Sites) -> None:
    """Refuse what pages of other sites send, or have browsers fetch (Fetch Metadata).

    Links from elsewhere are welcome: they navigate, with GET.
    """
    origin = request.headers.get("Origin")
    is_safe = request.method in _SAFE_METHODS
    if not is_safe and not sites.accepts(origin, request.environ):
        raise Refused("This request comes from another site.")
    if request.headers.get("Sec-Fetch-Site") != "cross-site":
        return
    is_link = is_safe and request.headers.get("Sec-Fetch-Mode") == "navigate"
    is_allowed = origin is not None and sites.accepts(origin, request.environ)
    if not (is_link or is_allowed):
        raise Refused("This request comes from another site.")


def _add_headers(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if response.mimetype in ("text/html", "application/json", "application/problem+json"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response
