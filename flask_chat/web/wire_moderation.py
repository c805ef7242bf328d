"""The JSON shapes of moderation; `wire` next door has all the others."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from flask_chat.domain.doors import Ban, Knock

_LONGEST_SECONDS = 365 * 86_400

Seconds = Annotated[
    int, Meta(ge=0, le=_LONGEST_SECONDS, description="How long; 0 for until it is lifted.")
]
Id = Annotated[str, Meta(min_length=1, max_length=64)]


class _Action(Struct, frozen=True, tag_field="action"):
    pass


class ChangeRoom(_Action, frozen=True, tag="change_room"):
    """Change what is given. A passcode of "" lifts it."""

    topic: str | None = None
    locked: bool | None = None
    knock: bool | None = None
    slow_mode_seconds: int | None = None
    passcode: str | None = None


class RenewInvite(_Action, frozen=True, tag="renew_invite"):
    """Make the share links there are useless."""


class Mute(_Action, frozen=True, tag="mute"):
    """Let somebody read and not write."""

    member_id: Id
    seconds: Seconds


class Unmute(_Action, frozen=True, tag="unmute"):
    """Let somebody write again."""

    member_id: Id


class RemoveMember(_Action, frozen=True, tag="remove_member"):
    """Send somebody away, who may come back."""

    member_id: Id


class BanMember(_Action, frozen=True, tag="ban"):
    """Keep somebody out, and with `network` others from the same address."""

    member_id: Id
    seconds: Seconds
    network: bool = False


class Unban(_Action, frozen=True, tag="unban"):
    """Let somebody in again."""

    member_id: Id


class Bans(_Action, frozen=True, tag="bans"):
    """Who is kept out?"""


class SetRole(_Action, frozen=True, tag="set_role"):
    """Make somebody a co-host, or a guest again. For the host."""

    member_id: Id
    role: Literal["cohost", "guest"]


class HandOver(_Action, frozen=True, tag="hand_over"):
    """Make somebody else the host. For the host."""

    member_id: Id


class Knocks(_Action, frozen=True, tag="knocks"):
    """Who waits at the door?"""


class Admit(_Action, frozen=True, tag="admit"):
    """Let somebody in who knocks."""

    knock_id: Id


class Refuse(_Action, frozen=True, tag="refuse"):
    """Do not let somebody in who knocks."""

    knock_id: Id


class EndRoom(_Action, frozen=True, tag="end_room"):
    """The room is over. For the host."""


Moderate = (
    ChangeRoom
    | RenewInvite
    | Mute
    | Unmute
    | RemoveMember
    | BanMember
    | Unban
    | Bans
    | SetRole
    | HandOver
    | Knocks
    | Admit
    | Refuse
    | EndRoom
)


class InviteAck(Struct, frozen=True):
    """What the share link carries: `/r/BCDF?invite=…`"""

    invite: str
    ok: bool = True


class BanShape(Struct, frozen=True):
    """Somebody who is kept out."""

    member_id: str
    name: str
    until: datetime
    network: bool


class BansAck(Struct, frozen=True):
    """Who is kept out, the oldest ban first."""

    bans: Sequence[BanShape]
    ok: bool = True


class KnockShape(Struct, frozen=True):
    """Somebody who waits at the door."""

    knock_id: str
    name: str
    at: datetime


class KnocksAck(Struct, frozen=True):
    """Who waits, the longest first."""

    knocks: Sequence[KnockShape]
    ok: bool = True


class KnocksMessage(Struct, frozen=True):
    """So many wait at the door now; moderators may ask who."""

    waiting: int


class WaitingAnswer(Struct, frozen=True):
    """You have knocked: ask with the ticket how it stands, then join with it."""

    knock: str
    state: Literal["waiting"] = "waiting"


class KnockAnswer(Struct, frozen=True):
    """How a knock stands; "over" when nobody answered, or it was used."""

    state: Literal["waiting", "admitted", "refused", "over"]


def bans_ack(bans: Sequence[Ban]) -> BansAck:
    """The answer to `bans`."""
    return BansAck([BanShape(ban.member_id, ban.name, ban.until, ban.network) for ban in bans])


def knocks_ack(knocks: Sequence[Knock]) -> KnocksAck:
    """The answer to `knocks`."""
    return KnocksAck([KnockShape(knock.knock_id, knock.name, knock.at) for knock in knocks])
