"""A person in a room. Connections (tabs, phones) are counted in `delivery.presence`."""

import zlib
from typing import Literal, NewType

from msgspec import Struct

MemberId = NewType("MemberId", str)
Role = Literal["host", "cohost", "guest"]

HUES = 12


class Member(Struct, frozen=True, kw_only=True):
    """A member as everybody in the room sees them, and exactly so on the wire."""

    member_id: MemberId
    name: str
    hue: int  # 0 to 11, one of the page's twelve colours
    role: Role = "guest"
    here: bool = True  # False from the announced leave until they come back


def hue_of(member_id: MemberId) -> int:
    """The colour of this member: from the id, so that nobody can choose another's."""
    return zlib.crc32(member_id.encode()) % HUES
