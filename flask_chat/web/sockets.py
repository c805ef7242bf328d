"""Socket.IO events: reads them, calls `chat`, acknowledges. No Flask request context in here.

Each event a client may send is a method `_on_…` that takes the member and the event's argument and
returns the acknowledgement. Other names, also Socket.IO's reserved ones, never reach a handler.
"""

from collections.abc import Callable, Iterable
from functools import partial
from secrets import token_urlsafe
from typing import Any

import socketio
import structlog
from socketio import exceptions

from flask_chat.chat import Chat, Welcome
from flask_chat.delivery.fanout import Fanout
from flask_chat.delivery.relay import Relay
from flask_chat.domain.errors import (
    ChatError,
    ConnectionsExceeded,
    Invalid,
    NotFound,
    TokenInvalid,
    TooFast,
)
from flask_chat.domain.events import MemberLeft, MemberRemoved, RoomEnded, decode_event, moment
from flask_chat.domain.limits import Bucket
from flask_chat.domain.messages import Draft
from flask_chat.domain.rooms import Ref, RoomId
from flask_chat.moderation import Moderation
from flask_chat.pacing.base import Rate
from flask_chat.stores.base import Appended
from flask_chat.web import wire, wire_moderation
from flask_chat.web.moderating import carry_out
from flask_chat.web.rates import Rates, sender
from flask_chat.web.refusals import as_ack
from flask_chat.web.security_log import SecurityLog
from flask_chat.web.tokens import Tokens

log = structlog.get_logger()

# Who goes on without a look at the refusals is no client of anybody: the connection is closed.
_REFUSALS = Rate(500, 10)
_BROKEN = "parse error"  # what the engine says of connections it has closed for what they sent


class Connection:
    """Who is at the other end, and how much they send."""

    __slots__ = ("address", "bucket", "ref", "refusals")

    def __init__(self, ref: Ref, address: str) -> None:
        self.ref = ref
        self.address = address
        self.bucket = Bucket()
        self.refusals = Bucket()


class ChatNamespace(socketio.Namespace):  # type: ignore[misc]
    """The namespace "/": everything clients can do over a socket."""

    def __init__(
        self,
        chat: Chat,
        moderation: Moderation,
        fanout: Fanout,
        relay: Relay,
        tokens: Tokens,
        rates: Rates,
        security: SecurityLog,
        *,
        connections_per_address: float,
        events: Rate,
        clock: Callable[[], float],
        may_block: bool = False,
    ) -> None:
        super().__init__("/")
        self._chat = chat
        self._moderation = moderation
        self._fanout = fanout
        self._relay = relay
        self._tokens = tokens
        self._rates = rates
        self._security = security
        self._pace = events
        self._connections_per_address = connections_per_address
        self._clock = clock
        self._connections: dict[str, Connection] = {}  # by sid
        self._by_room: dict[RoomId, dict[str, Ref]] = {}  # room → sid → who
        self._by_address: dict[str, int] = {}  # how many
        # What is answered later, so that a client's next message need not wait for the disk.
        self.soon: dict[str, Callable[..., None]] = {}
        if may_block:
            self.soon["post"] = partial(self._post_soon, _draft)
            self.soon["message"] = partial(self._post_soon, _simple_draft)
        self._events: dict[str, Callable[[str, Ref, Any], Any]] = {
            "post": self._on_post,
            "message": self._on_message,
            "typing": self._on_typing,
            "history": self._on_history,
            "leave": self._on_leave,
            "remove": self._on_remove,
            "moderate": self._on_moderate,
            "invite": self._on_invite,
        }

    def trigger_event(self, event: str, sid: str, *args: Any) -> Any:
        """Called for whatever comes in; the return value is the acknowledgement."""
        if event == "connect":
            return self._connect(sid, *args)
        if event == "disconnect":
            return self._disconnect(sid, *args)
        return self._receive(event, sid, args[0] if args else {})

    def close_member(self, ref: Ref) -> None:
        """Close all connections of somebody who is no longer a member."""
        here = self._by_room.get(ref.room_id, {})
        self._close(sid for sid, owner in here.items() if owner == ref)

    def close_room(self, room_id: RoomId) -> None:
        """Close all connections of a room that has ended."""
        self._close(self._by_room.get(room_id, ()))

    def heed(self, room_id: str, data: bytes) -> None:
        """Close the connections that an event puts an end to, whichever server it came from."""
        room = RoomId(room_id)
        match decode_event(data):
            case MemberLeft(reason="gone") as event:
                self._chat.was_gone(Ref(room, event.member_id))
            case MemberLeft() | MemberRemoved() as event:
                self.close_member(Ref(room, event.member_id))
            case RoomEnded():
                self.close_room(room)

    def tell_knocks(self, room_id: RoomId, waiting: int) -> None:
        """Say how many wait at the door; who may know more asks."""
        self._relay.tell(room_id, "knocks", wire.encode(wire_moderation.KnocksMessage(waiting)))

    def start_afresh(self, room_id: str) -> None:
        """Welcome everybody in the room anew: what they have been shown is not so any more."""
        for sid, ref in list(self._by_room.get(RoomId(room_id), {}).items()):
            try:
                welcome = self._chat.enter(ref)._replace(reset=True)
            except ChatError:
                self._fanout.close(sid)
                continue
            self._welcome(sid, welcome)

    # Coming and going

    def _connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        """Let a member in. What is sent in here goes out behind the answer to the CONNECT."""
        address = sender(environ.get("REMOTE_ADDR", ""))
        try:
            self._rates.connect(address)
            wanted = wire.read(wire.Auth, auth)
            ref = self._tokens.read(wanted.token)
            welcome = self._enter(ref, wanted.after, address)
        except ChatError as refusal:
            if isinstance(refusal, TokenInvalid):
                self._security.forged("member token", address)
            elif isinstance(refusal, Invalid):
                self._security.malformed("CONNECT", address)
            body = wire.error_body(refusal)
            raise exceptions.ConnectionRefusedError(body.message, body) from None
        # Nothing else has run since the welcome was made, so no event falls between the two.
        self._connections[sid] = Connection(ref, address)
        self._by_room.setdefault(ref.room_id, {})[sid] = ref
        self._fanout.enter(sid, ref.room_id)
        self._welcome(sid, welcome)

    def _welcome(self, sid: str, welcome: Welcome) -> None:
        self._fanout.send(sid, "welcome", wire.welcome_message(welcome, moment(self._clock())))

    def _disconnect(self, sid: str, reason: str = "") -> None:
        connection = self._connections.pop(sid, None)
        if connection is None:
            return
        ref, address = connection.ref, connection.address
        if reason == _BROKEN:
            self._security.malformed(f"connection closed: {reason}", address)
        listeners = self._by_room[ref.room_id]
        del listeners[sid]
        if not listeners:
            del self._by_room[ref.room_id]
        self._uncount(address)
        self._relay.close(ref.room_id)
        self._chat.connection_closed(ref)

    def _enter(self, ref: Ref, after: int | None, address: str) -> Welcome:
        """The welcome of one more connection, which is counted before anything waits."""
        if self._by_address.get(address, 0) >= self._connections_per_address:
            raise ConnectionsExceeded(limit=self._connections_per_address)
        self._by_address[address] = self._by_address.get(address, 0) + 1
        try:
            self._chat.connection_opened(ref)
        except BaseException:
            self._uncount(address)
            raise
        is_open = False
        try:
            self._relay.open(ref.room_id)
            is_open = True
            return self._chat.enter(ref, after)
        except BaseException:
            self._uncount(address)
            if is_open:
                self._relay.close(ref.room_id)
            self._chat.connection_closed(ref)
            raise

    def _uncount(self, address: str) -> None:
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]

    def _close(self, sids: Iterable[str]) -> None:
        for sid in list(sids):
            self._fanout.close(sid)

    # What comes in

    def _receive(self, event: str, sid: str, data: Any) -> Any:
        try:
            connection = self._connections.get(sid)
            if connection is None:
                return None  # closed while the event was on its way
            self._take_event(sid, connection)
            handler = self._events.get(event)
            if handler is None:
                raise NotFound(f"There is no event {event[:40]!r}.")
            return handler(sid, connection.ref, data)
        except Exception as error:
            return as_ack(error)

    def _take_event(self, sid: str, connection: Connection) -> None:
        """Count an event, whatever it is. Raises TooFast."""
        burst, per_second = self._pace
        wait = connection.bucket.take(burst, per_second, self._clock())
        if not wait:
            return
        self._security.throttled("events", connection.address)
        if connection.refusals.take(*_REFUSALS, self._clock()):
            self._security.throttled("events, connection closed", connection.address)
            self._fanout.close(sid)
        raise TooFast(
            f"That was too fast: {burst:g} events at once, then {per_second:g} a second.",
            limit=per_second,
            retry_after_seconds=round(wait + 0.05, 1),
        )

    def _on_post(self, sid: str, ref: Ref, data: Any) -> wire.PostedAck:
        return wire.posted_ack(self._chat.post(ref, _draft(data)))

    def _on_message(self, sid: str, ref: Ref, data: Any) -> wire.PostedAck:
        """For the simplest clients: `message "text"` or `message {data: "text"}`."""
        return wire.posted_ack(self._chat.post(ref, _simple_draft(data)))

    def _post_soon(
        self,
        draft: Callable[[Any], Draft],
        answer: Callable[[Any], None],
        sid: str,
        data: Any = None,
        *_: Any,
    ) -> None:
        def kept(posted: Appended | ChatError) -> None:
            answer(as_ack(posted) if isinstance(posted, ChatError) else wire.posted_ack(posted))

        connection = self._connections.get(sid)
        if connection is None:
            return  # closed while the event was on its way
        try:
            self._take_event(sid, connection)
            self._chat.post_soon(connection.ref, draft({} if data is None else data), kept)
        except Exception as error:
            answer(as_ack(error))

    def _on_typing(self, sid: str, ref: Ref, data: Any) -> wire.Ack:
        wanted = wire.read(wire.TypingChange, data)
        self._chat.pace_typing(ref)
        message = wire.encode(wire.TypingMessage(ref.member_id, wanted.is_typing))
        self._relay.tell(ref.room_id, "typing", message, skip=sid)
        return wire.Ack()

    def _on_history(self, sid: str, ref: Ref, data: Any) -> wire.HistoryAck:
        wanted = wire.read(wire.HistoryRequest, data)
        self._chat.pace_history(ref)
        history = self._chat.history(
            ref, after=wanted.after, before=wanted.before, limit=wanted.limit
        )
        return wire.history_ack(history)

    def _on_leave(self, sid: str, ref: Ref, data: Any) -> wire.Ack:
        wire.read(wire.Nothing, data)
        self._chat.leave(ref)
        return wire.Ack()

    def _on_remove(self, sid: str, ref: Ref, data: Any) -> wire.Ack:
        self._moderation.remove_message(ref, wire.read(wire.RemoveMessage, data).target)
        return wire.Ack()

    def _on_moderate(self, sid: str, ref: Ref, data: Any) -> Any:
        return carry_out(self._moderation, ref, wire.read_any(wire_moderation.Moderate, data))

    def _on_invite(self, sid: str, ref: Ref, data: Any) -> wire_moderation.InviteAck:
        wire.read(wire.Nothing, data)
        return wire_moderation.InviteAck(self._moderation.invite(ref))


def _draft(data: Any) -> Draft:
    wanted = wire.read(wire.PostMessage, data)
    return Draft(key=wanted.key or token_urlsafe(16), text=wanted.text, reply_to=wanted.reply_to)


def _simple_draft(data: Any) -> Draft:
    text = data.get("data") if isinstance(data, dict) else data
    if not isinstance(text, str):
        raise Invalid("data: expected text.", field="data")
    return Draft(key=token_urlsafe(16), text=text)
