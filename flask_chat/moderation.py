"""What the host and co-hosts do to keep a room civil. Every door calls this.

Authority is looked at in each call, from the member's record as it is then: a token says who
somebody is, and never what they may do. The store looks again where an event gets its number.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import chain, repeat
from typing import Any, Literal

from msgspec import UNSET
from msgspec.structs import replace

from flask_chat.chat import Chat
from flask_chat.domain import events
from flask_chat.domain.doors import PASSCODE, Ban, Knock
from flask_chat.domain.errors import ChatError, Forbidden, Invalid, NotFound
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
from flask_chat.domain.rooms import Ref
from flask_chat.entrance.doors import Doors, check_passcode
from flask_chat.stores.base import NO_CHANGES, Append, Appended, NoteChanges, Store

Sentence = events.MemberChanged | events.MemberRemoved


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
        notes = {} if passcode is None else {PASSCODE: self._kept_of(ref, passcode)}
        self._change_room(
            ref,
            notes,
            topic=None if topic is None else clean_topic(topic),
            locked=locked,
            knock=knock,
            slow_mode_seconds=slow_mode_seconds,
            has_passcode=None if passcode is None else passcode != "",
        )

    def renew_invite(self, ref: Ref) -> str:
        """Make all share links and QR codes there are useless; the new invite."""
        check_moderator(self._actor(ref))
        room = self._store.room(ref.room_id)
        renewed = replace(room, invites=room.invites + 1)
        self._change_room(ref, invites=renewed.invites)
        return self._doors.seal.invite(renewed)

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
        they are in the room is muted as well, also who is away.
        """
        actor = self._actor(ref)
        check_over(actor, self._member(ref, member_id))
        until = lasting(seconds, self._now())
        muted = [member_id, *(twin.member_id for twin in self._twins(ref, actor, member_id))]
        notes = self._doors.outcasts.muting(ref.room_id, member_id, until)
        self._sentence(ref, [self._changed(ref, who, muted_until=until) for who in muted], notes)
        for twin in self._twins(ref, actor, member_id):
            if twin.muted_until != until:  # came in while we looked; nobody does from here on
                self._sentence(ref, [self._changed(ref, twin.member_id, muted_until=until)])

    def unmute(self, ref: Ref, member_id: MemberId) -> None:
        """Let somebody write again."""
        actor, target = self._actor(ref), self._member(ref, member_id)
        check_over(actor, target)
        people = [target, *self._twins(ref, actor, member_id)]
        muted = [each.member_id for each in people if each.muted_until is not UNSET]
        notes = self._doors.outcasts.unmuting(ref.room_id, member_id)
        self._sentence(ref, [self._changed(ref, who, muted_until=None) for who in muted], notes)

    def remove_member(self, ref: Ref, member_id: MemberId) -> None:
        """Send somebody away, who may come in again by another membership."""
        check_over(self._actor(ref), self._member(ref, member_id))
        self._append(ref, self._removed(ref, member_id, until=None))
        self._chat.parted(Ref(ref.room_id, member_id))

    def ban(self, ref: Ref, member_id: MemberId, seconds: int, *, network: bool) -> None:
        """Send somebody away, and keep them out for so long; 0 for as long as the room lives.

        With `network` also others from their address. They may have left before, and whoever else
        they are in the room goes with them, also who is away.
        """
        actor, target = self._actor(ref), self._record(ref, member_id)
        check_over(actor, target)
        until = lasting(seconds, self._now())
        sent = [twin.member_id for twin in self._twins(ref, actor, member_id)]
        if self._store.member(ref.room_id, member_id) is not None:
            sent.insert(0, member_id)
        notes = self._doors.outcasts.banning(ref.room_id, target, until, network=network)
        for who in self._sentence(ref, [self._removed(ref, who, until) for who in sent], notes):
            self._chat.parted(Ref(ref.room_id, who))
        for twin in self._twins(ref, actor, member_id):  # likewise
            for who in self._sentence(ref, [self._removed(ref, twin.member_id, until)]):
                self._chat.parted(Ref(ref.room_id, who))

    def unban(self, ref: Ref, member_id: MemberId) -> None:
        """Let somebody in again."""
        check_moderator(self._actor(ref))
        notes = self._doors.outcasts.unbanning(ref.room_id, member_id)
        self._doors.notebook.change(ref.room_id, notes, by=ref.member_id)

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
            notes = self._doors.outcasts.unmuting(ref.room_id, member_id)
            self._append(ref, self._changed(ref, member_id, role=role, **unmuted), notes)

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
        notes = self._doors.outcasts.unmuting(ref.room_id, member_id)
        if not self._chat.append(ref.room_id, change, notes).is_new:
            raise Forbidden  # handed over to somebody else meanwhile

    # The door

    def knocks(self, ref: Ref) -> list[Knock]:
        """Who waits at the door, the longest first."""
        self._check_may_look(ref)
        return self._doors.knocking.waiting(ref.room_id)

    def admit(self, ref: Ref, knock_id: str) -> None:
        """Let somebody in who knocks."""
        check_moderator(self._actor(ref))
        self._doors.knocking.answer(ref.room_id, knock_id, "admitted", by=ref.member_id)

    def refuse(self, ref: Ref, knock_id: str) -> None:
        """Do not let somebody in who knocks."""
        check_moderator(self._actor(ref))
        self._doors.knocking.answer(ref.room_id, knock_id, "refused", by=ref.member_id)

    # Helpers, in the order they are used

    def _actor(self, ref: Ref) -> Member:
        self._chat.paces.moderation(ref)
        return self._chat.member(ref)

    def _check_may_look(self, ref: Ref) -> None:
        self._chat.paces.door(ref)
        check_moderator(self._chat.member(ref))

    def _author_of(self, ref: Ref, target: int) -> MemberId | None:
        page = self._store.read_after(ref.room_id, target - 1, 1)
        found = decode_event(page.events[0]) if page.events and page.start == target else None
        if not isinstance(found, MessagePosted):
            raise NotFound("There is no such message any more.", field="target")
        return found.by

    def _append(self, ref: Ref, event: events.Event, notes: NoteChanges = NO_CHANGES) -> None:
        self._chat.append(ref.room_id, event, notes)

    def _sentence(
        self, ref: Ref, acts: Sequence[Sentence], notes: NoteChanges = NO_CHANGES
    ) -> list[MemberId]:
        """Bring all of this about in one step, for one person by all their names; those it reached.

        Who has just left is not reached; what is noted holds for them when they come again.
        """
        what = chain([notes], repeat(NO_CHANGES))
        appends = [Append(ref.room_id, act, noted) for act, noted in zip(acts, what, strict=False)]
        answers = self._store.append(appends)
        first = answers[0] if answers else NotFound()
        if isinstance(first, NotFound):
            self._doors.notebook.change(ref.room_id, notes, by=ref.member_id)
        elif isinstance(first, ChatError):
            raise first
        done = zip(acts, answers, strict=True)
        return [act.member_id for act, answer in done if isinstance(answer, Appended)]

    def _now(self) -> datetime:
        return moment(self._clock())

    def _kept_of(self, ref: Ref, passcode: str) -> str | None:
        """What is noted of a passcode that somebody sets. Takes a while."""
        if not passcode:
            return None
        check_passcode(passcode)  # which takes nothing from the pace
        self._chat.paces.passcode(ref)
        return self._doors.hash_passcode(passcode)

    def _change_room(
        self, ref: Ref, notes: NoteChanges = NO_CHANGES, **wanted: str | bool | int | None
    ) -> None:
        room = self._store.room(ref.room_id)
        another_passcode = ("has_passcode", True)
        news = {
            name: value
            for name, value in wanted.items()
            if value is not None
            and (value != getattr(room, name) or (name, value) == another_passcode)
        }
        if not news:
            return
        change = replace(events.RoomChanged(at=self._now(), by=ref.member_id), **news)
        waited = self._doors.knocking.waiting(ref.room_id) if "knock" in news else []
        self._append(ref, change, notes if "has_passcode" in news else NO_CHANGES)
        if waited:
            self._doors.knocking.tell(ref.room_id)

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

    def _removed(
        self, ref: Ref, member_id: MemberId, until: datetime | None
    ) -> events.MemberRemoved:
        return events.MemberRemoved(
            at=self._now(), by=ref.member_id, member_id=member_id, until=until
        )
