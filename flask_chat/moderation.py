"""What the host and co-hosts do to keep a room civil. Every door calls this.

Authority is looked at in each call, from the member's record as it is then: a token says who
somebody is, and never what they may do. The store looks again where an event gets its number.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, Literal

from msgspec import UNSET
from msgspec.structs import replace

from flask_chat.chat import Chat, Ref
from flask_chat.domain import events
from flask_chat.domain.doors import Ban, Knock
from flask_chat.domain.errors import Forbidden, Invalid, NotFound
from flask_chat.domain.events import MessagePosted, decode_event, moment
from flask_chat.domain.members import Member, MemberId
from flask_chat.domain.moderation import (
    SLOW_MODE_LIMIT_SECONDS,
    check_host,
    check_moderator,
    check_over,
    check_role,
    clean_topic,
    is_over,
    lasting,
)
from flask_chat.entrance.doors import Doors, check_passcode
from flask_chat.stores.base import Store


class Moderation:
    """The tools of hosts, over the parts they need. `clock` gives UTC seconds.

    Each raises Forbidden for who may not, NotFound for whom or what is not there, Invalid, TooFast,
    TokenInvalid or RoomEnded. Doing once more what is so already changes and tells nothing.
    """

    def __init__(self, chat: Chat, store: Store, doors: Doors, clock: Callable[[], float]) -> None:
        self._chat = chat
        self._store = store
        self._doors = doors
        self._clock = clock

    # Messages

    def remove_message(self, ref: Ref, target: int) -> None:
        """Take the text of a message away: one's own, or as a moderator anybody's."""
        actor = self._actor(ref)
        if self._author_of(ref, target) != actor.member_id:
            check_moderator(actor)
        self._append(ref, events.MessageRemoved(at=self._now(), by=ref.member_id, target=target))

    # The room

    def change_room(
        self,
        ref: Ref,
        *,
        topic: str | None = None,
        locked: bool | None = None,
        knock: bool | None = None,
        slow_mode_seconds: int | None = None,
        passcode: str | None = None,
    ) -> None:
        """Change what is given. A passcode of "" lifts it."""
        check_moderator(self._actor(ref))
        if slow_mode_seconds is not None and not 0 <= slow_mode_seconds <= SLOW_MODE_LIMIT_SECONDS:
            raise Invalid(
                f"Slow mode is 0 to {SLOW_MODE_LIMIT_SECONDS} seconds.", field="slow_mode_seconds"
            )
        topic = None if topic is None else clean_topic(topic)
        if passcode is not None:
            self._set_passcode(ref, passcode)
        self._change_room(
            ref,
            topic=topic,
            locked=locked,
            knock=knock,
            slow_mode_seconds=slow_mode_seconds,
            has_passcode=None if passcode is None else passcode != "",
        )
        if passcode is not None:
            self._settle_passcode(ref)
        if knock is False:
            self._doors.knocking.end(self._store.room(ref.room_id))

    def renew_invite(self, ref: Ref) -> str:
        """Make all share links and QR codes there are useless; the new invite."""
        check_moderator(self._actor(ref))
        self._change_room(ref, invites=self._store.room(ref.room_id).invites + 1)
        return self.invite(ref)

    def invite(self, ref: Ref) -> str:
        """What the share link carries now. For every member."""
        return self._doors.seal.invite(self._chat.room(ref))

    def end_room(self, ref: Ref) -> None:
        """The room is over, for everybody and at once."""
        check_host(self._actor(ref))
        self._chat.end_room(ref.room_id, "ended", by=ref.member_id)

    # People

    def mute(self, ref: Ref, member_id: MemberId, seconds: int) -> None:
        """Let somebody read and not write for so long; 0 for until it is lifted.

        They are known again when they leave and come back, as somebody banned is, and whoever else
        they are in the room is muted as well.
        """
        actor = self._actor(ref)
        check_over(actor, self._member(ref, member_id))
        until = lasting(seconds, self._now())
        self._append(ref, self._changed(ref, member_id, muted_until=until))
        self._doors.outcasts.mute(ref.room_id, member_id, until)
        for twin in self._twins(ref, actor, member_id):
            with suppress(NotFound):  # has just left
                self._append(ref, self._changed(ref, twin.member_id, muted_until=until))

    def unmute(self, ref: Ref, member_id: MemberId) -> None:
        """Let somebody write again."""
        actor, target = self._actor(ref), self._member(ref, member_id)
        check_over(actor, target)
        if target.muted_until is not UNSET:
            self._append(ref, self._changed(ref, member_id, muted_until=None))
        self._doors.outcasts.unmute(ref.room_id, member_id)
        for twin in self._twins(ref, actor, member_id):
            if twin.muted_until is not UNSET:
                with suppress(NotFound):
                    self._append(ref, self._changed(ref, twin.member_id, muted_until=None))

    def remove_member(self, ref: Ref, member_id: MemberId) -> None:
        """Send somebody away, who may come in again by another membership."""
        check_over(self._actor(ref), self._member(ref, member_id))
        self._send_away(ref, member_id, until=None)

    def ban(self, ref: Ref, member_id: MemberId, seconds: int, *, network: bool) -> None:
        """Send somebody away, and keep them out for so long; 0 for as long as the room lives.

        With `network` also others from their address. They may have left before, and whoever else
        they are in the room goes with them.
        """
        actor, target = self._actor(ref), self._record(ref, member_id)
        check_over(actor, target)
        until = lasting(seconds, self._now())
        self._doors.outcasts.ban(ref.room_id, target, until, network=network)
        for twin in self._twins(ref, actor, member_id):
            with suppress(NotFound):
                self._send_away(ref, twin.member_id, until=until)
        if self._store.member(ref.room_id, member_id) is not None:
            self._send_away(ref, member_id, until=until)

    def unban(self, ref: Ref, member_id: MemberId) -> None:
        """Let somebody in again."""
        check_moderator(self._actor(ref))
        self._doors.outcasts.unban(ref.room_id, member_id)

    def bans(self, ref: Ref) -> list[Ban]:
        """Who is kept out, the oldest first."""
        self._check_may_look(ref)
        return self._doors.outcasts.bans(ref.room_id)

    def set_role(self, ref: Ref, member_id: MemberId, role: Literal["cohost", "guest"]) -> None:
        """Make somebody a co-host, who is not muted then, or a guest again. For the host."""
        actor, target = self._actor(ref), self._member(ref, member_id)
        check_role(actor, target)
        if target.role != role:
            unmuted = {"muted_until": None} if target.muted_until is not UNSET else {}
            self._append(ref, self._changed(ref, member_id, role=role, **unmuted))
            self._doors.outcasts.unmute(ref.room_id, member_id)

    def hand_over(self, ref: Ref, member_id: MemberId) -> None:
        """Make somebody else the host, and stay as a co-host."""
        check_host(self._actor(ref))
        if member_id == ref.member_id:
            raise Forbidden("You are the host already.")
        if not self._member(ref, member_id).here:
            raise Forbidden("A room can only be handed over to somebody who is here.")
        change = events.HostChanged(
            at=self._now(),
            by=ref.member_id,
            member_id=member_id,
            previous=ref.member_id,
            reason="handed_over",
        )
        if not self._chat.append(ref.room_id, change).is_new:
            raise Forbidden  # handed over to somebody else meanwhile
        self._doors.outcasts.unmute(ref.room_id, member_id)

    # The door

    def knocks(self, ref: Ref) -> list[Knock]:
        """Who waits at the door, the longest first."""
        self._check_may_look(ref)
        return self._doors.knocking.waiting(ref.room_id)

    def admit(self, ref: Ref, knock_id: str) -> None:
        """Let somebody in who knocks."""
        check_moderator(self._actor(ref))
        self._doors.knocking.answer(ref.room_id, knock_id, "admitted")

    def refuse(self, ref: Ref, knock_id: str) -> None:
        """Do not let somebody in who knocks."""
        check_moderator(self._actor(ref))
        self._doors.knocking.answer(ref.room_id, knock_id, "refused")

    # Helpers, in the order they are used

    def _actor(self, ref: Ref) -> Member:
        self._chat.pace_moderation(ref)
        return self._chat.member(ref)

    def _check_may_look(self, ref: Ref) -> None:
        self._chat.pace_door(ref)
        check_moderator(self._chat.member(ref))

    def _author_of(self, ref: Ref, target: int) -> MemberId | None:
        page = self._store.read_after(ref.room_id, target - 1, 1)
        found = decode_event(page.events[0]) if page.events and page.start == target else None
        if not isinstance(found, MessagePosted):
            raise NotFound("There is no such message any more.", field="target")
        return found.by

    def _append(self, ref: Ref, event: events.Event) -> None:
        self._chat.append(ref.room_id, event)

    def _now(self) -> datetime:
        return moment(self._clock())

    def _set_passcode(self, ref: Ref, passcode: str) -> None:
        kept = None
        if passcode:
            check_passcode(passcode)
            self._chat.pace_passcode(ref)
            kept = self._doors.hash_passcode(passcode)
            check_moderator(self._chat.member(ref))  # still, after the time that took
        self._doors.set_passcode(ref.room_id, kept)

    def _settle_passcode(self, ref: Ref) -> None:
        """Two may change it at once: the room has to say what its door does."""
        while True:
            asked = self._doors.asks_passcode(ref.room_id)
            if asked == self._store.room(ref.room_id).has_passcode:
                return
            self._change_room(ref, has_passcode=asked)

    def _change_room(self, ref: Ref, **wanted: str | bool | int | None) -> None:
        room = self._store.room(ref.room_id)
        news = {
            name: value
            for name, value in wanted.items()
            if value is not None and value != getattr(room, name)
        }
        if news:
            change = events.RoomChanged(at=self._now(), by=ref.member_id)
            self._append(ref, replace(change, **news))

    def _member(self, ref: Ref, member_id: MemberId) -> Member:
        member = self._store.member(ref.room_id, member_id)
        if member is None:
            raise NotFound("There is no such person in this room.", field="member_id")
        return member

    def _record(self, ref: Ref, member_id: MemberId) -> Member:
        """Somebody who is or was a member."""
        people = self._store.members(ref.room_id, [member_id])
        found = next((each for each in people if each.member_id == member_id), None)
        if found is None:
            raise NotFound("There was no such person in this room.", field="member_id")
        return found

    def _twins(self, ref: Ref, actor: Member, member_id: MemberId) -> list[Member]:
        """Who else somebody is here, but for those whom the actor may do nothing to."""
        return [t for t in self._doors.outcasts.twins(ref.room_id, member_id) if is_over(actor, t)]

    def _changed(self, ref: Ref, member_id: MemberId, **changes: Any) -> events.MemberChanged:
        return events.MemberChanged(
            at=self._now(), by=ref.member_id, member_id=member_id, **changes
        )

    def _send_away(self, ref: Ref, member_id: MemberId, until: datetime | None) -> None:
        removed = events.MemberRemoved(
            at=self._now(), by=ref.member_id, member_id=member_id, until=until
        )
        self._chat.part(Ref(ref.room_id, member_id), removed)
