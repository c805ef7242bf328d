"""Knocking: somebody waits at the door until a moderator lets them in, or does not."""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from secrets import token_urlsafe
from typing import Literal

from msgspec.structs import replace

from flask_chat.domain.doors import (
    KNOCKS_LIMIT,
    KNOCKS_OF_A_NETWORK,
    Knock,
    KnockId,
    KnockState,
    Notes,
)
from flask_chat.domain.errors import KnockRefused, KnockWaiting, NotFound, TooFast
from flask_chat.domain.rooms import Room, RoomId
from flask_chat.entrance.marks import MARK_BYTES, Seal, Visitor
from flask_chat.entrance.notebook import Notebook

_KNOCK_AGAIN_SECONDS = 60  # after having been refused


class Knocking:
    """Those who wait at the doors of rooms. A ticket is theirs, a knock's id is for moderators."""

    def __init__(self, notebook: Notebook, seal: Seal) -> None:
        self._notebook = notebook
        self._seal = seal
        # Whoever reaches the people in a room wants to hear of this: how many wait at its door.
        self.when_changed: Callable[[RoomId, int], None] = lambda room_id, waiting: None

    # At the door

    def find(self, ticket: str, notes: Notes) -> Knock | None:
        """The knock that this ticket was given for, if it is not over."""
        return notes.knock(_knock_id(ticket)) if ticket else None

    def check(
        self, room: Room, name: str, visitor: Visitor, knock: Knock | None, notes: Notes
    ) -> None:
        """Refuse somebody who has to knock: they wait, for the first time or on, or were refused.

        Raises KnockWaiting, KnockRefused, or TooFast when too many wait.
        """
        if knock is not None and knock.state == "waiting":
            raise KnockWaiting(room_id=room.room_id, name=name, ticket=visitor.ticket)
        if knock is not None:
            raise KnockRefused
        ticket = token_urlsafe(MARK_BYTES)
        mark, network = self._seal.marks_of(room.room_id, visitor).split()
        knock = Knock(
            knock_id=_knock_id(ticket),
            name=name,
            at=self._notebook.now(),
            mark=mark,
            network=network,
        )
        self._make_room(room.room_id, knock, notes)
        self._notebook.write(room.room_id, knock)
        self._tell(room.room_id)
        raise KnockWaiting(room_id=room.room_id, name=name, ticket=ticket)

    def take_back(self, room_id: RoomId, ticket: str) -> None:
        """Whoever knocked is in, or does not want in any more."""
        knock = self.find(ticket, self._notebook.read(room_id))
        if knock is not None:
            self._notebook.drop(room_id, [knock.note])
            if knock.state == "waiting":
                self._tell(room_id)

    def state_of(self, room_id: RoomId, ticket: str) -> KnockState | None:
        """How a knock stands; None when it is over."""
        knock = self.find(ticket, self._notebook.read(room_id))
        return None if knock is None else knock.state

    # From within

    def waiting(self, room_id: RoomId) -> list[Knock]:
        """Who waits at the door, the longest first."""
        return self._notebook.read(room_id).waiting

    def answer(self, room_id: RoomId, knock_id: str, state: Literal["admitted", "refused"]) -> None:
        """Let somebody in who knocks, or not. Raises NotFound when they do not wait (any more)."""
        knock = self._notebook.read(room_id).knock(knock_id)
        if knock is None or knock.state != "waiting":
            raise NotFound("Nobody is waiting there any more.", field="knock_id")
        self._notebook.write(room_id, replace(knock, state=state))
        self._tell(room_id)

    def end(self, room: Room) -> None:
        """Nobody has to knock any more: let in all who wait, if nothing else keeps them out.

        Where there is a lock or a passcode now, they have to come again and mind that.
        """
        waiting = self.waiting(room.room_id)
        for knock in waiting:
            if room.locked or room.has_passcode:
                self._notebook.drop(room.room_id, [knock.note])
            else:
                self._notebook.write(room.room_id, replace(knock, state="admitted"))
        if waiting:
            self._tell(room.room_id)

    # Helpers, in the order they are used

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
        self._notebook.drop(room_id, [*notes.outdated, *(knock.note for knock in earlier)])

    def _tell(self, room_id: RoomId) -> None:
        self.when_changed(room_id, len(self.waiting(room_id)))


def _knock_id(ticket: str) -> KnockId:
    """What others may know of a ticket."""
    return KnockId(urlsafe_b64encode(sha256(ticket.encode()).digest()[:12]).decode())
