"""Events between servers: each room that somebody listens to here is heard on its shard channel.

What is published is the JSON of events, which becomes a frame once per server. A link may break and
drop what was on its way, so the numbers decide: an event goes out when it is the next one, and a
hole is filled from the log before anything later goes out. feed.py keeps count for one room.
"""

import random
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import gevent
import structlog
from gevent.pool import Pool

from flask_chat.delivery.fanout import Fanout
from flask_chat.delivery.feed import Feed
from flask_chat.domain.errors import RoomEnded, Unavailable
from flask_chat.redis_link.ear import Ears
from flask_chat.redis_link.link import Link

log = structlog.get_logger(__name__)

_LINGER_SECONDS = 5.0  # a room is heard on for so long after the last listener: reloads
_READ_EVENTS = 500
_READERS = 50  # so many rooms read their logs at a time
_HOLE_SECONDS = 0.05  # an event on another way is waited for so long before the log is read
_ENDINGS = (b'"kind":"member_left"', b'"kind":"member_removed"', b'"kind":"room_ended"')


class Stretch(Protocol):
    """A stretch of a log: `stores.base.Page`."""

    @property
    def events(self) -> list[bytes]:
        """The events."""

    @property
    def start(self) -> int:
        """The number of the first."""

    @property
    def last_seq(self) -> int:
        """The number of the newest there is."""


ReadLog = Callable[[str, int, int], Stretch]  # room, after, limit; the store's read_after


class Bus:
    """The relay between servers."""

    def __init__(self, link: Link, fanout: Fanout) -> None:
        self._link = link
        self._fanout = fanout
        self.read_log: ReadLog  # set by whoever has the store, as is this:
        self.note_loss: Callable[[str, int, int], None] = lambda room_id, after, to: None
        # Whoever keeps connections open wants to hear of these: an event after which some have to
        # go, a room whose listeners were shown what is no longer so, a room that is not there.
        self.when_told: Callable[[str, bytes], None] = lambda room_id, data: None
        self.when_lost: Callable[[str], None] = lambda room_id: None
        self.when_gone: Callable[[str], None] = lambda room_id: None
        self._feeds: dict[str, Feed] = {}
        self._ears = Ears(link, self._heard, self._audible)
        self._readers = Pool(_READERS)
        self._me = secrets.token_hex(4).encode()
        self._janitor: gevent.Greenlet[[], None] | None = None
        self._is_stopped = False

    # For whoever lets people in

    def open(self, room_id: str) -> None:
        feed = self._feeds.get(room_id)
        if feed is None:
            feed = self._feeds[room_id] = Feed(room_id)
        feed.listeners += 1
        if self._janitor is None:
            self._janitor = gevent.spawn(self._clean)
        try:
            self._ears.listen(self._channel(room_id))
        except BaseException:
            self.close(room_id)
            raise

    def close(self, room_id: str) -> None:
        feed = self._feeds.get(room_id)
        if feed is not None:
            feed.listeners -= 1
            feed.idle_since = time.monotonic()

    def meet(self, room_id: str, start: int, events: Sequence[bytes], last_seq: int) -> bool:
        feed = self._feeds.get(room_id)
        if feed is None:
            return True
        if feed.last is None:
            feed.begin(last_seq, events[-1] if events else None)
            if feed.pending:  # newer than this page: behind the newcomer's welcome
                gevent.spawn(self._drain, feed)
        elif last_seq < feed.last:
            # Either the page is older than what was delivered meanwhile, as that of everybody who
            # came in just then, or the log has lost something. Reading on from there tells.
            self._read_soon(feed)
            return False
        elif start > feed.last + 1:
            self._catch_up(feed)
            return False
        else:
            for seq, data in enumerate(events, start):
                self._offer(feed, seq, data)
        return True

    # What comes in

    def publish(self, room_id: str, seq: int, data: bytes) -> None:
        feed = self._feeds.get(room_id)
        if feed is not None:
            self._offer(feed, seq, data)

    def tell(self, room_id: str, event: str, payload: bytes, *, skip: str = "") -> None:
        self._fanout.deliver(room_id, event, payload, skip=skip)
        channel = self._channel(room_id)
        news = b"~%s%s %s" % (self._me, event.encode(), payload)
        self._link.ask(channel, "SPUBLISH", channel, news)

    def _heard(self, channel: str, message: bytes) -> None:
        feed = self._feeds.get(channel[channel.index("{") + 1 : channel.index("}")])
        if feed is None:
            return
        if message[:1] == b"~":
            if message[1:9] != self._me:
                event, _, payload = message[9:].partition(b" ")
                self._fanout.deliver(feed.room_id, event.decode(), payload)
            return
        for data in message.split(b"\n"):
            seq = int(data[7 : data.index(b",", 7)])  # {"seq":12,…
            self._offer(feed, seq, data)

    def _audible(self, channel: str) -> None:
        """A channel can be heard, for the first time or again."""
        feed = self._feeds.get(channel[channel.index("{") + 1 : channel.index("}")])
        if feed is not None and feed.last is not None:
            self._read_soon(feed)

    # What goes out

    def _offer(self, feed: Feed, seq: int, data: bytes) -> None:
        if feed.last is None or seq > feed.last + 1:
            feed.pending[seq] = data
            if feed.last is not None and not feed.is_waiting:
                feed.is_waiting = True
                gevent.spawn_later(_HOLE_SECONDS, self._look_at_hole, feed)
        elif seq == feed.last + 1:
            self._deliver(feed, seq, data)
            if feed.pending:
                self._drain(feed)

    def _drain(self, feed: Feed) -> None:
        while (data := feed.next_pending()) is not None:
            assert feed.last is not None
            self._deliver(feed, feed.last + 1, data)

    def _deliver(self, feed: Feed, seq: int, data: bytes) -> None:
        feed.last, feed.newest = seq, data
        self._fanout.deliver(feed.room_id, "event", data)
        if data.startswith(_ENDINGS, data.index(b",", 7) + 1):
            self.when_told(feed.room_id, data)

    # What was missed

    def _look_at_hole(self, feed: Feed) -> None:
        feed.is_waiting = False
        if feed.pending:
            self._read_soon(feed)

    def _read_soon(self, feed: Feed) -> None:
        if not feed.is_reading:
            feed.is_reading = True
            self._readers.spawn(self._read_on, feed)

    def _read_on(self, feed: Feed) -> None:
        try:
            while self._feeds.get(feed.room_id) is feed and not self._is_stopped:
                try:
                    self._catch_up(feed)
                    return
                except Unavailable:
                    gevent.sleep(random.uniform(0.3, 0.7))
        finally:
            feed.is_reading = False

    def _catch_up(self, feed: Feed) -> None:
        """Deliver what the log has after the newest that was delivered. Raises Unavailable."""
        while True:
            before = feed.last or 0
            try:
                page = self.read_log(feed.room_id, before - 1, _READ_EVENTS)
            except RoomEnded:
                self.when_gone(feed.room_id)
                return
            if not feed.continues(before, page.start, page.events):
                self._rewind(feed, page.last_seq, None)
                return
            for seq, data in enumerate(page.events, page.start):
                self._offer(feed, seq, data)
            self._drain(feed)
            if (feed.last or 0) >= page.last_seq:
                return

    def _rewind(self, feed: Feed, last_seq: int, newest: bytes | None) -> None:
        """The log is not what was delivered: everybody has to start afresh."""
        log.warning("a room's newest events are lost", room=feed.room_id, last_seq=last_seq)
        shown = feed.last or 0
        feed.begin(last_seq, newest)
        gevent.spawn(self._tell_of_loss, feed.room_id, min(last_seq, shown - 1), shown)

    def _tell_of_loss(self, room_id: str, after: int, to: int) -> None:
        """Those who are connected are shown the room anew, and so are those who come back later."""
        try:
            self.note_loss(room_id, after, to)
        except (Unavailable, RoomEnded):
            log.warning("a loss could not be noted", room=room_id)
        self.when_lost(room_id)

    # Letting go

    def stop(self) -> None:
        """Hear nothing any more."""
        self._is_stopped = True
        if self._janitor is not None:
            self._janitor.kill(block=False)
        self._ears.close()

    def _clean(self) -> None:
        while True:
            gevent.sleep(_LINGER_SECONDS / 2)
            idle_before = time.monotonic() - _LINGER_SECONDS
            for feed in list(self._feeds.values()):
                if feed.listeners <= 0 and feed.idle_since < idle_before:
                    del self._feeds[feed.room_id]
                    self._ears.ignore(self._channel(feed.room_id))

    def _channel(self, room_id: str) -> str:
        return f"{self._link.prefix}:{{{room_id}}}:bus"
