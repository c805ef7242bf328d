"""A small server for these tests: the engine, and handlers that answer what they are told.

Run as a program; prints the port it listens on. Options come as JSON in the first argument.
"""

from gevent import monkey

monkey.patch_all()

import gc
import json
import logging
import resource
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import gevent
import greenlet
import socketio
import structlog

from flask_chat.delivery import packets, poller, reactor
from flask_chat.delivery.fanout import Fanout
from flask_chat.delivery.install import install
from flask_chat.delivery.settings import EngineSettings


def dump(value):
    return packets.encode(value)


class Main(socketio.Namespace):
    """The namespace "/": echoes, rooms, and a few ways to misbehave."""

    def __init__(self, fanout, pause):
        super().__init__("/")
        self.fanout = fanout
        self.pause = pause
        self.gone = []

    def trigger_event(self, event, sid, *args):
        if self.pause:
            gevent.sleep(self.pause)
        return getattr(self, "on_" + event.replace("-", "_"), self.unknown)(sid, *args)

    def unknown(self, sid, *args):
        return {"ok": False}

    def on_connect(self, sid, environ, auth=None):
        if auth and auth.get("refuse"):
            raise socketio.exceptions.ConnectionRefusedError("no", {"code": "refused"})
        if auth and auth.get("fail"):
            raise RuntimeError("as asked")
        if not (auth and auth.get("quiet")):
            self.fanout.send(sid, "auth", dump(auth or {}))
        if auth and auth.get("room"):
            self.fanout.enter(sid, auth["room"])
            self.fanout.send(sid, "welcome", dump({"room": auth["room"]}))

    def on_disconnect(self, sid, reason):
        self.gone.append(reason)

    def on_message(self, sid, *args):
        self.server.emit("message-back", args, to=sid)

    def on_message_with_ack(self, sid, *args):
        return args

    def on_nothing(self, sid, *args):
        return None

    def on_fails(self, sid, *args):
        raise RuntimeError("as asked")

    def on_enter(self, sid, room):
        self.fanout.enter(sid, room)
        return "in"

    def on_exit(self, sid):
        self.fanout.exit(sid)
        return "out"

    def on_say(self, sid, room, what, count=1):
        for number in range(count):
            self.fanout.deliver(room, "said", dump([what, number]))
        return "said"

    def on_whisper(self, sid, room, what):
        self.fanout.deliver(room, "said", dump([what, 0]), skip=sid)
        return "said"

    def on_mixed(self, sid, room):
        """Deliveries and private packets in one turn, to see that order is kept."""
        self.fanout.deliver(room, "said", dump(["a", 0]))
        self.fanout.send(sid, "private", dump(1))
        self.fanout.deliver(room, "said", dump(["b", 0]), skip=sid)
        self.fanout.deliver(room, "said", dump(["c", 0]))
        self.fanout.exit(sid)
        self.fanout.deliver(room, "said", dump(["d", 0]))
        self.fanout.send(sid, "private", dump(2))
        self.fanout.enter(sid, room)
        self.fanout.deliver(room, "said", dump(["e", 0]))
        return "end"

    def on_bye(self, sid):
        self.fanout.close(sid)
        return "bye"

    def on_ask(self, sid, what):
        """Emits with a callback, and tells what came back."""
        self.server.emit(
            "asked", what, to=sid, callback=lambda *got: self.server.emit("answered", got, to=sid)
        )

    def on_join_group(self, sid, name):
        self.enter_room(sid, name)
        return self.rooms(sid)

    def on_to_group(self, sid, name, what):
        self.emit("grouped", what, to=name)

    def on_gone(self, sid):
        return self.gone

    def on_drain(self, sid):
        gevent.spawn(self.fanout.close_all)

    def on_state(self, sid):
        return state(self.fanout)


class Custom(socketio.Namespace):
    def on_connect(self, sid, environ, auth=None):
        self.emit("auth", auth or {}, to=sid)

    def on_message(self, sid, *args):
        self.emit("message-back", args, to=sid)

    def on_message_with_ack(self, sid, *args):
        return args

    def trigger_event(self, event, *args):
        return super().trigger_event(event.replace("-", "_"), *args)


def state(fanout):
    """What the server holds on to."""
    gc.collect()
    engine = fanout.engine
    kind = greenlet.greenlet
    statm = Path("/proc/self/statm").read_text().split()
    return {
        "sessions": len(engine.sessions),
        "wires": len(engine.reactor),
        "sids": len(fanout._sessions),
        "rooms": len(fanout._listening),
        "deadlines": sum(map(len, engine.reactor.deadlines)),
        "environs": len(fanout.server.environ),
        "greenlets": sum(1 for thing in gc.get_objects() if isinstance(thing, kind)),
        "fds": len(list(Path("/proc/self/fd").iterdir())),
        "rss": int(statm[1]) * resource.getpagesize(),
    }


def main():
    options = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
    pause = options.pop("pause", 0)
    if options.pop("watchers", False):  # as on systems without epoll
        reactor.make_poller = poller.Watchers
    fanout = Fanout()
    server = socketio.Server(
        async_mode="gevent", client_manager=fanout, json=packets, async_handlers=False
    )
    install(server, EngineSettings(**options))
    server.register_namespace(Main(fanout, pause))
    server.register_namespace(Custom("/custom"))

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/state":
            body = json.dumps(state(fanout)).encode()
            start_response("200 OK", [("Content-Length", str(len(body)))])
            return [body]
        return server.handle_request(environ, start_response)

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    http = make_http(listener, app)
    http.start()
    print(listener.getsockname()[1], flush=True)
    gevent.get_hub().join()


def make_http(listener, app):
    from flask_chat.http_reading import Deadlines
    from flask_chat.server import Server

    return Server(listener, app, body_limit_bytes=1_000_000, deadlines=Deadlines())


if __name__ == "__main__":
    main()
