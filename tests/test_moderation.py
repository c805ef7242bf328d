"""What hosts can do, and what others cannot, over the memory store and a clock of our own."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
from msgspec import UNSET

from flask_chat.domain.errors import (
    Banned,
    ChatError,
    Forbidden,
    Invalid,
    KnockWaiting,
    Muted,
    NotFound,
    RoomEnded,
    SlowMode,
    TokenInvalid,
    TooFast,
    Unavailable,
)
from flask_chat.domain.events import HostChanged, MessagePosted
from flask_chat.domain.members import NO_END, Member, MemberId
from flask_chat.domain.rooms import Ref, RoomId
from flask_chat.entrance.doors import Doors
from flask_chat.entrance.marks import Visitor
from flask_chat.moderation import Moderation
from flask_chat.paces import MODERATION_BURST
from flask_chat.stores.base import Append, Appended, Store
from tests.test_chat import LEAVE_GRACE, Place

HOST_GRACE = 600
HOME = Visitor(address="192.0.2.1", browser="mallorys browser")
ELSEWHERE = Visitor(address="192.0.2.1", browser="a browser of its own")
NOWHERE_NEAR = Visitor(address="203.0.113.9", browser="another one")


class Court(Place):
    """A room with Ada as its host, Alan as a co-host, Grace and Mallory; all are connected."""

    def __init__(self) -> None:
        super().__init__()
        self.doors: Doors = self.chat._doors
        self.moderation = Moderation(self.chat, self.store, self.doors, lambda: self.now)
        self.ada = self.opens("Ada")
        self.alan, self.grace = self.joins(self.ada, "Alan"), self.joins(self.ada, "Grace")
        self.mallory = self.enters("Mallory", HOME)
        self.moderation.set_role(self.ada, self.alan.member_id, "cohost")
        for ref in (self.ada, self.alan, self.grace, self.mallory):
            self.connects(ref)

    def enters(self, name: str, visitor: Visitor) -> Ref:
        """Somebody joins who can be known again."""
        return self.chat.join(self.code_of(self.ada), name, visitor).ref

    def role_of(self, ref: Ref) -> str:
        return self.chat.member(ref).role

    def host(self) -> Ref:
        """Who is host, by the room and by the roles of its members alike."""
        host_id = self.store.room(self.ada.room_id).host_id
        members = self.store.members(self.ada.room_id)
        assert [m.member_id for m in members if m.role == "host"] in ([host_id], [])
        return Ref(self.ada.room_id, host_id)

    def sentences(self, act: str) -> None:
        """Ada mutes or bans Mallory for an hour."""
        more = {"network": False} if act == "ban" else {}
        getattr(self.moderation, act)(self.ada, self.mallory.member_id, 3600, **more)

    def everything(self) -> object:
        """All that the store has of the room."""
        store, room_id = self.store, self.ada.room_id
        people = sorted(store.members(room_id), key=lambda member: member.member_id)
        return (
            store.room(room_id),
            people,
            store.door(room_id).notes,
            store.read_after(room_id, 0, 999),
        )


class Changes:
    """Counts the steps in which a store changes something; beyond `allowed` it is away."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.allowed = self.made = 0
        for name in ("append", "set_notes"):
            monkeypatch.setattr(store, name, partial(self._change, getattr(store, name)))

    def _change(self, change: Callable[..., Any], *args: Any, **more: Any) -> Any:
        if self.made >= self.allowed:
            if change.__name__ == "append":
                return [Unavailable() for _ in args[0]]
            raise Unavailable
        self.made += 1
        return change(*args, **more)


@pytest.fixture
def court() -> Court:
    return Court()


def refusal(action: Callable[[], object], kind: type[ChatError]) -> ChatError:
    with pytest.raises(kind) as refused:
        action()
    return refused.value


# Who may


def test_a_guest_may_do_nothing_of_it(court: Court) -> None:
    tools, mallory, grace = court.moderation, court.mallory, court.grace.member_id
    said = court.says(court.grace, "Hello", key="k1").seq
    attempts: list[Callable[[], object]] = [
        lambda: tools.change_room(mallory, topic="Mine"),
        lambda: tools.renew_invite(mallory),
        lambda: tools.end_room(mallory),
        lambda: tools.mute(mallory, grace, 60),
        lambda: tools.unmute(mallory, grace),
        lambda: tools.remove_member(mallory, grace),
        lambda: tools.ban(mallory, grace, 60, network=True),
        lambda: tools.unban(mallory, grace),
        lambda: tools.bans(mallory),
        lambda: tools.set_role(mallory, mallory.member_id, "cohost"),
        lambda: tools.hand_over(mallory, mallory.member_id),
        lambda: tools.knocks(mallory),
        lambda: tools.admit(mallory, "x"),
        lambda: tools.refuse(mallory, "x"),
        lambda: tools.remove_message(mallory, said),
    ]
    before = len(court.told)

    for attempt in attempts:
        refusal(attempt, Forbidden)

    assert len(court.told) == before


def test_a_co_host_keeps_order_but_is_not_the_host(court: Court) -> None:
    tools, alan = court.moderation, court.alan
    kate = court.joins(court.ada, "Kate")
    tools.set_role(court.ada, kate.member_id, "cohost")

    tools.mute(alan, court.mallory.member_id, 60)
    tools.change_room(alan, topic="Maths", locked=True)

    for above in (court.ada.member_id, kate.member_id):
        refusal(partial(tools.mute, alan, above, 60), Forbidden)
        refusal(partial(tools.remove_member, alan, above), Forbidden)
        refusal(partial(tools.ban, alan, above, 60, network=False), Forbidden)
    refusal(lambda: tools.set_role(alan, court.grace.member_id, "cohost"), Forbidden)
    refusal(lambda: tools.hand_over(alan, alan.member_id), Forbidden)
    refusal(lambda: tools.end_room(alan), Forbidden)


def test_authority_ends_at_once_when_it_is_taken(court: Court) -> None:
    court.moderation.set_role(court.ada, court.alan.member_id, "guest")

    refusal(lambda: court.moderation.mute(court.alan, court.mallory.member_id, 60), Forbidden)


@pytest.mark.parametrize("act", ["mute", "remove_member", "change_room", "remove_message"])
def test_whose_authority_is_taken_between_the_look_and_the_deed_does_nothing(
    court: Court, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    tools, grace, append = court.moderation, court.grace.member_id, court.store.append
    said = court.says(court.grace, "Hello", key="k1").seq
    deeds: dict[str, Callable[[], object]] = {
        "mute": lambda: tools.mute(court.alan, grace, 60),
        "remove_member": lambda: tools.remove_member(court.alan, grace),
        "change_room": lambda: tools.change_room(court.alan, topic="Mine"),
        "remove_message": lambda: tools.remove_message(court.alan, said),
    }

    def another_comes_before(appends: Sequence[Append]) -> list[Appended | ChatError]:
        monkeypatch.undo()
        tools.set_role(court.ada, court.alan.member_id, "guest")
        return append(appends)

    monkeypatch.setattr(court.store, "append", another_comes_before)

    refusal(deeds[act], Forbidden)

    assert court.chat.member(court.grace).muted_until is UNSET
    assert court.told[-1][1].by == court.ada.member_id


def test_nobody_does_it_to_themselves(court: Court) -> None:
    for action in (court.moderation.remove_member, court.moderation.unmute):
        refusal(partial(action, court.ada, court.ada.member_id), Forbidden)
    refusal(lambda: court.moderation.set_role(court.ada, court.ada.member_id, "guest"), Forbidden)


def test_nobody_there_is_found_nowhere(court: Court) -> None:
    tools, nobody = court.moderation, MemberId("m-nobody")

    refusal(lambda: tools.mute(court.ada, nobody, 60), NotFound)
    refusal(lambda: tools.remove_member(court.ada, nobody), NotFound)
    refusal(lambda: tools.ban(court.ada, nobody, 60, network=False), NotFound)
    refusal(lambda: tools.unban(court.ada, nobody), NotFound)
    refusal(lambda: tools.hand_over(court.ada, nobody), NotFound)
    refusal(lambda: tools.remove_message(court.ada, 99), NotFound)
    refusal(lambda: tools.remove_message(court.ada, 1), NotFound)  # Ada's coming is no message


def test_even_a_host_is_paced(court: Court) -> None:
    def click() -> None:
        for _ in range(MODERATION_BURST + 1):
            court.moderation.change_room(court.ada, topic="Maths")

    assert refusal(click, TooFast).data["retry_after_seconds"] > 0


def test_who_knocks_again_and_again_keeps_no_host_from_acting(court: Court) -> None:
    def look() -> None:
        for _ in range(MODERATION_BURST + 1):  # as pages do for each knock
            court.moderation.knocks(court.ada)

    refusal(look, TooFast)

    court.moderation.ban(court.ada, court.mallory.member_id, 60, network=False)


# Messages


def test_a_removed_message_is_gone_from_the_log_for_everybody(court: Court) -> None:
    secret = court.says(court.mallory, "a secret").seq

    court.moderation.remove_message(court.ada, secret)

    history = court.chat.history(court.grace, limit=100)
    assert b"a secret" not in b"".join(history.events)
    assert court.kinds(court.ada)[-2:] == ["a secret", "MessageRemoved"]


def test_everybody_may_take_their_own_words_back_even_muted(court: Court) -> None:
    said = court.says(court.mallory, "never mind").seq
    court.moderation.mute(court.ada, court.mallory.member_id, 60)

    court.moderation.remove_message(court.mallory, said)

    (event,) = court.store.read_after(court.mallory.room_id, said - 1, 1).events
    assert b"never mind" not in event


# Mute, slow mode


def test_somebody_muted_reads_and_does_not_write_until_it_is_over(court: Court) -> None:
    court.moderation.mute(court.ada, court.mallory.member_id, 300)

    refused = refusal(lambda: court.says(court.mallory, "spam"), Muted)

    assert refused.data["retry_after_seconds"] == 300
    assert court.chat.history(court.mallory).events
    court.waits(300)
    assert court.says(court.mallory, "sorry").is_new


def test_nobody_is_told_that_somebody_muted_types(court: Court) -> None:
    court.moderation.mute(court.ada, court.mallory.member_id, 60)

    refusal(lambda: court.chat.pace_typing(court.mallory), Muted)

    court.waits(60)
    court.chat.pace_typing(court.mallory)


def test_a_mute_without_end_can_be_lifted(court: Court) -> None:
    court.moderation.mute(court.ada, court.mallory.member_id, 0)
    assert court.chat.member(court.mallory).muted_until == NO_END

    court.moderation.unmute(court.ada, court.mallory.member_id)
    court.moderation.unmute(court.ada, court.mallory.member_id)  # says nothing more

    assert court.says(court.mallory, "sorry").is_new
    assert court.kinds(court.ada).count("MemberChanged") == 3  # Alan's role, and these two


def test_a_mute_survives_going_away_and_coming_back(court: Court) -> None:
    court.moderation.mute(court.ada, court.mallory.member_id, 3600)
    court.disconnects(court.mallory)
    court.waits(LEAVE_GRACE + 1)
    court.connects(court.mallory)

    refusal(lambda: court.says(court.mallory, "spam"), Muted)


def test_who_is_muted_and_comes_again_as_somebody_else_is_muted_still(court: Court) -> None:
    court.moderation.mute(court.ada, court.mallory.member_id, 3600)
    court.chat.leave(court.mallory)
    court.waits(60)

    trudy = court.enters("Trudy", HOME)

    refused = refusal(lambda: court.says(trudy, "spam"), Muted)
    assert refused.data["retry_after_seconds"] == 3540
    assert court.says(court.enters("Kate", ELSEWHERE), "Hello").is_new
    court.moderation.remove_member(court.ada, trudy.member_id)
    again = court.enters("Mallory", HOME)
    refusal(lambda: court.says(again, "spam"), Muted)
    court.waits(3540)
    assert court.says(again, "sorry").is_new
    assert court.chat.member(court.enters("Mallory 2", HOME)).muted_until is UNSET


def test_a_mute_holds_for_who_else_somebody_is_in_the_room(court: Court) -> None:
    trudy, kate = court.enters("Trudy", HOME), court.enters("Kate", HOME)
    court.moderation.set_role(court.ada, kate.member_id, "cohost")

    court.moderation.mute(court.alan, court.mallory.member_id, 60)

    refusal(lambda: court.says(trudy, "spam"), Muted)
    assert court.says(kate, "I am above Alan's word").is_new
    court.moderation.unmute(court.alan, trudy.member_id)
    assert court.says(trudy, "sorry").is_new
    assert court.says(court.mallory, "so am I").is_new


@pytest.mark.parametrize("act", ["mute", "ban"])
def test_who_comes_in_by_another_name_once_the_host_has_looked_is_sentenced_as_well(
    court: Court, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    append, came = court.store.append, list[Ref]()

    def they_come_first(appends: Sequence[Append]) -> list[Appended | ChatError]:
        monkeypatch.undo()
        came.append(court.enters("Trudy", HOME))
        return append(appends)

    monkeypatch.setattr(court.store, "append", they_come_first)
    court.sentences(act)

    refusal(lambda: court.says(came[0], "spam"), Muted if act == "mute" else TokenInvalid)


@pytest.mark.parametrize("act", ["mute", "ban"])
def test_who_is_sentenced_while_they_come_in_by_another_name_is_not_spared(
    court: Court, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    admit = court.store.admit

    def the_host_is_first(*args: Any, **more: Any) -> None:
        monkeypatch.undo()
        court.sentences(act)
        admit(*args, **more)

    monkeypatch.setattr(court.store, "admit", the_host_is_first)

    refusal(
        lambda: court.says(court.enters("Trudy", HOME), "spam"), Muted if act == "mute" else Banned
    )


@pytest.mark.parametrize("seconds_away", [1, LEAVE_GRACE + 1])
@pytest.mark.parametrize("act", ["mute", "ban"])
def test_who_else_somebody_is_comes_back_from_being_away_with_nothing_to_say(
    court: Court, act: str, seconds_away: int
) -> None:
    trudy = court.enters("Trudy", HOME)
    court.connects(trudy)
    court.disconnects(trudy)
    court.waits(seconds_away)

    court.sentences(act)

    kind = Muted if act == "mute" else TokenInvalid
    if act == "mute":
        court.connects(trudy)
    else:
        refusal(partial(court.connects, trudy), TokenInvalid)
    refusal(lambda: court.says(trudy, "spam"), kind)
    if act == "mute":
        court.disconnects(trudy)
        court.waits(LEAVE_GRACE + 1)
        court.moderation.unmute(court.ada, court.mallory.member_id)
        court.connects(trudy)
        assert court.says(trudy, "sorry").is_new


@pytest.mark.parametrize("way", ["unmute", "set_role", "hand_over"])
def test_a_mute_that_is_lifted_is_lifted_for_who_comes_again(court: Court, way: str) -> None:
    court.moderation.mute(court.ada, court.mallory.member_id, 0)
    court.chat.leave(court.mallory)
    again = court.enters("Mallory", HOME)

    what = ["cohost"] if way == "set_role" else []
    getattr(court.moderation, way)(court.ada, again.member_id, *what)
    court.chat.leave(again)

    assert court.says(court.enters("Mallory", HOME), "Hello").is_new


def test_a_room_knows_so_many_who_are_muted(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_chat.entrance.outcasts.MUTES_LIMIT", 2)
    homes = [HOME._replace(browser=f"browser {number}") for number in range(3)]
    for number, home in enumerate(homes):
        court.waits(1)
        court.moderation.mute(court.ada, court.enters(f"Guest {number}", home).member_id, 60)

    room_id, outcasts = court.ada.room_id, court.doors.outcasts
    notes = court.doors.notebook.read(room_id)
    is_muted = [outcasts.muted_until(room_id, home, notes) is not UNSET for home in homes]

    assert is_muted == [False, True, True]


def test_whoever_is_made_a_co_host_may_speak(court: Court) -> None:
    court.moderation.mute(court.ada, court.grace.member_id, 0)

    court.moderation.set_role(court.ada, court.grace.member_id, "cohost")

    assert court.says(court.grace, "thanks").is_new


def test_slow_mode_holds_up_guests_and_no_repeat(court: Court) -> None:
    court.moderation.change_room(court.ada, slow_mode_seconds=30)
    first = court.says(court.grace, "one", key="k1")

    refused = refusal(lambda: court.says(court.grace, "two", key="k2"), SlowMode)

    assert 29 < refused.data["retry_after_seconds"] <= 30.1
    assert court.says(court.grace, "one", key="k1").seq == first.seq
    assert court.says(court.alan, "x").is_new
    assert court.says(court.alan, "y").is_new
    court.waits(30)
    assert court.says(court.grace, "two", key="k2").is_new
    court.moderation.change_room(court.ada, slow_mode_seconds=0)
    assert court.says(court.grace, "three").is_new


@pytest.mark.parametrize("seconds", [-1, 3601])
def test_slow_mode_is_an_hour_at_most(court: Court, seconds: int) -> None:
    refused = refusal(
        lambda: court.moderation.change_room(court.ada, slow_mode_seconds=seconds), Invalid
    )

    assert refused.data["field"] == "slow_mode_seconds"


# Sending away


def test_somebody_removed_is_out_at_once_and_may_come_back(court: Court) -> None:
    court.moderation.remove_member(court.ada, court.mallory.member_id)

    assert court.mallory in court.closed
    assert "Mallory" not in court.names_here(court.ada)
    refusal(lambda: court.says(court.mallory, "spam"), TokenInvalid)
    assert court.enters("Mallory", HOME)


def test_a_ban_keeps_the_browser_out_whatever_its_name(court: Court) -> None:
    court.moderation.ban(court.ada, court.mallory.member_id, 3600, network=False)

    refused = refusal(lambda: court.enters("Trudy", HOME), Banned)

    assert refused.data["retry_after_seconds"] == 3600
    assert court.mallory in court.closed
    assert court.enters("Bob", ELSEWHERE)
    court.waits(3600)
    assert court.enters("Trudy", HOME)


def test_a_ban_of_the_network_keeps_out_others_from_there_but_nobody_who_is_in(
    court: Court,
) -> None:
    neighbour = court.enters("Bob", ELSEWHERE)

    court.moderation.ban(court.ada, court.mallory.member_id, 0, network=True)

    assert refusal(lambda: court.enters("Trudy", ELSEWHERE), Banned).data == {"until": NO_END}
    assert court.says(neighbour, "still here").is_new
    assert court.enters("Carol", NOWHERE_NEAR)


def test_an_invite_does_not_help_somebody_banned(court: Court) -> None:
    court.moderation.ban(court.ada, court.mallory.member_id, 0, network=False)
    invite = court.moderation.invite(court.ada)

    refusal(lambda: court.enters("Trudy", HOME._replace(invite=invite)), Banned)


def test_somebody_can_be_banned_who_has_left_already(court: Court) -> None:
    court.chat.leave(court.mallory)

    court.moderation.ban(court.ada, court.mallory.member_id, 0, network=False)

    refusal(lambda: court.enters("Mallory", HOME), Banned)
    assert [ban.name for ban in court.moderation.bans(court.ada)] == ["Mallory"]


def test_a_ban_can_be_lifted(court: Court) -> None:
    court.moderation.ban(court.ada, court.mallory.member_id, 0, network=True)

    court.moderation.unban(court.alan, court.mallory.member_id)

    assert court.moderation.bans(court.ada) == []
    assert court.enters("Mallory", HOME)


def test_marks_tell_nothing_of_where_somebody_came_from(court: Court) -> None:
    marks = court.store.marks(*court.mallory)

    other_room = court.opens("Ada")
    assert marks
    assert "192.0.2" not in marks
    assert "browser" not in marks
    assert court.doors.seal.marks_of(court.ada.room_id, HOME) == marks
    assert not set(court.doors.seal.marks_of(other_room.room_id, HOME).split()) & set(marks.split())


# All or nothing


@pytest.mark.parametrize("act", ["mute", "unmute", "ban", "passcode", "knock", "set_role"])
def test_what_the_store_does_not_keep_has_not_happened(
    court: Court, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    tools, mallory, store = court.moderation, court.mallory.member_id, court.store
    court.enters("Trudy", HOME)
    tools.mute(court.ada, mallory, 60)
    tools.change_room(court.ada, knock=True)
    refusal(lambda: court.enters("Kate", ELSEWHERE), KnockWaiting)
    deeds: dict[str, Callable[[], object]] = {
        "mute": lambda: tools.mute(court.ada, mallory, 0),
        "unmute": lambda: tools.unmute(court.ada, mallory),
        "ban": lambda: tools.ban(court.ada, mallory, 60, network=True),
        "passcode": lambda: tools.change_room(court.ada, passcode="open sesame"),
        "knock": lambda: tools.change_room(court.ada, knock=False),
        "set_role": lambda: tools.set_role(court.ada, mallory, "cohost"),
    }
    before = court.everything()
    changes = Changes(store, monkeypatch)

    changes.allowed = 0
    refusal(deeds[act], Unavailable)
    assert court.everything() == before

    changes.allowed = 1
    deeds[act]()
    assert changes.made == 1
    assert court.everything() != before


# The room


def test_a_change_that_changes_nothing_is_not_told(court: Court) -> None:
    court.moderation.change_room(court.ada, topic="Maths", locked=True, knock=True)
    told = len(court.told)

    court.moderation.change_room(court.ada, topic=" Maths ", locked=True, knock=True)

    assert len(court.told) == told
    room = court.chat.room(court.ada)
    assert (room.topic, room.locked, room.knock) == ("Maths", True, True)


def test_the_host_ends_the_room_for_everybody(court: Court) -> None:
    court.moderation.end_room(court.ada)

    assert court.kinds(court.ada)[-1] == "ended"
    refusal(lambda: court.says(court.grace, "hello?"), RoomEnded)
    assert court.ada.room_id in court.closed


# Hosts come and go


def test_a_room_that_is_over_is_wiped_later_where_the_store_is_away_meanwhile(
    court: Court, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_away(room_id: RoomId) -> None:
        raise Unavailable

    monkeypatch.setattr(court.store, "remove_room", is_away)

    court.moderation.end_room(court.ada)  # done, so that is the answer

    refusal(lambda: court.says(court.grace, "Hello?"), RoomEnded)
    monkeypatch.undo()
    court.chat.tick()
    assert court.store.room_ids() == []


def test_a_host_can_hand_over_and_stays_a_co_host(court: Court) -> None:
    court.moderation.hand_over(court.ada, court.grace.member_id)

    assert court.host() == court.grace
    assert court.role_of(court.ada) == "cohost"
    refusal(lambda: court.moderation.hand_over(court.ada, court.ada.member_id), Forbidden)


def test_a_ban_reaches_who_else_somebody_is_but_nobody_above_the_one_who_bans(
    court: Court,
) -> None:
    trudy, kate = court.enters("Trudy", HOME), court.enters("Kate", HOME)
    court.moderation.set_role(court.ada, kate.member_id, "cohost")
    neighbour = court.enters("Bob", ELSEWHERE)

    court.moderation.ban(court.alan, court.mallory.member_id, 60, network=True)

    for gone in (court.mallory, trudy):
        refusal(partial(court.chat.member, gone), TokenInvalid)
    for still_here in (court.ada, court.alan, court.grace, kate, neighbour):
        assert court.chat.member(still_here)


def test_who_hands_over_to_two_at_once_is_told_which_it_was(
    court: Court, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = court.store.member

    def another_comes_between(room_id: RoomId, member_id: MemberId) -> Member | None:
        found = member(room_id, member_id)
        if member_id == court.grace.member_id:
            monkeypatch.undo()
            court.moderation.hand_over(court.ada, court.alan.member_id)
        return found

    monkeypatch.setattr(court.store, "member", another_comes_between)

    refusal(lambda: court.moderation.hand_over(court.ada, court.grace.member_id), Forbidden)

    assert court.host() == court.alan
    assert court.role_of(court.grace) == "guest"


def test_a_room_is_not_handed_over_to_somebody_who_is_away(court: Court) -> None:
    court.disconnects(court.grace)
    court.waits(LEAVE_GRACE + 1)

    refusal(lambda: court.moderation.hand_over(court.ada, court.grace.member_id), Forbidden)


def test_a_host_who_was_away_twice_has_the_grace_twice(court: Court) -> None:
    for _ in range(2):
        court.disconnects(court.ada)
        court.waits(LEAVE_GRACE + HOST_GRACE - 60)
        court.connects(court.ada)
    court.disconnects(court.ada)
    court.disconnects(court.grace)
    court.waits(LEAVE_GRACE + HOST_GRACE - 60)

    assert court.host() == court.ada


def test_a_host_who_leaves_is_followed_at_once(court: Court) -> None:
    court.chat.leave(court.ada)

    assert court.host() == court.alan  # a co-host goes before those who came earlier
    court.chat.leave(court.alan)
    assert court.host() == court.grace


def test_where_the_store_is_away_the_successor_is_named_when_it_is_back(
    court: Court, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise Unavailable

    with monkeypatch.context() as fault:
        fault.setattr(court.store, "members", away)
        court.chat.leave(court.ada)
    assert court.host() == court.ada

    court.waits(1)

    assert court.host() == court.alan


def test_a_host_who_is_away_stays_the_host_for_a_while(court: Court) -> None:
    court.disconnects(court.ada)
    court.waits(LEAVE_GRACE + HOST_GRACE - 10)
    assert court.host() == court.ada

    court.waits(20)

    assert court.host() == court.alan
    court.connects(court.ada)
    assert court.role_of(court.ada) == "guest"


def test_a_host_who_comes_back_in_time_is_the_host_still(court: Court) -> None:
    court.disconnects(court.ada)
    court.waits(LEAVE_GRACE + HOST_GRACE - 60)
    court.connects(court.ada)
    court.waits(120)

    assert court.host() == court.ada
    assert not [event for _, event in court.told if isinstance(event, HostChanged)]


def test_whoever_comes_first_into_a_room_that_its_host_has_left_becomes_the_host(
    court: Court,
) -> None:
    for ref in (court.alan, court.grace, court.mallory, court.ada):
        court.chat.leave(ref)

    code = court.store.room(court.ada.room_id).code
    bob = court.chat.join(code, "Bob").ref
    shown = court.connects(bob)

    assert court.host() == bob
    assert isinstance(shown[-1], HostChanged)


def test_a_flood_is_cleared_away_and_the_room_goes_on(court: Court) -> None:
    spam = [court.says(court.mallory, f"spam {number}").seq for number in range(5)]
    court.moderation.ban(court.ada, court.mallory.member_id, 0, network=False)
    for seq in spam:
        court.moderation.remove_message(court.ada, seq)

    court.says(court.grace, "where were we?")

    texts = [event.text for _, event in court.told if isinstance(event, MessagePosted)]
    assert texts[-1] == "where were we?"
    kept = b"".join(court.chat.history(court.grace, limit=100).events)
    assert b"spam" not in kept
