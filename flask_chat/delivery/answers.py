"""Responses of the HTTP side, in the statuses, codes and sentences that Engine.IO clients know."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from .packets import encode

StartResponse = Callable[..., Any]

# Codes and sentences of Engine.IO's own server, which clients show.
UNKNOWN_TRANSPORT: Final = (0, "Transport unknown")
UNKNOWN_SESSION: Final = (1, "Session ID unknown")
BAD_METHOD: Final = (2, "Bad handshake method")
BAD_REQUEST: Final = (3, "Bad request")
FORBIDDEN: Final = (4, "Forbidden")
BAD_VERSION: Final = (5, "Unsupported protocol version")


class Answer:
    """One response: statuses, headers and bodies as clients of Engine.IO know them."""

    def __init__(self, environ: dict[str, Any], start_response: StartResponse) -> None:
        self.environ = environ
        self._start = start_response
        self._headers: list[tuple[str, str]] = []

    def allow(self, origin: str) -> None:
        """Let the page of this origin read the answer."""
        self._headers = [
            ("Access-Control-Allow-Origin", origin),
            ("Access-Control-Allow-Credentials", "true"),
            ("Vary", "Origin"),
        ]

    def text(self, body: bytes, status: str = "200 OK") -> Iterable[bytes]:
        """Plain text."""
        return self._send(status, "text/plain; charset=UTF-8", body)

    def error(self, error: tuple[int, str], status: str = "400 Bad Request") -> Iterable[bytes]:
        """A refusal."""
        code, sentence = error
        body = encode({"code": code, "message": sentence})
        return self._send(status, "application/json", body)

    def preflight(self) -> Iterable[bytes]:
        """What a browser asks before it posts from another origin."""
        if self._headers:
            asked = self.environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")
            self._headers.append(("Access-Control-Allow-Methods", "GET, POST"))
            if asked and asked.isprintable():
                self._headers.append(("Access-Control-Allow-Headers", asked))
        return self._send("204 No Content", "", b"")

    def _send(self, status: str, kind: str, body: bytes) -> Iterable[bytes]:
        headers = [("Cache-Control", "no-store"), *self._headers]
        if kind:
            headers += [("Content-Type", kind), ("Content-Length", str(len(body)))]
        self._start(status, headers)
        return [body] if body else []
