"""create_app: the only place that knows all the parts and joins them."""

import random
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import gevent
import structlog
from flask import Flask
from flask_socketio import SocketIO
from werkzeug.middleware.proxy_fix import ProxyFix
from whitenoise import WhiteNoise

from flask_chat import assets
from flask_chat.addresses import lan_address
from flask_chat.backend import Backend, make_backend
from flask_chat.chat import Chat
from flask_chat.collector import collect_less
from flask_chat.delivery import packets
from flask_chat.delivery.bus import Bus
from flask_chat.delivery.fanout import Fanout
from flask_chat.delivery.install import install
from flask_chat.delivery.presence import Presence
from flask_chat.delivery.relay import Relay
from flask_chat.delivery.settings import EngineSettings
from flask_chat.domain.limits import Limits
from flask_chat.domain.rooms import Ref, RoomId
from flask_chat.entrance.doors import Doors
from flask_chat.handover import session_prefix
from flask_chat.moderation import Moderation
from flask_chat.pacing.base import Rate
from flask_chat.secret_file import kept_secret
from flask_chat.setting_sources import load
from flask_chat.settings import Settings, variable
from flask_chat.stores.base import Store, StoreError
from flask_chat.stores.sqlite.copies import key_path
from flask_chat.web import api, guards, health, openapi, pages, refusals, sockets, waiting
from flask_chat.web.gate import Gate
from flask_chat.web.guessing import Guesses, guess_rates
from flask_chat.web.links import Links
from flask_chat.web.proof_of_work import ProofsOfWork
from flask_chat.web.rates import Rates
from flask_chat.web.security_log import SecurityLog
from flask_chat.web.sites import Sites
from flask_chat.web.tokens import Tokens

log = structlog.get_logger()

TICK_SECONDS = 0.5
_LONGEST_TICK_SECONDS = 5.0
_GATHER_SECONDS = 0.006  # what a busy room gets over Redis waits so long for more of it
_CLOSES_PER_SECOND = 100  # each costs the next server, its proxy and a client a TLS handshake
_LAST_WORDS_SECONDS = 1.5  # for clients to get them; one that sleeps gets them from the log
_SESSION_DAYS = 30
_FORM_LIMIT_BYTES = 64 * 1024  # pages and REST take no files yet


@dataclass
class Runtime:
    """What lives as long as the server, which starts and stops it."""

    chat: Chat
    store: Store
    fanout: Fanout
    relay: Relay
    presence: Presence[Ref] | None
    security: SecurityLog
    housekeeper: "gevent.Greenlet[..., None] | None" = None
    is_retired: bool = False

    def start(self) -> None:
        """Begin to look at the clock: members who are gone, rooms whose time has come.

        Once it has started, calling it again does nothing.
        """
        if self.housekeeper is None:
            collect_less()
            self.chat.resume()
            self.housekeeper = gevent.spawn(self._keep_house)

    def retire(self) -> None:
        """From now on /health says that nobody should come here any more."""
        self.is_retired = True

    def crowded(self, address: str) -> None:
        """An address was refused a TCP connection, because it has too many."""
        self.security.throttled("TCP connections", address)

    def stop(self, grace_seconds: float) -> None:
        """Close all connections in a way that lets clients come back, within the grace.

        They are told one after the other, so that the next server does not get all at once. What a
        connection has asked before is done and acknowledged first.
        """
        self.is_retired = True
        if self.housekeeper is not None:
            self.housekeeper.kill(block=False)
        most = max(0.0, grace_seconds - _LAST_WORDS_SECONDS)
        # False ends the block quietly, which the types do not know; None would raise the Timeout.
        with gevent.Timeout(grace_seconds, exception=False):  # type: ignore[arg-type]
            self.fanout.close_all(min(self.fanout.connections() / _CLOSES_PER_SECOND, most))
            with gevent.Timeout(_LAST_WORDS_SECONDS, exception=False):  # type: ignore[arg-type]
                self.fanout.wait_until_empty()

    def close(self) -> None:
        """Finish what is waiting for the store. Nothing can be kept any more afterwards."""
        self.relay.stop()
        if self.presence is not None:
            self.presence.stop()
        self.store.close()

    def _keep_house(self) -> None:
        while True:
            gevent.sleep(self._until_tick())
            try:
                self.chat.tick()
            except Exception as error:  # one bad room must not stop the clock for the others
                log.error("housekeeping failed", exc_info=error)

    def _until_tick(self) -> float:
        """Every half second a server looks, whichever it is: the more there are, the rarer this."""
        shares = self.presence.shares if self.presence else 1
        if shares == 1:
            return TICK_SECONDS
        return min(TICK_SECONDS * shares, _LONGEST_TICK_SECONDS) * random.uniform(0.5, 1.5)


def create_app(settings: Settings | None = None, *, worker: int | None = None) -> Flask:
    """The whole application. Without settings they are read from the environment.

    `worker` is its number among the processes that share a port, if there are several.
    Raises SettingsError, or StoreError when its store cannot be used. The parts that outlive a
    request are in `app.extensions["chat_runtime"]`.
    """
    settings = settings or load().settings
    fanout = Fanout()
    limits = _limits(settings)
    backend = make_backend(settings, limits, guess_rates(settings), fanout)
    store, relay, presence, counts, _ = backend
    secret_key = _secret_key(settings, backend)
    app = _flask(settings, secret_key)
    tokens = Tokens(secret_key, store.room)

    doors = Doors(store, secret_key, time.time)
    chat = Chat(store, limits, presence=presence, doors=doors)
    moderation = Moderation(chat, store, doors, time.time)
    security = SecurityLog()
    rates = Rates(settings, counts, security)
    proofs = ProofsOfWork(secret_key, settings.proof_of_work_bits, counts.spend)
    guesses = Guesses(settings, counts, proofs, security)
    sites = Sites(settings, security)
    namespace = sockets.ChatNamespace(
        chat,
        moderation,
        fanout,
        relay,
        tokens,
        rates,
        security,
        connections_per_address=settings.limit("connections_per_address"),
        events=Rate(settings.limit("events_burst"), settings.limit("events_per_second")),
        clock=time.time,
        may_block=store.may_block,
    )
    chat.when_room_removed = namespace.close_room
    chat.when_member_removed = namespace.close_member
    doors.knocking.when_changed = namespace.tell_knocks
    if isinstance(relay, Bus):
        relay.when_told = namespace.heed
        relay.when_lost = namespace.start_afresh
        relay.when_gone = lambda room_id: namespace.close_room(RoomId(room_id))
    links = Links(partial(lan_address, settings.host), doors.seal.invite)
    refusals.register(app)
    guards.register(app, sites)
    app.register_blueprint(
        pages.Pages(chat, doors, tokens, rates, guesses, links, settings).blueprint()
    )
    app.register_blueprint(waiting.Waiting(chat, doors).blueprint())
    rest = api.Api(chat, doors, moderation, tokens, rates, guesses).blueprint()
    app.extensions["csrf"].exempt(rest)  # REST takes no cookie, so there is nothing to forge
    app.register_blueprint(rest)
    app.register_blueprint(openapi.blueprint())
    runtime = Runtime(chat, store, fanout, relay, presence, security)
    app.extensions["chat_runtime"] = runtime
    app.register_blueprint(health.blueprint(lambda: runtime.is_retired))
    prefix = session_prefix(settings.node, worker)
    socketio = _socketio(app, settings, fanout, sites, rates, prefix, may_block=store.may_block)
    socketio.server.register_namespace(namespace)
    _start_on_first_request(app, runtime)
    return app


def _secret_key(settings: Settings, backend: Backend) -> str:
    """The key of the settings; where none was given, the one beside the data, if there is data."""
    if not settings.secret_key_is_made:
        return settings.secret_key
    if backend.kept_secret is not None:
        return backend.kept_secret(settings.secret_key)
    if settings.sqlite_path is None:
        log.warning(
            "no secret key: made one for this process, people have to join again after a restart",
            setting=variable("secret_key"),
        )
        return settings.secret_key
    path = key_path(settings.sqlite_path)
    try:
        return kept_secret(path)
    except ValueError as error:
        raise StoreError(f"{error}.") from None
    except OSError as error:
        done = "read" if error.filename == str(path) else "written"
        raise StoreError(f"The secret key {path} cannot be {done} ({error.strerror}).") from None


def _flask(settings: Settings, secret_key: str) -> Flask:
    app = Flask("flask_chat", root_path=str(assets.ASSETS))
    app.config.update(
        SECRET_KEY=secret_key,
        SESSION_COOKIE_NAME="flask_chat",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(days=_SESSION_DAYS),
        MAX_CONTENT_LENGTH=_FORM_LIMIT_BYTES,
        WTF_CSRF_TIME_LIMIT=None,  # a lobby left open over night still works
        WTF_CSRF_CHECK_DEFAULT=True,
    )
    app.jinja_env.globals["asset"] = assets.asset
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    return app


def _socketio(
    app: Flask,
    settings: Settings,
    fanout: Fanout,
    sites: Sites,
    rates: Rates,
    session_prefix: str,
    *,
    may_block: bool,
) -> SocketIO:
    """Flask-SocketIO around the app, then static files, then what proxies say, from inside out."""
    socketio = SocketIO(
        app,
        async_mode="gevent",
        client_manager=fanout,
        json=packets,
        manage_session=False,
        async_handlers=False,  # the events of one client stay in order
    )
    install(
        socketio.server,
        EngineSettings(
            ping_interval_seconds=settings.ping_interval_seconds,
            ping_timeout_seconds=settings.ping_timeout_seconds,
            packet_limit_bytes=settings.packet_limit_bytes,
            backlog_limit_bytes=settings.backlog_limit_bytes,
            session_prefix=session_prefix,
            gather_seconds=_GATHER_SECONDS if settings.is_shared else 0.0,
            may_block=may_block,
        ),
        accepts=sites.accepts,
    )
    static = WhiteNoise(
        app.wsgi_app,
        root=str(assets.ASSETS / "static"),
        prefix="static",
        max_age=3600,
        immutable_file_test=lambda path, url: url.startswith(assets.DIST_URL),
    )
    app.wsgi_app = Gate(static, sites, rates)  # type: ignore[method-assign]
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops, x_port=hops
        )
    return socketio


def _start_on_first_request(app: Flask, runtime: Runtime) -> None:
    """For servers that are not ours (gunicorn), which fork before they serve."""
    inner = app.wsgi_app

    def first(environ: Any, start_response: Any) -> Any:
        app.wsgi_app = inner  # type: ignore[method-assign]
        runtime.start()
        return inner(environ, start_response)

    app.wsgi_app = first  # type: ignore[method-assign]


def _limits(settings: Settings) -> Limits:
    return Limits(
        name_characters=settings.limit("name_limit_characters"),
        message_characters=settings.limit("message_limit_characters"),
        members_per_room=settings.limit("members_per_room"),
        rooms=settings.limit("room_limit"),
        history_events=settings.limit("history_limit_events"),
        history_bytes=settings.limit("history_limit_bytes"),
        store_bytes=settings.limit("store_limit_bytes"),
        posts_burst=settings.limit("posts_burst"),
        posts_per_second=settings.limit("posts_per_second"),
        reads_burst=settings.limit("reads_burst"),
        reads_per_second=settings.limit("reads_per_second"),
        room_grace_seconds=settings.room_grace_seconds,
        leave_grace_seconds=settings.leave_grace_seconds,
        host_grace_seconds=settings.limit("host_grace_seconds"),
    )
