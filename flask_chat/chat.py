"""What people do: create a room, join, enter, post, read, leave. Every door calls this.

A member is named by `Ref`, which a door has taken out of a checked member token.
"""

import secrets
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import msgspec

from flask_chat.delivery.presence import LocalPresence, Presence
from flask_chat.domain import events
from flask_chat.domain.codes import Code, draw_code
from flask_chat.domain.errors import (
    ChatError,
    CodeTaken,
    NameTaken,
    RoomEnded,
    RoomNotFound,
    ServerFull,
    TokenInvalid,
    Unavailable,
)
from flask_chat.domain.events import EndReason, Event, LeaveReason, moment, people_in
from flask_chat.domain.limits import Limits
from flask_chat.domain.members import Member, MemberId, Role, glyph_of, hue_of, is_muted
from flask_chat.domain.messages import Draft, check_draft
from flask_chat.domain.moderation import muted
from flask_chat.domain.names import clean_name, free_name, name_keys
from flask_chat.domain.rooms import Ref, Room, RoomId
from flask_chat.entrance.doors import Doors
from flask_chat.entrance.marks import Visitor
from flask_chat.paces import Paces
from flask_chat.stores.base import NO_CHANGES, Append, Appended, DoorChanged, NoteChanges, Store
from flask_chat.stretches import ANSWER_BYTES, newest_part, oldest_part
from flask_chat.succession import Succession

# A welcome without `after` brings this many events; more missed ones than a welcome can sensibly
# carry are a reset.
WELCOME_EVENTS = 100
MISSED_EVENTS = 1000

_HUE_DRAWS = 50  # the last free colour of twelve is missed once in eighty times

_DRAWS = 1000  # with four fifths of all codes in use, one draw in five succeeds


_NOBODY = Visitor()  # somebody of whom nothing is known


class Admission(NamedTuple):
    """What somebody gets who created or joined a room."""

    room: Room
    me: Member

    @property
    def ref(self) -> Ref:
        """The new member's ref, to be signed into a token."""
        return Ref(self.room.room_id, self.me.member_id)


class History(NamedTuple):
    """A stretch of the log with the members it needs to be shown."""

    events: list[bytes]  # JSON of each, in the order of `seq`
    members: list[Member]
    more: bool  # whether there are older ones still (newer ones, when read forward)
    reset: bool = False  # events right after `after` are no longer kept: there is a hole


class Welcome(NamedTuple):
    """What a member who enters is shown first."""

    room: Room
    me: Member
    members: list[Member]  # all who are here, and whom the events name
    events: list[bytes]
    more: bool
    reset: bool  # the given `after` could not be served: start from these events


class Chat:
    """The rules of the place over a store. `clock` gives UTC seconds."""

    def __init__(
        self,
        store: Store,
        limits: Limits,
        clock: Callable[[], float] = time.time,
        presence: "Presence[Ref] | None" = None,
        doors: Doors | None = None,
    ) -> None:
        self._store = store
        self._limits = limits
        self._doors = doors or Doors(store, secrets.token_urlsafe(), clock)
        self._succession = Succession(store, limits.host_grace_seconds, clock)
        # Whoever keeps connections open wants to hear of these.
        self.when_room_removed: Callable[[RoomId], None] = lambda room_id: None
        self.when_member_removed: Callable[[Ref], None] = lambda ref: None
        self._clock = clock
        self._presence: Presence[Ref] = presence or LocalPresence(limits.leave_grace_seconds, clock)
        self.paces = Paces(limits, clock)
        self._rooms_end_from = 0.0  # after a start people have some time to come back

    def resume(self) -> None:
        """Go on with the rooms that the store has kept. To be called once, before anybody comes.

        Nobody who was here has a connection now: all of them get the leave grace to come back. A
        shared presence knows better, since other servers may have gone on meanwhile.
        """
        if self._presence.survives:
            return
        for room_id in self._store.room_ids():
            for member in self._store.members(room_id):
                self._presence.expect(Ref(room_id, member.member_id))
            self._rooms_end_from = self._clock() + self._limits.leave_grace_seconds

    # Coming in

    def create_room(
        self, name: str, code: Code | None = None, visitor: Visitor = _NOBODY
    ) -> Admission:
        """A new room with its host, under `code` or one drawn by chance.

        Raises NameInvalid, CodeTaken (only for a wanted code) or ServerFull.
        """
        name = clean_name(name, self._limits.name_characters)
        host = self._new_member(name, "host")
        if code is not None:
            return self._open_wanted(code, host, visitor)
        for _ in range(_DRAWS):
            try:
                return self._open(draw_code(secrets.choice), host, visitor)
            except CodeTaken:
                continue
        raise ServerFull("Every code this server can give out is in use. Please try again later.")

    def look_up(self, code: Code, visitor: Visitor = _NOBODY) -> Room:
        """The room this code leads to now. Raises RoomNotFound, also for one that is locked."""
        return self._doors.find(self._store.find_room(code), visitor, code)

    def join(self, code: Code, name: str, visitor: Visitor = _NOBODY) -> Admission:
        """Become a member of the room with this code.

        Raises NameInvalid, RoomNotFound, RoomFull, NameTaken (with a free `suggestion`), and
        whatever keeps the visitor out: see `Doors.check`.
        """
        name = clean_name(name, self._limits.name_characters)
        while True:
            room = self.look_up(code, visitor)
            try:
                return Admission(room, self._admitted(room, name, visitor))
            except DoorChanged:  # while we looked at it: look again
                continue
            except NameTaken as refusal:
                refusal.data["suggestion"] = self._free_name(room.room_id, name)
                raise
            except RoomEnded:
                raise RoomNotFound(f"There is no room {code}.", field="code") from None

    def connection_opened(self, ref: Ref) -> None:
        """One more connection of a member is open. Raises RoomEnded or TokenInvalid."""
        self.member(ref)
        self._presence.connected(ref)

    def enter(self, ref: Ref, after: int | None = None) -> Welcome:
        """What a member is shown first on a connection that has been opened.

        `after` is the newest event they have. Somebody announced as gone is announced as back.
        Raises RoomEnded or TokenInvalid.
        """
        knows_host = False
        while True:
            me = self.member(ref)
            if not me.here:
                self.append(ref.room_id, self._joined(me))
            now = self._store.snapshot(
                ref.room_id, after, newest=WELCOME_EVENTS, most=MISSED_EVENTS
            )
            found = {member.member_id: member for member in now.members if member.here}
            if not knows_host and now.room.host_id not in found:
                knows_host = True
                self._look_for_host(now.room)  # which may take time and bring an event: read again
            elif ref.member_id in found:
                break  # else announced as gone, or removed, while we waited for the store
        page = newest_part(now.page)
        is_complete = now.is_complete and page.start == now.page.start
        return Welcome(
            room=now.room,
            me=found[ref.member_id],
            members=now.members,
            events=page.events,
            more=page.start > page.first_seq,
            reset=after is not None and not is_complete,
        )

    # Being there

    def member(self, ref: Ref) -> Member:
        """The member's record. Raises RoomEnded, or TokenInvalid for somebody who has left."""
        member = self._store.member(ref.room_id, ref.member_id)
        if member is None:
            raise TokenInvalid
        return member

    def room(self, ref: Ref) -> Room:
        """The room of a member. Raises RoomEnded or TokenInvalid."""
        self.member(ref)
        return self._store.room(ref.room_id)

    def members(self, ref: Ref) -> list[Member]:
        """Everybody who is here, in the order they came. Raises RoomEnded or TokenInvalid."""
        self.member(ref)
        return self._store.members(ref.room_id)

    def members_here(self, room_id: RoomId) -> int:
        """How many people are in the room now. Raises RoomEnded."""
        return self._store.count_here(room_id)

    def post(self, ref: Ref, draft: Draft) -> Appended:
        """Keep a message and tell the room.

        A draft that came before (same `key`) gives back the event made then, and nobody is told
        twice. Raises MessageEmpty, MessageTooLong, Invalid, TooFast (with `retry_after_seconds`),
        TokenInvalid or RoomEnded.
        """
        self.member(ref)
        return self.append(ref.room_id, self._accepted(ref, draft))

    def post_soon(
        self, ref: Ref, draft: Draft, then: Callable[[Appended | ChatError], None]
    ) -> None:
        """Like `post`, without waiting for the store, whose answer or refusal `then` gets."""
        message = Append(ref.room_id, self._accepted(ref, draft))
        self._store.append_soon([message], lambda answers: then(answers[0]))

    def pace_typing(self, ref: Ref) -> None:
        """Count a change of typing, which is not kept.

        Raises TooFast, Muted, TokenInvalid or RoomEnded.
        """
        member, now = self.member(ref), moment(self._clock())
        if is_muted(member, now):
            assert member.muted_until is not msgspec.UNSET
            raise muted(member.muted_until, now)
        self.paces.typing(ref)

    def append(self, room_id: RoomId, event: Event, notes: NoteChanges = NO_CHANGES) -> Appended:
        """Append one event that has been allowed, and change notes with it.

        Raises what the store refuses it with.
        """
        (answer,) = self._store.append([Append(room_id, event, notes)])
        if isinstance(answer, ChatError):
            raise answer
        return answer

    def pace_history(self, ref: Ref) -> None:
        """Count a member's reading of the log. Raises TooFast, TokenInvalid or RoomEnded."""
        self.member(ref)
        self.paces.history(ref)

    def history(
        self,
        ref: Ref,
        *,
        after: int | None = None,
        before: int | None = None,
        limit: int = 50,
        newest_bytes: int = ANSWER_BYTES,
    ) -> History:
        """Up to `limit` events: the oldest above `after`, else the newest (below `before`).

        Fewer when they are long, and the newest are more than `newest_bytes`; `more` then says so.
        Raises RoomEnded or TokenInvalid.
        """
        self.member(ref)
        if after is not None:
            page = oldest_part(self._store.read_after(ref.room_id, after, limit))
            more = page.start + len(page.events) <= page.last_seq
            reset = page.start > after + 1
        else:
            page = newest_part(self._store.read_before(ref.room_id, before, limit), newest_bytes)
            more, reset = page.start > page.first_seq, False
        return History(page.events, self._people_in(ref.room_id, page.events), more, reset)

    # Going

    def connection_closed(self, ref: Ref) -> None:
        """A connection that was opened is gone; a member's last one starts the leave grace."""
        self._presence.disconnected(ref)

    def leave(self, ref: Ref) -> None:
        """Leave for good: the name is free again, the token opens nothing any more."""
        self.member(ref)
        self.append(ref.room_id, self._left(ref, "left"))
        self.parted(ref)
        self._succession.left(*ref)

    def parted(self, ref: Ref) -> None:
        """A membership has ended, and its connections end with it."""
        self._presence.forget(ref)
        self.when_member_removed(ref)

    def was_gone(self, ref: Ref) -> None:
        """Somebody was announced as gone, here or by another server. Never waits."""
        self._succession.gone(*ref)

    def end_room(self, room_id: RoomId, reason: EndReason, by: MemberId | None = None) -> None:
        """The room is over: everybody is told, everything in it is wiped, its code is free.

        One that ends as "empty" lives on when somebody has come in at the last moment.
        """
        try:
            now = moment(self._clock())
            ended = self.append(room_id, events.RoomEnded(at=now, by=by, reason=reason))
            if not ended.is_new:
                return
        except RoomEnded:
            pass  # said before, which a fault or a restart may have kept from being done
        with suppress(RoomEnded, Unavailable):  # it is over and due at once, so the next tick does
            self._wipe(room_id)

    def tick(self) -> None:
        """What time brings: say who is gone, end rooms whose time has come. For every second."""
        try:
            self._say_back(self._presence.returned())
            overdue = self._presence.overdue()
            if overdue:
                self._say_gone(overdue)
            self._succession.tick()
            if self._clock() >= self._rooms_end_from:
                for room_id in self._store.due(self._clock()):
                    self.end_room(room_id, "empty")
        except Unavailable:
            pass  # the store has logged why; all of it is still to be done at the next tick

    # Helpers, in the order they are used

    def _wipe(self, room_id: RoomId) -> None:
        here = self._store.members(room_id)
        self._store.remove_room(room_id)
        for member in here:
            self._presence.forget(Ref(room_id, member.member_id))
        self.paces.forget(room_id)
        self.when_room_removed(room_id)

    def _admitted(self, room: Room, name: str, visitor: Visitor) -> Member:
        """Somebody whom the door lets pass, as a member. Raises DoorChanged, and see `join`."""
        room_id = room.room_id
        if room.knock:
            self._check_name(room_id, name)
        way = self._doors.check(room_id, name, visitor)
        fresh = self._new_member(name, "guest", self._hues_in(room_id))
        member = msgspec.structs.replace(fresh, muted_until=way.muted_until)
        marks, joined = self._doors.seal.marks_of(room_id, visitor), self._joined(member)
        with self._expected(Ref(room_id, member.member_id)):
            self._store.admit(room_id, member, joined, marks, notes=way.used, version=way.version)
        self._doors.came_in(room_id, way)
        return member

    def _check_name(self, room_id: RoomId, name: str) -> None:
        """Raises NameTaken. The store looks again; this is so that nobody knocks in vain."""
        keys = name_keys(name)
        if any(keys & name_keys(taken) for taken in self._store.names(room_id)):
            raise NameTaken(field="name")

    def _hues_in(self, room_id: RoomId) -> set[int]:
        return {member.hue for member in self._store.members(room_id)}

    def _new_member(self, name: str, role: Role, taken: Collection[int] = ()) -> Member:
        # The colour follows from the id, so ids are drawn until one brings a colour that is free.
        for _ in range(_HUE_DRAWS):
            member_id = MemberId("m" + secrets.token_urlsafe(16))
            if hue_of(member_id) not in taken:
                break
        return Member(
            member_id=member_id,
            name=name,
            hue=hue_of(member_id),
            glyph=glyph_of(member_id),
            role=role,
        )

    def _open_wanted(self, code: Code, host: Member, visitor: Visitor) -> Admission:
        try:
            return self._open(code, host, visitor)
        except CodeTaken as refusal:
            # True of a locked room, too, which a look-up does not show.
            raise CodeTaken(
                f"The code {code} is taken. Choose another one, or create a room with a new code.",
                **refusal.data,
            ) from None

    def _open(self, code: Code, host: Member, visitor: Visitor) -> Admission:
        room = Room(
            room_id=RoomId("r" + secrets.token_urlsafe(16)),
            code=code,
            created_at=moment(self._clock()),
            host_id=host.member_id,
        )
        with self._expected(Ref(room.room_id, host.member_id)):
            marks = self._doors.seal.marks_of(room.room_id, visitor)
            self._store.create_room(room, host, self._joined(host), marks)
        return Admission(room, host)

    @contextmanager
    def _expected(self, ref: Ref) -> Iterator[None]:
        """Somebody becomes a member, and may not connect or be told of it: they have the grace."""
        self._presence.expect(ref)
        try:
            yield
        except (ChatError, DoorChanged) as refusal:
            if not isinstance(refusal, Unavailable):  # then they may be a member all the same
                self._presence.forget(ref)
            raise

    def _joined(self, member: Member) -> events.MemberJoined:
        here = msgspec.structs.replace(member, here=True)
        return events.MemberJoined(at=moment(self._clock()), by=member.member_id, member=here)

    def _free_name(self, room_id: RoomId, name: str) -> str:
        taken = map(name_keys, self._store.names(room_id))
        return free_name(name, taken, self._limits.name_characters)

    def _accepted(self, ref: Ref, draft: Draft) -> events.MessagePosted:
        check_draft(draft, self._limits.message_characters)
        self.paces.post(ref)
        return events.MessagePosted(
            at=moment(self._clock()),
            by=ref.member_id,
            text=draft.text,
            key=draft.key,
            reply_to=draft.reply_to,
        )

    def _people_in(self, room_id: RoomId, events: Collection[bytes]) -> list[Member]:
        wanted = people_in(events)
        people = self._store.members(room_id, wanted)
        return [member for member in people if member.member_id in wanted]

    def _say_gone(self, refs: list[Ref]) -> None:
        """Announce those who are still away, all of them in one go."""
        try:
            # Not again after a connection too short to enter; and after all this looking, which may
            # wait for the store, not those who have come back meanwhile.
            were_here = [ref for ref in refs if self._is_here(ref)]
            gone = [ref for ref in were_here if not self._presence.is_awaited(ref)]
            if gone:
                self._store.append([Append(ref.room_id, self._left(ref, "gone")) for ref in gone])
            for ref in gone:
                self.was_gone(ref)
        except Unavailable:
            if not self._presence.survives:
                for ref in refs:
                    self._presence.expect(ref)
            raise
        # Who has connected to another server meanwhile looked as if they were here.
        self._say_back(self._presence.settle(refs))

    def _look_for_host(self, room: Room) -> None:
        """Somebody comes into a room without its host, who may have left it for good."""
        if self._store.member(room.room_id, room.host_id) is None:
            self._succession.left(room.room_id, room.host_id)
        else:
            self._succession.missing(room.room_id, room.host_id)

    def _say_back(self, refs: list[Ref]) -> None:
        for ref in refs:
            try:
                self.append(ref.room_id, self._joined(self.member(ref)))
            except (RoomEnded, TokenInvalid):
                continue

    def _is_here(self, ref: Ref) -> bool:
        try:
            return self.member(ref).here
        except (RoomEnded, TokenInvalid):
            return False

    def _left(self, ref: Ref, reason: LeaveReason) -> events.MemberLeft:
        return events.MemberLeft(
            at=moment(self._clock()), by=ref.member_id, member_id=ref.member_id, reason=reason
        )
