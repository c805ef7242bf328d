"""Whether the server is up, for load balancers and start-up scripts."""

from collections.abc import Callable

from flask import Blueprint, Response

from flask_chat import __version__


def blueprint(is_stopping: Callable[[], bool]) -> Blueprint:
    """`GET /health` answers 200 while people may come here, 503 once the server is to stop.

    It says nothing about the store: where all servers share one, a pause of it would make a load
    balancer take all of them out, and everybody who is connected with them.
    """
    health = Blueprint("health", __name__)

    def answer() -> Response:
        word, status = ("stopping", 503) if is_stopping() else ("ok", 200)
        body = f'{{"status":"{word}","version":"{__version__}"}}'
        return Response(body, status, mimetype="application/json")

    health.add_url_rule("/health", "health", answer)
    return health
