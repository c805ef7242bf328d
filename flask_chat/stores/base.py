"""The contract of a store, which every implementation keeps and one test file checks.

A store holds rooms: for each its record, its members and its log. Whatever a method does, it does
atomically: after it raised, nothing has changed. A method that returns has committed.

Any method may raise Unavailable, when the disk or the other end of the network fails; the store
comes back by itself. What is not committed is seen by nobody.

Rooms are found by `room_id`; the code is only a sign that points to one. For a `room_id` that is
not (or no longer) there, methods raise RoomEnded, since ids are never guessed, only outlived.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

from flask_chat.domain.codes import Code
from flask_chat.domain.errors import ChatError
from flask_chat.domain.events import Event, MemberJoined
from flask_chat.domain.members import Member, MemberId
from flask_chat.domain.rooms import Room, RoomId

# Called once for every event appended, in the order of `seq` within a room, after it is committed:
# publish(room_id, seq, the event's JSON).
Publish = Callable[[RoomId, int, bytes], None]


class StoreError(Exception):
    """The store cannot be opened. The text is a sentence for whoever runs the server."""


# What is noted with a room from then on, by name: None for nothing.
NoteChanges = Mapping[str, str | None]
NO_CHANGES: NoteChanges = MappingProxyType({})


class DoorChanged(Exception):
    """What is said of a room's door is not so any more."""


class Door(NamedTuple):
    """What decides who may come into a room, at one moment."""

    room: Room
    notes: dict[str, str]  # told to nobody in the room: by name
    version: int  # a larger one after each `room_changed` and each change of notes


class Append(NamedTuple):
    """An event that should go into a room's log. It has no `seq` yet."""

    room_id: RoomId
    event: Event
    notes: NoteChanges = NO_CHANGES  # changed in the same step, if the event is appended


class Appended(NamedTuple):
    """Where an event stands in the log."""

    seq: int
    data: bytes  # its JSON, as kept and as published
    # False: the key was known, and this is the event made then. Or the event says what is so
    # already: it is not kept, `seq` is that of the newest event and `data` is empty.
    is_new: bool


class Page(NamedTuple):
    """A stretch of a room's log, in the order of `seq`."""

    events: list[bytes]
    start: int  # the seq of the first of them, or of the one that would be
    first_seq: int  # the oldest event still kept; last_seq + 1 when none is
    last_seq: int  # the newest event there is, 0 when there has been none


class Snapshot(NamedTuple):
    """A room at one moment."""

    room: Room
    page: Page
    members: list[Member]  # all who are here, in the order they came, then others in the page
    is_complete: bool  # whether the page has every event after the one asked for


class Store(Protocol):
    """What `chat` needs of a store."""

    may_block: bool  # whether calls can wait for a disk or a network

    def create_room(self, room: Room, host: Member, joined: MemberJoined, marks: str = "") -> None:
        """Make the room with its first member, and append `joined` as event 1.

        `marks` are kept with the member, and told to nobody but who asks for `marks`.
        Raises CodeTaken when a room has this code now, ServerFull at the limit of rooms.
        """

    def find_room(self, code: Code) -> Room | None:
        """The room this code leads to now."""

    def room(self, room_id: RoomId) -> Room:
        """The room's record."""

    def admit(
        self,
        room_id: RoomId,
        member: Member,
        joined: MemberJoined,
        marks: str = "",
        *,
        notes: NoteChanges = NO_CHANGES,
        version: int | None = None,
    ) -> None:
        """Make somebody a member who was not, and append `joined`. `marks` as in `create_room`.

        `notes` are changed in the same step, and the door has to be of this `version`, if one is
        given. Raises DoorChanged, NameTaken when a member's name shares one of `name_keys` with
        this one's, RoomFull when as many are here as may be, RoomEnded also when the log has its
        last event.
        """

    def member(self, room_id: RoomId, member_id: MemberId) -> Member | None:
        """The member, here or gone; None when there is none, or they have left or been removed."""

    def members(self, room_id: RoomId, also: Collection[MemberId] = ()) -> list[Member]:
        """Everybody who is here, in the order they came, then those of `also` who are not."""

    def marks(self, room_id: RoomId, member_id: MemberId) -> str:
        """The marks of somebody who is or has been a member, "" for anybody else."""

    def twins(self, room_id: RoomId, member_id: MemberId) -> list[Member]:
        """The other members, here or gone, who came with the same browser, in any order.

        `member_id` is or has been a member; who came without a browser has none.
        """

    def names(self, room_id: RoomId) -> list[str]:
        """Every name that is somebody's, here or gone."""

    def count_here(self, room_id: RoomId) -> int:
        """How many are here."""

    def append(self, appends: Sequence[Append]) -> list[Appended | ChatError]:
        """Append events, in this order; one answer for each, a refusal of one stops no other.

        Up to a hundred events of one room are kept together, with their notes, or none of them.

        A `message_posted` whose (room, by, key) is among those of the kept events is not appended
        again: the answer is the event made then. Other events change the records they are about
        (`domain.rooms.room_after`, `member_after`). After a `message_removed` its target is kept,
        and handed out, without its text (`domain.events.redacted`). A room has no deadline while
        somebody is here; it gets one, `room_grace_seconds` later, when the last one has left.

        People act at the same time, so these are looked at once more where nothing comes between:
        what a moderator brings about (`by`), by the roles there are then, which is refused with
        TokenInvalid or Forbidden (`domain.moderation.refused_to_act`);
        `message_posted`, `member_joined` and `member_left` of somebody who is no member (any more)
        are refused with TokenInvalid; a `message_posted` that the room's slow mode or a mute does
        not allow with SlowMode or Muted (`domain.moderation.refused_to_speak`; when somebody spoke
        last is known as long as slow mode is on, and may be forgotten by a restart; members with
        the mark of one browser are one, `domain.members.speaker`); a
        `member_renamed` to a name that `admit` would refuse with NameTaken; a `message_removed` of
        what is no message or no longer kept, a `member_changed`, `member_removed` or `host_changed`
        about somebody who is no member with NotFound; and anything after `room_ended` with
        RoomEnded. Not appended, because they would say nothing: a `member_joined` of somebody who
        is here, a "gone" of somebody who is not, a room that ends as "empty" with somebody in it,
        a `message_removed` of a message that was removed before, and a `host_changed` whose
        `previous` is not the host any more, or is here again though "gone". After `room_ended` the
        room is due at once.
        """

    def append_soon(
        self, appends: Sequence[Append], then: Callable[[list[Appended | ChatError]], None]
    ) -> None:
        """Like `append`, for those who need not wait: `then` is called with the answers.

        All are Unavailable when nothing could be kept. Events appended one after the other, this
        way or by `append`, get into the log in that order. Nothing is raised, and nothing waits.
        """

    def read_after(self, room_id: RoomId, after: int, limit: int) -> Page:
        """The oldest events with a `seq` above `after`, at most `limit`."""

    def read_before(self, room_id: RoomId, before: int | None, limit: int) -> Page:
        """The newest events with a `seq` below `before` (None: of all), at most `limit`."""

    def snapshot(self, room_id: RoomId, after: int | None, *, newest: int, most: int) -> Snapshot:
        """The room as it is now, with every event after `after`, or else its `newest` ones.

        Every event means: none of them is forgotten, they are at most `most`, and `after` is not in
        the future. Nothing else runs between the reading and the return, so a caller who listens to
        `publish` from here on misses nothing and hears nothing twice.
        """

    def door(self, room_id: RoomId) -> Door:
        """The room's door as it is now."""

    def set_notes(self, room_id: RoomId, changes: NoteChanges, by: MemberId | None = None) -> None:
        """Change notes of the room, all of them or none.

        Raises TokenInvalid or Forbidden unless `by` is a moderator, or nobody.
        """

    def room_ids(self) -> list[RoomId]:
        """Every room there is."""

    def deadline(self, room_id: RoomId) -> float | None:
        """When the room ends, as it was set last."""

    def set_deadline(self, room_id: RoomId, at: float | None) -> None:
        """The room ends at this time (UTC seconds), or not by time (None)."""

    def due(self, now: float) -> list[RoomId]:
        """The rooms whose deadline has come, the longest overdue first."""

    def remove_room(self, room_id: RoomId) -> None:
        """Wipe the room with everything in it and free its code. No room: nothing happens."""

    def close(self) -> None:
        """Finish what was asked before, then let go of files and connections."""
