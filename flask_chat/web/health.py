"""Whether the server is up, for load balancers and start-up scripts."""

from flask import Blueprint, Response

from flask_chat import __version__


def blueprint() -> Blueprint:
    """`GET /health` answers 200 while the server takes requests."""
    health = Blueprint("health", __name__)
    body = b'{"status":"ok","version":"%s"}' % __version__.encode()
    health.add_url_rule("/health", "health", lambda: Response(body, mimetype="application/json"))
    return health
