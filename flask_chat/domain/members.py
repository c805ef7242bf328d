"""A person in a room. Connections (tabs, phones) are counted in `delivery.presence`."""

import zlib
from datetime import UTC, datetime
from typing import Literal, NewType

from msgspec import UNSET, Struct, UnsetType

MemberId = NewType("MemberId", str)
Role = Literal["host", "cohost", "guest"]

HUES = 12
GLYPHS = 8

# The end of what somebody has to lift, or what ends with the room.
NO_END = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


class Member(Struct, frozen=True, kw_only=True):
    """A member as everybody in the room sees them, and exactly so on the wire."""

    member_id: MemberId
    name: str
    hue: int  # 0 to 11, one of the page's twelve colours
    glyph: int = 0  # 0 to 7, the shape of their picture
    role: Role = "guest"
    here: bool = True  # False from the announced leave until they come back
    muted_until: datetime | UnsetType = UNSET  # NO_END: until it is lifted


def hue_of(member_id: MemberId) -> int:
    """The colour of this member: from the id, so that nobody can choose another's."""
    return zlib.crc32(member_id.encode()) % HUES


def glyph_of(member_id: MemberId) -> int:
    """The shape of this member's picture: from the id as well, and not from its colour."""
    return zlib.crc32(member_id.encode()) // HUES % GLYPHS


def speaker(member_id: MemberId, marks: str) -> str:
    """Who it is that speaks, where one person may be several members: a browser, if there is one.

    `marks` are those of the member, of their browser first and then of their network, which others
    share; without a browser both are the same.
    """
    own, _, network = marks.partition(" ")
    return member_id if own == network else own


def is_moderator(member: Member) -> bool:
    """Whether this member keeps the room in order: the host, or one of the co-hosts."""
    return member.role != "guest"


def is_muted(member: Member, at: datetime) -> bool:
    """Whether what this member says at that time is refused."""
    return member.muted_until is not UNSET and member.muted_until > at
