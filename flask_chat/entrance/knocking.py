"""Knocking: somebody waits at the door until a moderator lets them in, or does not."""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from secrets import token_urlsafe
from typing import Literal, NoReturn

from msgspec.structs import replace

from flask_chat.domain.doors import (
    KNOCKS_LIMIT,
    KNOCKS_OF_A_NETWORK,
    Knock,
    KnockId,
    KnockState,
    Notes,
)
from flask_chat.domain.errors import KnockRefused, KnockWaiting, NotFound, TooFast, Unavailable
from flask_chat.domain.members import MemberId
from flask_chat.domain.rooms import Room, RoomId
from flask_chat.entrance.marks import MARK_BYTES, Seal, Visitor
from flask_chat.entrance.notebook import Notebook, noted

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
    ) -> NoReturn:
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
        changes = self._making_room(knock, notes) | noted(knock)
        self._notebook.change(room.room_id, changes)
        self.tell(room.room_id)
        raise KnockWaiting(room_id=room.room_id, name=name, ticket=ticket)

    def take_back(self, room_id: RoomId, ticket: str) -> None:
        """Whoever knocked is in, or does not want in any more."""
        knock = self.find(ticket, self._notebook.read(room_id))
        if knock is not None:
            self._notebook.change(room_id, {knock.note: None})
            if knock.state == "waiting":
                self.tell(room_id)

    def state_of(self, room_id: RoomId, ticket: str) -> KnockState | None:
        """How a knock stands; None when it is over.

        Who waits where nobody has to knock any more may come in, unless there is a lock or a
        passcode now: then they have to come again and mind that.
        """
        room, notes, _ = self._notebook.look(room_id)
        knock = self.find(ticket, notes)
        if knock is None or room.knock or knock.state != "waiting":
            return None if knock is None else knock.state
        return None if room.locked or room.has_passcode else "admitted"

    # From within

    def waiting(self, room_id: RoomId) -> list[Knock]:
        """Who waits at the door, the longest first. Nobody, where nobody has to knock."""
        room, notes, _ = self._notebook.look(room_id)
        return notes.waiting if room.knock else []

    def answer(
        self,
        room_id: RoomId,
        knock_id: str,
        state: Literal["admitted", "refused"],
        by: MemberId,
    ) -> None:
        """Let somebody in who knocks, or not, as this moderator.

        Raises NotFound when they do not wait (any more).
        """
        knock = self._notebook.read(room_id).knock(knock_id)
        if knock is None or knock.state != "waiting":
            raise NotFound("Nobody is waiting there any more.", field="knock_id")
        self._notebook.change(room_id, noted(replace(knock, state=state)), by)
        self.tell(room_id)

    def tell(self, room_id: RoomId) -> None:
        """Say how many wait. What has changed has changed: no error comes of not saying so."""
        with suppress(Unavailable):
            self.when_changed(room_id, len(self.waiting(room_id)))

    # Helpers, in the order they are used

    def _making_room(self, new: Knock, notes: Notes) -> dict[str, str | None]:
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
        return dict.fromkeys([*notes.outdated, *(knock.note for knock in earlier)])


def _knock_id(ticket: str) -> KnockId:
    """What others may know of a ticket."""
    return KnockId(urlsafe_b64encode(sha256(ticket.encode()).digest()[:12]).decode())
