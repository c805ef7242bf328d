"""What a store's URL stands for: the store, the way to the rooms of this process, who counts."""

from collections.abc import Callable
from typing import NamedTuple

from flask_chat.delivery.bus import Bus
from flask_chat.delivery.fanout import Fanout
from flask_chat.delivery.presence import Presence
from flask_chat.delivery.relay import LocalRelay, Relay
from flask_chat.delivery.shared_presence import SharedPresence
from flask_chat.domain.limits import Limits
from flask_chat.domain.members import MemberId
from flask_chat.domain.rooms import Ref, RoomId
from flask_chat.pacing.base import Counts, GuessRates
from flask_chat.pacing.local import LocalCounts
from flask_chat.pacing.shared import SharedCounts
from flask_chat.redis_link.link import Link
from flask_chat.settings import Settings
from flask_chat.stores.base import Page, Store
from flask_chat.stores.memory import MemoryStore
from flask_chat.stores.redis.store import RedisStore
from flask_chat.stores.sqlite.store import SqliteStore


class Backend(NamedTuple):
    """The parts that differ between one server and many."""

    store: Store
    relay: Relay
    presence: Presence[Ref] | None  # None: the one of `chat`
    counts: Counts
    # The secret key kept with the rooms, or the given one, which is kept from now on.
    kept_secret: Callable[[str], str] | None = None


def make_backend(
    settings: Settings, limits: Limits, guess_rates: GuessRates, fanout: Fanout
) -> Backend:
    """The parts for `settings.store`. Raises StoreError."""
    if settings.is_shared:
        return _over_redis(settings, limits, guess_rates, fanout)
    relay, counts = LocalRelay(fanout), LocalCounts(guess_rates)
    if settings.sqlite_path is not None:
        store = SqliteStore(settings.sqlite_path, limits, relay.publish)
        return Backend(store, relay, None, counts)
    return Backend(MemoryStore(limits, relay.publish), relay, None, counts)


def _over_redis(
    settings: Settings, limits: Limits, guess_rates: GuessRates, fanout: Fanout
) -> Backend:
    link = Link(settings.store)
    bus = Bus(link, fanout)

    def meet(room_id: RoomId, page: Page) -> bool:
        return bus.meet(room_id, page.start, page.events, page.last_seq)

    store = RedisStore(link, limits, bus.publish, meet)
    bus.read_log = lambda room_id, after, limit: store.read_after(RoomId(room_id), after, limit)
    bus.note_loss = lambda room_id, after, to: store.note_loss(RoomId(room_id), after, to)
    presence = SharedPresence(
        link,
        limits.leave_grace_seconds,
        _ref,
        # A server that is gone is noticed sooner than a connection that is.
        alive_seconds=min(10.0, settings.ping_timeout_seconds / 2),
    )
    counts = SharedCounts(link, guess_rates)
    return Backend(store, bus, presence, counts, store.kept_secret)


def _ref(room_id: str, member_id: str) -> Ref:
    return Ref(RoomId(room_id), MemberId(member_id))
