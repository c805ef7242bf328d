"""A program for test_server.py: our listener around an app of one screen, with short deadlines.

Run with `python -m tests.tiny_server`; settings come from the environment.
"""

from gevent import monkey

monkey.patch_all()

import os
import socket
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import gevent
from flask import Flask

from flask_chat import logs
from flask_chat.http_reading import Deadlines
from flask_chat.server import serve
from flask_chat.setting_sources import load

DEADLINES = Deadlines(head_seconds=0.5, body_seconds=0.5, idle_seconds=0.5)


class Runtime:
    """Says when it is started and stopped; takes its time over it when told so."""

    def start(self) -> None:
        self.stop_seconds = float(os.environ.get("STOP_SECONDS", "0"))

    def retire(self) -> None:
        pass

    def crowded(self, address: str) -> None:
        print(f"crowded by {address}", flush=True)

    def stop(self, grace_seconds: float) -> None:
        print("runtime stopped", flush=True)
        if os.environ.get("NEVER_YIELD"):
            while True:
                pass
        gevent.sleep(self.stop_seconds)

    def close(self) -> None:
        pass


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/fails":
        raise RuntimeError("a secret of the house")
    if path == "/fails-late":
        start_response("200 OK", [("Content-Length", "100")])
        return failing()
    if path in {"/take", "/take-and-wait"}:
        return take(environ, wait=path == "/take-and-wait")
    if path == "/background":
        gevent.spawn(int, "a secret of the house")
    if path == "/slow":
        gevent.sleep(1)
    if path == "/stream":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return iter([b"one", b"two"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    body = environ["wsgi.input"].read()
    return [
        f"{environ['REQUEST_METHOD']} {path} {len(body)} {body[:20].decode('latin-1')}".encode()
    ]


def failing() -> Iterator[bytes]:
    yield b"begun"
    raise RuntimeError("a secret of the house")


def take(environ: dict[str, Any], *, wait: bool) -> Iterable[bytes]:
    """Take the connection over and echo, in this greenlet or in one of its own."""
    sock, data, closed = environ["chat.take_socket"]()
    nodelay = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    sock.sendall(b"taken nodelay=%d %s" % (bool(nodelay), data))

    def echo() -> None:
        while data := sock.recv(1000):
            sock.sendall(data)
        sock.close()
        closed()

    if wait:
        echo()
    else:
        gevent.spawn(echo)
    return [b"nobody reads this"]


if __name__ == "__main__":
    settings = load().settings
    logs.configure(settings)
    holder = Flask("tiny")
    holder.wsgi_app = app  # type: ignore[method-assign]
    holder.extensions["chat_runtime"] = Runtime()
    sys.exit(serve(holder, settings, deadlines=DEADLINES))
