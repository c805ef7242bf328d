"""Flask Chat App under gunicorn, one process a server: gunicorn -c deploy/gunicorn.conf.py main:app

`flask-chat serve` does without gunicorn; this is for places where everything runs under it. Several
servers need CHAT_STORE=redis://…, a CHAT_NODE each and a proxy in front, as in nginx.conf. Not more
workers in one gunicorn: it would give the requests of one long-polling session to any of them.
"""

from typing import Any

import gevent

bind = "127.0.0.1:5000"
workers = 1
worker_class = "gevent"
worker_connections = 10_000  # pages and polls; WebSockets are taken out of its hands
keepalive = 60
timeout = 60
graceful_timeout = 10
backlog = 4096
control_socket_disable = True

_CLOSING_SECONDS = 5.0
_DOOR_SECONDS = 1.2  # gunicorn's worker looks once a second whether it is to end


def post_worker_init(worker: Any) -> None:
    """Start what runs beside requests, and get ready to end it."""
    worker.wsgi.extensions["chat_runtime"].start()
    gevent.spawn(_close_in_time, worker)


def _close_in_time(worker: Any) -> None:
    """When the worker is to end: let all clients go, in a way that lets them come back."""
    while worker.alive:
        gevent.sleep(0.1)
    runtime = worker.wsgi.extensions["chat_runtime"]
    runtime.retire()
    gevent.sleep(_DOOR_SECONDS)  # or they would be let in here again
    runtime.stop(_CLOSING_SECONDS)


def worker_exit(_arbiter: Any, worker: Any) -> None:
    """No requests are running (any more)."""
    wsgi = getattr(worker, "wsgi", None)
    if wsgi is not None:
        runtime = wsgi.extensions["chat_runtime"]
        runtime.stop(_CLOSING_SECONDS)
        runtime.close()
