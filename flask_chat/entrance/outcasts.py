"""Who is kept out of a room, and who stays muted in it, whatever name they come by."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import UNSET, UnsetType

from flask_chat.domain.doors import BANS_LIMIT, MUTES_LIMIT, Ban, Mute, Notes, banned
from flask_chat.domain.errors import NotFound
from flask_chat.domain.members import Member, MemberId
from flask_chat.domain.rooms import RoomId
from flask_chat.entrance.marks import Seal, Visitor
from flask_chat.entrance.notebook import Notebook, noted
from flask_chat.stores.base import NO_CHANGES, NoteChanges, Store


class Outcasts:
    """Bans and mutes, by the marks that members came with."""

    def __init__(self, store: Store, notebook: Notebook, seal: Seal) -> None:
        self._store = store
        self._notebook = notebook
        self._seal = seal

    # Bans

    def check(self, room_id: RoomId, visitor: Visitor, notes: Notes) -> None:
        """Raises Banned."""
        bans = notes.bans
        marks = set(self._seal.marks_of(room_id, visitor).split()) if bans else set()
        for ban in bans:
            if marks.intersection(ban.marks):
                raise banned(ban, self._notebook.now())

    def banning(
        self, room_id: RoomId, member: Member, until: datetime, *, network: bool
    ) -> NoteChanges:
        """What keeps somebody who is or was a member from becoming one again, until then.

        They are known again by their browser, and with `network` by their address, as they were
        when they joined. Somebody who came without a browser has nothing but the address.
        """
        bans = self.bans(room_id)
        surplus = bans[: max(0, len(bans) - BANS_LIMIT + 1)]
        marks = tuple(self._store.marks(room_id, member.member_id).split())
        ban = Ban(
            member_id=member.member_id,
            name=member.name,
            at=self._notebook.now(),
            until=until,
            marks=marks if network else marks[:1],
            network=network or len(set(marks)) == 1,
        )
        return _without(surplus) | noted(ban)

    def unbanning(self, room_id: RoomId, member_id: MemberId) -> NoteChanges:
        """What lets somebody come in again. Raises NotFound when nothing keeps them out."""
        ban = next((each for each in self.bans(room_id) if each.member_id == member_id), None)
        if ban is None:
            raise NotFound("That person is not banned.", field="member_id")
        return _without([ban])

    def bans(self, room_id: RoomId) -> list[Ban]:
        """Who is kept out, the oldest first."""
        return self._notebook.read(room_id).bans

    # Mutes

    def muting(self, room_id: RoomId, member_id: MemberId, until: datetime) -> NoteChanges:
        """What mutes this member until then also when they leave and come again."""
        mark = self._own_mark(room_id, member_id)
        if not mark:
            return NO_CHANGES
        mutes = self._notebook.read(room_id).mutes
        surplus = mutes[: max(0, len(mutes) - MUTES_LIMIT + 1)]
        return _without(surplus) | noted(Mute(mark=mark, at=self._notebook.now(), until=until))

    def unmuting(self, room_id: RoomId, member_id: MemberId) -> NoteChanges:
        """What lets this member speak also when they leave and come again."""
        mark, mutes = self._own_mark(room_id, member_id), self._notebook.read(room_id).mutes
        return _without(mute for mute in mutes if mute.mark == mark)

    def muted_until(self, room_id: RoomId, visitor: Visitor, notes: Notes) -> datetime | UnsetType:
        """Until when somebody is muted who comes in now."""
        mark, _ = self._seal.marks_of(room_id, visitor).split()
        return next((mute.until for mute in notes.mutes if mute.mark == mark), UNSET)

    # The same person by several names

    def twins(self, room_id: RoomId, member_id: MemberId) -> list[Member]:
        """The others, here or away, who came with the same browser, as its pages let nobody do.

        Programs have none: others may have programs at their address.
        """
        return self._store.twins(room_id, member_id)

    def _own_mark(self, room_id: RoomId, member_id: MemberId) -> str:
        """How this member is known again, apart from others of their network."""
        return self._store.marks(room_id, member_id).partition(" ")[0]


def _without(abouts: Iterable[Ban | Mute]) -> dict[str, str | None]:
    """The change that forgets these."""
    return dict.fromkeys(about.note for about in abouts)
