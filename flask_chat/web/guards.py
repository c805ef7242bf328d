"""What stands before every door: origin, CSRF, security headers, and rates per address."""

import time
from urllib.parse import urlsplit

from flask import Flask, Request, Response, request
from flask_wtf.csrf import CSRFError, CSRFProtect
from limits import RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from flask_chat.domain.errors import Refused, TooFast
from flask_chat.settings import Settings
from flask_chat.web.refusals import answer

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
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class Origins:
    """Which pages may talk to this server: its own, and those the settings name."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self._allowed = frozenset(allowed)

    def accept(self, origin: str | None, host: str) -> bool:
        """Whether a request with this Origin header may come in; `host` is what it was sent to.

        No Origin means no browser page sent it.
        """
        if origin is None or "*" in self._allowed or origin.lower() in self._allowed:
            return True
        return urlsplit(origin.lower()).netloc == host.lower()


class Rates:
    """How often one address may do a thing. A limit of infinity is no limit."""

    def __init__(self, settings: Settings) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._create = _per_hour(settings.limit("rooms_per_hour"))
        self._join = _per_minute(settings.limit("joins_per_minute"))
        self._lookup = _per_minute(settings.limit("failed_lookups_per_minute"))

    def create_room(self, address: str) -> None:
        """Count a room. Raises TooFast with `retry_after_seconds`."""
        self._hit(self._create, "create", address, "You have created many rooms.")

    def join(self, address: str) -> None:
        """Count a join. Raises TooFast with `retry_after_seconds`."""
        self._hit(
            self._join, "join", address, "Many people have joined from your network just now."
        )

    def failed_lookup(self, address: str) -> None:
        """Count a code that led nowhere. Raises TooFast with `retry_after_seconds`."""
        self._hit(self._lookup, "lookup", address, "Those were many wrong codes.")

    def _hit(
        self,
        item: RateLimitItemPerHour | RateLimitItemPerMinute | None,
        kind: str,
        address: str,
        sentence: str,
    ) -> None:
        if item is None or self._limiter.hit(item, kind, address):
            return
        stats = self._limiter.get_window_stats(item, kind, address)
        wait = max(1.0, round(stats.reset_time - time.time(), 1))
        raise TooFast(
            f"{sentence} Please try again in {wait_in_words(wait)}.", retry_after_seconds=wait
        )


def register(app: Flask, origins: Origins) -> None:
    """Put the guards before every request of the app."""
    CSRFProtect(app)
    app.register_error_handler(CSRFError, lambda error: answer(Refused()))
    app.before_request(lambda: _check_origin(request, origins))
    app.after_request(_add_headers)


def wait_in_words(seconds: float) -> str:
    """A wait as people say it: "3 seconds", "2 minutes"."""
    if seconds < 90:
        whole = max(1, round(seconds))
        return "1 second" if whole == 1 else f"{whole} seconds"
    return f"{round(seconds / 60)} minutes"


def _check_origin(request: Request, origins: Origins) -> None:
    if request.method in _SAFE_METHODS:
        return
    if not origins.accept(request.headers.get("Origin"), request.host):
        raise Refused("This request comes from another site.")


def _add_headers(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if response.mimetype in ("text/html", "application/json", "application/problem+json"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _per_hour(limit: float) -> RateLimitItemPerHour | None:
    return None if limit == float("inf") else RateLimitItemPerHour(int(limit))


def _per_minute(limit: float) -> RateLimitItemPerMinute | None:
    return None if limit == float("inf") else RateLimitItemPerMinute(int(limit))
