"""The doors of all rooms: who may pass, by bans, invite, lock, passcode and knocking.

The rules of what is noted are in `domain.doors`; what moderators do with them in `moderation`.
"""

import unicodedata
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from msgspec import UnsetType

from flask_chat.domain.doors import Knock
from flask_chat.domain.errors import Invalid, PasscodeRequired, PasscodeWrong, RoomNotFound
from flask_chat.domain.names import is_numbered
from flask_chat.domain.rooms import Room, RoomId
from flask_chat.entrance.knocking import Knocking
from flask_chat.entrance.marks import Seal, Visitor
from flask_chat.entrance.notebook import Look, Notebook
from flask_chat.entrance.outcasts import Outcasts
from flask_chat.entrance.passcodes import Passcodes
from flask_chat.stores.base import NoteChanges, Store

PASSCODE_CHARACTERS = (4, 64)


class Pass(NamedTuple):
    """Somebody may come in, as long as the door is as it was."""

    version: int  # of the door: see `stores.base.Door`
    muted_until: datetime | UnsetType
    used: NoteChanges  # what is noted no longer once they are in
    was_waiting: bool  # those within were told so


class Doors:
    """Lets people pass or not. `clock` gives UTC seconds; `secret` makes invites and marks."""

    def __init__(
        self,
        store: Store,
        secret: str,
        clock: Callable[[], float],
        passcodes: Passcodes | None = None,
    ) -> None:
        self._store = store
        self.notebook = Notebook(store, clock)
        self._passcodes = passcodes or Passcodes()
        self.seal = Seal(secret)
        self.knocking = Knocking(self.notebook, self.seal)
        self.outcasts = Outcasts(store, self.notebook, self.seal)

    def find(self, room: Room | None, visitor: Visitor, code: str) -> Room:
        """The room, if there is one that shows itself. Raises RoomNotFound, for locked ones too."""
        if room is None or (room.locked and not self._may_see(room, visitor)):
            raise _not_there(code)
        return room

    def check(self, room_id: RoomId, name: str, visitor: Visitor) -> Pass:
        """Let somebody pass who may become a member under this name.

        Raises Banned, PasscodeRequired, PasscodeWrong, KnockRefused, KnockWaiting (with `room_id`,
        the `name` and a `ticket`, new or the one they brought), TooFast when too many wait, or
        RoomNotFound when the room is locked and the ticket that showed it is somebody else's.
        """
        look = self._pass(room_id, name, visitor)
        knock = self.knocking.find(visitor.ticket, look.notes)
        return Pass(
            look.version,
            self.outcasts.muted_until(room_id, visitor, look.notes),
            {} if knock is None else {knock.note: None},
            was_waiting=look.room.knock and knock is not None and knock.state == "waiting",
        )

    def came_in(self, room_id: RoomId, way: Pass) -> None:
        """Somebody is in, and so waits no longer."""
        if way.was_waiting:
            self.knocking.tell(room_id)

    # Passcodes

    def hash_passcode(self, passcode: str) -> str:
        """What may be kept of a passcode. Takes a while. Raises Invalid, see `check_passcode`."""
        return self._passcodes.hash(check_passcode(passcode))

    # Helpers, in the order they are used

    def _may_see(self, room: Room, visitor: Visitor) -> bool:
        """Whether a locked room is there for this visitor."""
        if self.seal.is_invited(room, visitor.invite):
            return True
        ticket = visitor.ticket
        return bool(ticket) and self.knocking.state_of(room.room_id, ticket) == "admitted"

    def _pass(self, room_id: RoomId, name: str, visitor: Visitor, proven: str = "") -> Look:
        """The door at which nothing keeps the visitor out.

        `proven` is the hash that their passcode fits, if one was tried already.
        """
        look = self.notebook.look(room_id)
        room, notes, _ = look
        self.outcasts.check(room_id, visitor, notes)
        knock = self.knocking.find(visitor.ticket, notes)
        if self.seal.is_invited(room, visitor.invite) or _is_admitted(knock, name):
            return look
        if room.locked:
            raise _not_there(room.code)
        if knock is not None and (knock.state == "admitted" or not room.knock):
            knock = None  # whom somebody has let in was called otherwise; or knocking is over
        if notes.passcode not in (None, proven) and knock is None:
            self._check_passcode(visitor.passcode, notes.passcode)
            # That took a while, in which somebody may have locked the room, or banned the visitor.
            return self._pass(room_id, name, visitor, proven=notes.passcode)
        if room.knock:
            self.knocking.check(room, name, visitor, knock, notes)
        return look

    def _check_passcode(self, passcode: str, kept: str) -> None:
        if not passcode:
            raise PasscodeRequired(field="passcode")
        if not self._passcodes.fits(_as_meant(passcode)[: PASSCODE_CHARACTERS[1]], kept):
            raise PasscodeWrong(field="passcode")


def check_passcode(typed: str) -> str:
    """The passcode that is meant. Raises Invalid for what is too short or too long to be one."""
    passcode, (least, most) = _as_meant(typed), PASSCODE_CHARACTERS
    if not least <= len(passcode) <= most:
        raise Invalid(f"A passcode has {least} to {most} characters.", field="passcode")
    return passcode


def _as_meant(typed: str) -> str:
    """Without the blanks that phones put around words, and with one code for each letter."""
    return unicodedata.normalize("NFC", typed).strip()


def _not_there(code: str) -> RoomNotFound:
    """The refusal of who asks for no room, or for one that does not show itself."""
    return RoomNotFound(f"There is no room {code}.", field="code")


def _is_admitted(knock: Knock | None, name: str) -> bool:
    """Whether somebody was let in under this name, or one that was taken meanwhile."""
    is_open = knock is not None and knock.state == "admitted"
    return is_open and knock is not None and is_numbered(name, knock.name)
