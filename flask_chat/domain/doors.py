"""What a room's doors know and nobody is told: its passcode, who is banned or muted, who knocks.

A store keeps these as a room's notes, each under a name of its own; `Notes` reads them.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal, NewType

import msgspec
from msgspec import Struct

from flask_chat.domain.errors import Banned
from flask_chat.domain.members import NO_END, MemberId
from flask_chat.domain.moderation import in_words

KnockId = NewType("KnockId", str)
KnockState = Literal["waiting", "admitted", "refused"]

PASSCODE = "passcode"  # the name of its note, which holds a hash
KNOCK_SECONDS = 900  # somebody waits for so long, then they have to knock again
KNOCKS_LIMIT = 50  # who wait at one door at a time
KNOCKS_OF_A_NETWORK = 25  # of these, so that one person with many cookies leaves room for others
BANS_LIMIT = 500  # of one room; the oldest give way
MUTES_LIMIT = 500  # likewise, of those that hold for somebody who comes again


class Ban(Struct, frozen=True, kw_only=True):
    """Somebody who may not come in. `marks` say how they are known again, none of them readable."""

    member_id: MemberId
    name: str
    at: datetime
    until: datetime
    marks: tuple[str, ...]
    network: bool = False  # whether everybody from their network is kept out as well

    @property
    def note(self) -> str:
        """The name of its note."""
        return f"ban:{self.member_id}"


class Knock(Struct, frozen=True, kw_only=True):
    """Somebody who waits at the door, or has been answered."""

    knock_id: KnockId
    name: str
    at: datetime
    mark: str = ""  # how whoever knocks is known again
    network: str = ""  # and those of their network
    state: KnockState = "waiting"

    @property
    def note(self) -> str:
        """The name of its note."""
        return f"knock:{self.knock_id}"


class Mute(Struct, frozen=True, kw_only=True):
    """Somebody may not speak, also when they leave and come again as another member."""

    mark: str  # how they are known again
    at: datetime
    until: datetime

    @property
    def note(self) -> str:
        """The name of its note."""
        return f"mute:{self.mark}"


_bans = msgspec.json.Decoder(Ban)
_knocks = msgspec.json.Decoder(Knock)
_mutes = msgspec.json.Decoder(Mute)


def as_note(about: Ban | Knock | Mute) -> str:
    """What the note says."""
    return msgspec.json.encode(about).decode()


class Notes:
    """A room's notes as they were read. What is over by `at` does not count."""

    def __init__(self, notes: Mapping[str, str], at: datetime) -> None:
        self._notes = notes
        self._at = at

    @property
    def passcode(self) -> str | None:
        """The hash of the passcode; None for no passcode."""
        return self._notes.get(PASSCODE)

    @property
    def bans(self) -> list[Ban]:
        """The bans that hold, the oldest first."""
        found = (_bans.decode(note) for note in self._named("ban:"))
        return sorted((ban for ban in found if ban.until > self._at), key=lambda ban: ban.at)

    @property
    def mutes(self) -> list[Mute]:
        """The mutes that hold, the oldest first."""
        found = (_mutes.decode(note) for note in self._named("mute:"))
        return sorted((mute for mute in found if mute.until > self._at), key=lambda mute: mute.at)

    def knock(self, knock_id: str) -> Knock | None:
        """This knock; None when it is over or never was."""
        return next((knock for knock in self.knocks if knock.knock_id == knock_id), None)

    @property
    def knocks(self) -> list[Knock]:
        """The knocks that are not over, answered ones too, the oldest first."""
        found = (_knocks.decode(note) for note in self._named("knock:"))
        fresh = (k for k in found if (self._at - k.at).total_seconds() < KNOCK_SECONDS)
        return sorted(fresh, key=lambda knock: knock.at)

    @property
    def waiting(self) -> list[Knock]:
        """The knocks nobody has answered yet, the oldest first."""
        return [knock for knock in self.knocks if knock.state == "waiting"]

    @property
    def outdated(self) -> list[str]:
        """The names of notes that count for nothing any more."""
        counting: tuple[Ban | Mute | Knock, ...] = (*self.bans, *self.mutes, *self.knocks)
        good = {PASSCODE, *(each.note for each in counting)}
        return [name for name in self._notes if name not in good]

    def _named(self, prefix: str) -> Iterable[str]:
        return (note for name, note in self._notes.items() if name.startswith(prefix))


def banned(ban: Ban, at: datetime) -> Banned:
    """The refusal of somebody who is kept out."""
    if ban.until == NO_END:
        return Banned(until=ban.until)
    wait = max(1.0, (ban.until - at).total_seconds())
    return Banned(
        f"The host does not let you into this room for another {in_words(wait)}.",
        until=ban.until,
        retry_after_seconds=round(wait, 1),
    )
