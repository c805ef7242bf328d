"""All there is of one room in memory."""

from datetime import datetime

from flask_chat.domain.members import Member, MemberId, speaker
from flask_chat.domain.names import name_keys
from flask_chat.domain.rooms import Room
from flask_chat.stores.memory.log import Log


class RoomState:
    """Its record, log, members and notes."""

    __slots__ = (
        "deadline",
        "has_ended",
        "here",
        "log",
        "marks",
        "members",
        "names",
        "notes",
        "record",
        "spoke_at",
        "taken",
        "version",
    )

    def __init__(self, record: Room) -> None:
        self.record = record
        self.log = Log()
        self.has_ended = False  # the log has its last event
        self.members: dict[MemberId, Member] = {}  # everybody there has been
        self.here: dict[
            MemberId, int
        ] = {}  # those here now, in the order they came → with which seq
        self.names: dict[MemberId, frozenset[str]] = {}  # members, here or gone → their name keys
        self.taken: set[str] = set()  # all of those keys
        self.marks: dict[MemberId, str] = {}
        self.notes: dict[str, str] = {}
        self.spoke_at: dict[str, datetime] = {}  # in slow mode: by `speaker`
        self.deadline: float | None = None
        self.version = 0  # of the door: see `Door`

    def speaker(self, member_id: MemberId) -> str:
        """Whom slow mode counts what this member says for."""
        return speaker(member_id, self.marks.get(member_id, ""))

    def claim_name(self, member: Member) -> None:
        self.free_name(member.member_id)
        keys = self.names[member.member_id] = name_keys(member.name)
        self.taken |= keys

    def is_taken(self, name: str, by_others_than: MemberId) -> bool:
        own = self.names.get(by_others_than, frozenset())
        return not self.taken.isdisjoint(name_keys(name) - own)

    def free_name(self, member_id: MemberId) -> None:
        self.taken -= self.names.pop(member_id, frozenset())
