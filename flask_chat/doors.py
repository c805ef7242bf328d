"""Who may come into a room, besides having its code: bans, invites, lock, passcode, knocking.

The rules of what is noted are in `domain.doors`; what moderators do with them in `moderation`.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from secrets import token_urlsafe
from typing import Literal, NamedTuple

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from flask_chat.domain.doors import (
    BANS_LIMIT,
    KNOCKS_LIMIT,
    KNOCKS_OF_A_NETWORK,
    MUTES_LIMIT,
    PASSCODE,
    Ban,
    Knock,
    KnockId,
    KnockState,
    Mute,
    Notes,
    as_note,
    banned,
)
from flask_chat.domain.errors import (
    Invalid,
    KnockRefused,
    KnockWaiting,
    NotFound,
    PasscodeRequired,
    PasscodeWrong,
    RoomNotFound,
    TooFast,
)
from flask_chat.domain.events import moment
from flask_chat.domain.members import Member, MemberId
from flask_chat.domain.names import is_numbered
from flask_chat.domain.rooms import Room, RoomId
from flask_chat.passcodes import Passcodes
from flask_chat.stores.base import Store

PASSCODE_CHARACTERS = (4, 64)
_MARK_BYTES = 16
_KNOCK_AGAIN_SECONDS = 60  # after having been refused


class Visitor(NamedTuple):
    """Somebody who wants in, and what they bring."""

    address: str = ""  # whom their address stands for (`web.rates.sender`)
    browser: str = ""  # what their cookie calls the browser; "" where there is none
    passcode: str = ""
    invite: str = ""
    ticket: str = ""  # got for knocking


class Doors:
    """The doors of all rooms. `clock` gives UTC seconds; `secret` makes invites and marks."""

    def __init__(
        self,
        store: Store,
        secret: str,
        clock: Callable[[], float],
        passcodes: Passcodes | None = None,
    ) -> None:
        self._store = store
        self._secret = secret.encode()
        self._clock = clock
        self._passcodes = passcodes or Passcodes()
        # Whoever reaches the people in a room wants to hear of this: how many wait at its door.
        self.when_knocks_change: Callable[[RoomId, int], None] = lambda room_id, waiting: None

    # Coming in

    def find(self, room: Room | None, visitor: Visitor, code: str) -> Room:
        """The room, if there is one that shows itself. Raises RoomNotFound, for locked ones too."""
        if room is None or (room.locked and not self._may_see(room, visitor)):
            raise _not_there(code)
        return room

    def check(self, room: Room, name: str, visitor: Visitor) -> None:
        """Let somebody pass who may become a member under this name.

        Raises Banned, PasscodeRequired, PasscodeWrong, KnockRefused, KnockWaiting (with `room_id`,
        the `name` and a `ticket`, new or the one they brought), TooFast when too many wait, or
        RoomNotFound when the room is locked and the ticket that showed it is somebody else's.
        """
        self._check(room, name, visitor, proven=None)

    def marks_of(self, room_id: RoomId, visitor: Visitor) -> str:
        """How this visitor is known again in this room: of their browser first, then their network.

        Nobody can tell from a mark what it was made of, or that two rooms have the same visitor.
        """
        network = self._sign("network", room_id, visitor.address)
        own = self._sign("browser", room_id, visitor.browser) if visitor.browser else network
        return f"{own} {network}"

    def came_in(self, room_id: RoomId, visitor: Visitor) -> None:
        """A ticket that let somebody in is used up."""
        if visitor.ticket:
            self.take_back(room_id, visitor.ticket)

    # Invites

    def invite(self, room: Room) -> str:
        """What the share link carries: lets past lock, passcode and knocking, until renewed."""
        return self._sign("invite", room.room_id, str(room.invites))

    def is_invited(self, room: Room, invite: str) -> bool:
        """Whether this is the room's invite."""
        return hmac.compare_digest(invite.encode(), self.invite(room).encode())

    # Passcodes

    def hash_passcode(self, passcode: str) -> str:
        """What may be kept of a passcode. Takes a while."""
        return self._passcodes.hash(passcode)

    def set_passcode(self, room_id: RoomId, kept: str | None) -> None:
        """Ask newcomers for the passcode with this hash from now on; for none with None."""
        self._store.set_note(room_id, PASSCODE, kept)

    def asks_passcode(self, room_id: RoomId) -> bool:
        """Whether newcomers are asked for a passcode now."""
        return self._notes(room_id).passcode is not None

    # Bans

    def ban(self, room_id: RoomId, member: Member, until: datetime, *, network: bool) -> None:
        """Keep somebody who is or was a member from becoming one again, until then.

        They are known again by their browser, and with `network` by their address, as they were
        when they joined. Somebody who came without a browser has nothing but the address.
        """
        bans = self.bans(room_id)
        for ban in bans[: max(0, len(bans) - BANS_LIMIT + 1)]:
            self._store.set_note(room_id, ban.note, None)
        marks = tuple(self._store.marks(room_id, member.member_id).split())
        ban = Ban(
            member_id=member.member_id,
            name=member.name,
            at=moment(self._clock()),
            until=until,
            marks=marks if network else marks[:1],
            network=network or len(set(marks)) == 1,
        )
        self._note(room_id, ban)

    def unban(self, room_id: RoomId, member_id: MemberId) -> None:
        """Let somebody come in again. Raises NotFound when nothing keeps them out."""
        ban = next((each for each in self.bans(room_id) if each.member_id == member_id), None)
        if ban is None:
            raise NotFound("That person is not banned.", field="member_id")
        self._store.set_note(room_id, ban.note, None)

    def twins(self, room_id: RoomId, member_id: MemberId) -> list[Member]:
        """The others here who came with the same browser, as its pages let nobody do."""
        own, _, network = self._store.marks(room_id, member_id).partition(" ")
        if own == network:
            return []  # a program, and others may have programs at that address
        here = (each for each in self._store.members(room_id) if each.member_id != member_id)
        return [each for each in here if self._own_mark(room_id, each.member_id) == own]

    def bans(self, room_id: RoomId) -> list[Ban]:
        """Who is kept out, the oldest first."""
        return self._notes(room_id).bans

    # Mutes

    def mute(self, room_id: RoomId, member_id: MemberId, until: datetime) -> None:
        """Let this member be muted until then also when they leave and come again."""
        mutes = self._notes(room_id).mutes
        for mute in mutes[: max(0, len(mutes) - MUTES_LIMIT + 1)]:
            self._store.set_note(room_id, mute.note, None)
        if mark := self._own_mark(room_id, member_id):
            self._note(room_id, Mute(mark=mark, at=moment(self._clock()), until=until))

    def unmute(self, room_id: RoomId, member_id: MemberId) -> None:
        """Let this member speak also when they leave and come again."""
        for mute in self._notes(room_id).mutes:
            if mute.mark == self._own_mark(room_id, member_id):
                self._store.set_note(room_id, mute.note, None)

    def muted_until(self, room_id: RoomId, visitor: Visitor) -> datetime | UnsetType:
        """Until when somebody is muted who comes in now."""
        mark, _ = self.marks_of(room_id, visitor).split()
        mutes = self._notes(room_id).mutes
        return next((mute.until for mute in mutes if mute.mark == mark), UNSET)

    # Knocks

    def knocks(self, room_id: RoomId) -> list[Knock]:
        """Who waits at the door, the longest first."""
        return self._notes(room_id).waiting

    def answer(self, room_id: RoomId, knock_id: str, state: Literal["admitted", "refused"]) -> None:
        """Let somebody in who knocks, or not. Raises NotFound when they do not wait (any more)."""
        knock = self._notes(room_id).knock(knock_id)
        if knock is None or knock.state != "waiting":
            raise NotFound("Nobody is waiting there any more.", field="knock_id")
        self._note(room_id, replace(knock, state=state))
        self._tell(room_id)

    def end_knocking(self, room: Room) -> None:
        """Nobody has to knock any more: let in all who wait, if nothing else keeps them out.

        Where there is a lock or a passcode now, they have to come again and mind that.
        """
        waiting = self.knocks(room.room_id)
        for knock in waiting:
            if room.locked or room.has_passcode:
                self._store.set_note(room.room_id, knock.note, None)
            else:
                self._note(room.room_id, replace(knock, state="admitted"))
        if waiting:
            self._tell(room.room_id)

    def take_back(self, room_id: RoomId, ticket: str) -> None:
        """Whoever knocked is in, or does not want in any more."""
        knock = self._notes(room_id).knock(_knock_id(ticket))
        if knock is not None:
            self._store.set_note(room_id, knock.note, None)
            if knock.state == "waiting":
                self._tell(room_id)

    def state_of(self, room_id: RoomId, ticket: str) -> KnockState | None:
        """How a knock stands; None when it is over."""
        knock = self._notes(room_id).knock(_knock_id(ticket))
        return None if knock is None else knock.state

    # Helpers, in the order they are used

    def _check(self, room: Room, name: str, visitor: Visitor, proven: str | None) -> None:
        """`check`, with the hash that the visitor's passcode fits, if one was tried already."""
        notes = self._notes(room.room_id)
        self._check_bans(room, visitor, notes)
        knock = notes.knock(_knock_id(visitor.ticket)) if visitor.ticket else None
        if self.is_invited(room, visitor.invite) or _is_admitted(knock, name):
            return
        if room.locked:
            raise _not_there(room.code)
        if knock is not None and (knock.state == "admitted" or not room.knock):
            knock = None  # whom somebody has let in was called otherwise; or knocking is over
        if notes.passcode not in (None, proven) and knock is None:
            self._check_passcode(visitor.passcode, notes.passcode)
            # That took a while, in which somebody may have locked the room, or banned the visitor.
            now = self._store.room(room.room_id)
            self._check(now, name, visitor, proven=notes.passcode)
        elif room.knock:
            self._check_knock(room, name, visitor, knock, notes)

    def _may_see(self, room: Room, visitor: Visitor) -> bool:
        """Whether a locked room is there for this visitor."""
        is_admitted = visitor.ticket and self.state_of(room.room_id, visitor.ticket) == "admitted"
        return bool(is_admitted) or self.is_invited(room, visitor.invite)

    def _check_bans(self, room: Room, visitor: Visitor, notes: Notes) -> None:
        bans = notes.bans
        marks = set(self.marks_of(room.room_id, visitor).split()) if bans else set()
        for ban in bans:
            if marks.intersection(ban.marks):
                raise banned(ban, moment(self._clock()))

    def _check_passcode(self, passcode: str, kept: str) -> None:
        if not passcode:
            raise PasscodeRequired(field="passcode")
        if not self._passcodes.fits(passcode[: PASSCODE_CHARACTERS[1]], kept):
            raise PasscodeWrong(field="passcode")

    def _check_knock(
        self, room: Room, name: str, visitor: Visitor, knock: Knock | None, notes: Notes
    ) -> None:
        if knock is not None and knock.state == "waiting":
            raise KnockWaiting(room_id=room.room_id, name=name, ticket=visitor.ticket)
        if knock is not None:
            raise KnockRefused
        ticket = token_urlsafe(_MARK_BYTES)
        mark, network = self.marks_of(room.room_id, visitor).split()
        knock = Knock(
            knock_id=_knock_id(ticket),
            name=name,
            at=moment(self._clock()),
            mark=mark,
            network=network,
        )
        self._make_room(room.room_id, knock, notes)
        self._note(room.room_id, knock)
        self._tell(room.room_id)
        raise KnockWaiting(room_id=room.room_id, name=name, ticket=ticket)

    def _make_room(self, room_id: RoomId, new: Knock, notes: Notes) -> None:
        """One knock for each browser, some patience after a refusal, and room for everybody."""
        earlier = [knock for knock in notes.knocks if knock.mark == new.mark]
        for knock in earlier:
            wait = _KNOCK_AGAIN_SECONDS - (new.at - knock.at).total_seconds()
            if knock.state == "refused" and wait > 0:
                raise KnockRefused(retry_after_seconds=round(wait, 1))
        if new.mark == new.network:  # programs, which may be anybody's
            earlier = [knock for knock in earlier if knock.state != "waiting"]
        others = [knock for knock in notes.waiting if knock not in earlier]
        near = sum(knock.network == new.network for knock in others)
        if len(others) >= KNOCKS_LIMIT or near >= KNOCKS_OF_A_NETWORK:
            raise TooFast("Many people are waiting at this door.", retry_after_seconds=30)
        for name in (*notes.outdated, *(knock.note for knock in earlier)):
            self._store.set_note(room_id, name, None)

    def _own_mark(self, room_id: RoomId, member_id: MemberId) -> str:
        """How this member is known again, apart from others of their network."""
        return self._store.marks(room_id, member_id).partition(" ")[0]

    def _notes(self, room_id: RoomId) -> Notes:
        return Notes(self._store.notes(room_id), moment(self._clock()))

    def _note(self, room_id: RoomId, about: Ban | Knock | Mute) -> None:
        self._store.set_note(room_id, about.note, as_note(about))

    def _tell(self, room_id: RoomId) -> None:
        self.when_knocks_change(room_id, len(self.knocks(room_id)))

    def _sign(self, *words: str) -> str:
        """128 bits that follow from the words, and tell nothing of them without the secret."""
        made = hmac.digest(self._secret, "\0".join(("doors", *words)).encode(), sha256)
        return urlsafe_b64encode(made[:_MARK_BYTES]).rstrip(b"=").decode()


def check_passcode(passcode: str) -> None:
    """Raises Invalid for what is too short or too long to be one."""
    least, most = PASSCODE_CHARACTERS
    if not least <= len(passcode) <= most:
        raise Invalid(f"A passcode has {least} to {most} characters.", field="passcode")


def _not_there(code: str) -> RoomNotFound:
    """The refusal of who asks for no room, or for one that does not show itself."""
    return RoomNotFound(f"There is no room {code}.", field="code")


def _is_admitted(knock: Knock | None, name: str) -> bool:
    """Whether somebody was let in under this name, or one that was taken meanwhile."""
    is_open = knock is not None and knock.state == "admitted"
    return is_open and knock is not None and is_numbered(name, knock.name)


def _knock_id(ticket: str) -> KnockId:
    """What others may know of a ticket."""
    return KnockId(urlsafe_b64encode(sha256(ticket.encode()).digest()[:12]).decode())
