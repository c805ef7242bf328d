"""What moderators ask for, over a socket or by REST: each action has a shape, and its call here."""

from msgspec import Struct

from flask_chat.domain.members import MemberId
from flask_chat.domain.rooms import Ref
from flask_chat.moderation import Moderation
from flask_chat.web import wire_moderation as wire
from flask_chat.web.wire import Ack


def carry_out(moderation: Moderation, ref: Ref, wanted: wire.Moderate) -> Struct:
    """Do it as this member; what to answer. Raises what `Moderation` does."""
    match wanted:
        case wire.ChangeRoom():
            moderation.change_room(
                ref,
                topic=wanted.topic,
                locked=wanted.locked,
                knock=wanted.knock,
                slow_mode_seconds=wanted.slow_mode_seconds,
                passcode=wanted.passcode,
            )
        case wire.RenewInvite():
            return wire.InviteAck(moderation.renew_invite(ref))
        case wire.Mute():
            moderation.mute(ref, MemberId(wanted.member_id), wanted.seconds)
        case wire.Unmute():
            moderation.unmute(ref, MemberId(wanted.member_id))
        case wire.RemoveMember():
            moderation.remove_member(ref, MemberId(wanted.member_id))
        case wire.BanMember():
            member_id = MemberId(wanted.member_id)
            moderation.ban(ref, member_id, wanted.seconds, network=wanted.network)
        case wire.Unban():
            moderation.unban(ref, MemberId(wanted.member_id))
        case wire.Bans():
            return wire.bans_ack(moderation.bans(ref))
        case wire.SetRole():
            moderation.set_role(ref, MemberId(wanted.member_id), wanted.role)
        case wire.HandOver():
            moderation.hand_over(ref, MemberId(wanted.member_id))
        case wire.Knocks():
            return wire.knocks_ack(moderation.knocks(ref))
        case wire.Admit():
            moderation.admit(ref, wanted.knock_id)
        case wire.Refuse():
            moderation.refuse(ref, wanted.knock_id)
        case wire.EndRoom():
            moderation.end_room(ref)
    return Ack()
