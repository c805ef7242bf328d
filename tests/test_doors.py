"""Who gets into a room with a lock, a passcode or a host who has to open."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from flask_chat.domain.doors import KNOCK_SECONDS, KNOCKS_LIMIT, KNOCKS_OF_A_NETWORK
from flask_chat.domain.errors import (
    ChatError,
    Forbidden,
    Invalid,
    KnockRefused,
    KnockWaiting,
    NameTaken,
    NotFound,
    PasscodeRequired,
    PasscodeWrong,
    RoomNotFound,
    TooFast,
)
from flask_chat.domain.rooms import Ref
from flask_chat.entrance.doors import Doors
from flask_chat.entrance.marks import Visitor
from flask_chat.entrance.passcodes import Passcodes
from flask_chat.moderation import Moderation
from flask_chat.paces import PASSCODES_BURST
from flask_chat.stores.base import Append, Appended
from tests.test_chat import Place

OTHER = Visitor(address="192.0.2.7", browser="another grace")
GRACE = Visitor(address="192.0.2.1", browser="graces browser")


class SlowPasscodes(Passcodes):
    """What others do while the next passcode is hashed or looked at: `meanwhile`."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], None] | None = None

    def hash(self, passcode: str) -> str:
        self._let_others_do()
        return super().hash(passcode)

    def fits(self, passcode: str, kept: str) -> bool:
        self._let_others_do()
        return super().fits(passcode, kept)

    def _let_others_do(self) -> None:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()


class House(Place):
    """A room of Ada's, and its door."""

    def __init__(self) -> None:
        super().__init__()
        self.doors: Doors = self.chat._doors
        self.passcodes = self.doors._passcodes = SlowPasscodes()
        self.host = Moderation(self.chat, self.store, self.doors, lambda: self.now)
        self.ada = self.opens("Ada")
        self.code = self.code_of(self.ada)
        self.rings: list[int] = []  # how many waited, each time that changed
        self.doors.knocking.when_changed = lambda room_id, waiting: self.rings.append(waiting)

    def enters(self, name: str = "Grace", visitor: Visitor = GRACE, **bringing: str) -> Ref:
        return self.chat.join(self.code, name, visitor._replace(**bringing)).ref

    def knocks(self, name: str = "Grace", visitor: Visitor = GRACE, **bringing: str) -> str:
        """Knock; the ticket."""
        waiting = refusal(lambda: self.enters(name, visitor, **bringing), KnockWaiting)
        return str(waiting.data["ticket"])

    def state_of(self, ticket: str) -> str | None:
        return self.doors.knocking.state_of(self.ada.room_id, ticket)

    def first_knock(self) -> str:
        return self.host.knocks(self.ada)[0].knock_id


@pytest.fixture
def house() -> House:
    return House()


def refusal(action: Callable[[], object], kind: type[ChatError]) -> ChatError:
    with pytest.raises(kind) as refused:
        action()
    return refused.value


# Lock


def test_a_locked_room_looks_from_outside_like_none(house: House) -> None:
    house.host.change_room(house.ada, locked=True)

    locked = refusal(lambda: house.chat.look_up(house.code), RoomNotFound)

    assert locked.message == f"There is no room {house.code}."
    assert locked.data == {"field": "code"}
    assert refusal(house.enters, RoomNotFound).message == locked.message


def test_an_invite_opens_it_until_it_is_renewed(house: House) -> None:
    house.host.change_room(house.ada, locked=True, knock=True, passcode="open sesame")
    invite = house.host.invite(house.ada)

    assert house.chat.look_up(house.code, Visitor(invite=invite))
    assert house.enters("Grace", invite=invite)
    renewed = house.host.renew_invite(house.ada)

    refusal(lambda: house.enters("Heidi", invite=invite), RoomNotFound)
    assert house.enters("Heidi", invite=renewed)


def test_an_invite_has_128_bits_and_is_that_of_one_room(house: House) -> None:
    other = house.opens("Ada")

    invite = house.host.invite(house.ada)

    assert len(invite) == 22
    assert invite != house.host.invite(other)
    for wrong in ("", "x", invite[:-1], "É" * 22):
        assert not house.doors.seal.is_invited(house.store.room(house.ada.room_id), wrong)


# Passcode


def test_a_passcode_is_asked_for_and_kept_as_a_hash(house: House) -> None:
    house.host.change_room(house.ada, passcode="open sesame")

    refusal(house.enters, PasscodeRequired)
    refusal(lambda: house.enters(passcode="open barley"), PasscodeWrong)
    assert house.enters(passcode="open sesame")
    assert house.chat.room(house.ada).has_passcode
    (note,) = house.store.door(house.ada.room_id).notes.values()
    assert note.startswith("$argon2id$")
    assert b"sesame" not in b"".join(house.chat.history(house.ada).events)


def test_a_passcode_can_be_changed_and_lifted(house: House) -> None:
    house.host.change_room(house.ada, passcode="open sesame")
    house.host.change_room(house.ada, passcode="open barley")
    refusal(lambda: house.enters(passcode="open sesame"), PasscodeWrong)

    house.host.change_room(house.ada, passcode="")

    assert house.enters()
    assert not house.chat.room(house.ada).has_passcode


@pytest.mark.parametrize("passcode", ["abc", "x" * 65])
def test_a_passcode_has_a_length(house: House, passcode: str) -> None:
    refused = refusal(lambda: house.host.change_room(house.ada, passcode=passcode), Invalid)

    assert refused.data["field"] == "passcode"
    assert house.enters()


@pytest.mark.parametrize("typed", ["caf\u00e9", "cafe\u0301", " caf\u00e9", "caf\u00e9 "])
def test_a_passcode_is_what_people_see_of_it(house: House, typed: str) -> None:
    house.host.change_room(house.ada, passcode=" cafe\u0301")

    assert house.enters(passcode=typed)


def test_two_hashes_of_one_passcode_differ_and_both_fit() -> None:
    passcodes = Passcodes()

    first, second = passcodes.hash("open sesame"), passcodes.hash("open sesame")

    assert first != second
    assert passcodes.fits("open sesame", first)
    assert passcodes.fits("open sesame", second)
    assert not passcodes.fits("open barley", first)
    assert not passcodes.fits("open sesame", "no hash at all")


def test_who_is_locked_out_while_the_passcode_is_looked_at_stays_out(house: House) -> None:
    house.host.change_room(house.ada, passcode="open sesame")
    house.passcodes.meanwhile = lambda: house.host.change_room(house.ada, locked=True)

    refusal(lambda: house.enters(passcode="open sesame"), RoomNotFound)


@pytest.mark.parametrize("change", [{"locked": True}, {"knock": True}, {"passcode": "barley"}])
def test_nobody_comes_in_past_a_door_that_was_closed_meanwhile(
    house: House, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    admit = house.store.admit

    def the_host_is_first(*args: Any, **more: Any) -> None:
        monkeypatch.undo()
        house.host.change_room(house.ada, **change)
        admit(*args, **more)

    monkeypatch.setattr(house.store, "admit", the_host_is_first)

    refusal(house.enters, ChatError)

    assert house.chat.members_here(house.ada.room_id) == 1


def test_a_passcode_that_is_changed_while_the_old_one_is_looked_at_is_asked_for(
    house: House,
) -> None:
    house.host.change_room(house.ada, passcode="open sesame")
    house.passcodes.meanwhile = lambda: house.host.change_room(house.ada, passcode="open barley")

    refusal(lambda: house.enters(passcode="open sesame"), PasscodeWrong)


def test_who_is_no_moderator_any_more_once_a_passcode_is_hashed_sets_none(house: House) -> None:
    mallory = house.enters("Mallory")
    house.host.set_role(house.ada, mallory.member_id, "cohost")
    house.passcodes.meanwhile = lambda: house.host.set_role(house.ada, mallory.member_id, "guest")

    refusal(lambda: house.host.change_room(mallory, passcode="open sesame"), Forbidden)

    assert not house.chat.room(house.ada).has_passcode
    assert house.enters()


def test_the_room_says_what_its_door_does_though_two_change_the_passcode_at_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = house.store.append

    def another_comes_behind(appends: Sequence[Append]) -> list[Appended | ChatError]:
        monkeypatch.undo()
        answers = append(appends)
        house.host.change_room(house.ada, passcode="")
        return answers

    monkeypatch.setattr(house.store, "append", another_comes_behind)

    house.host.change_room(house.ada, passcode="open sesame")

    assert not house.chat.room(house.ada).has_passcode
    assert house.enters()


def test_passcodes_are_changed_at_a_pace_of_the_room(house: House) -> None:
    mallory = house.enters("Mallory")
    house.host.set_role(house.ada, mallory.member_id, "cohost")
    for number in range(PASSCODES_BURST):
        house.host.change_room(house.ada, passcode=f"number {number}")

    refused = refusal(lambda: house.host.change_room(mallory, passcode="another"), TooFast)

    assert refused.data["retry_after_seconds"] > 1
    house.host.change_room(mallory, passcode="")  # lifting costs nothing


# Knocking


def test_who_knocks_waits_until_the_host_opens(house: House) -> None:
    house.host.change_room(house.ada, knock=True)
    ticket = house.knocks("Grace")
    assert [knock.name for knock in house.host.knocks(house.ada)] == ["Grace"]
    assert house.state_of(ticket) == "waiting"
    assert house.knocks("Grace", ticket=ticket) == ticket  # asks again, and waits on

    house.host.admit(house.ada, house.first_knock())

    assert house.state_of(ticket) == "admitted"
    assert house.enters("Grace", ticket=ticket)
    assert house.rings == [1, 0]


def test_a_ticket_is_good_for_the_name_that_the_host_saw(house: House) -> None:
    house.host.change_room(house.ada, knock=True)
    ticket = house.knocks("Grace")
    house.host.admit(house.ada, house.first_knock())

    other = house.knocks("Trudy", ticket=ticket)

    assert other != ticket
    assert [knock.name for knock in house.host.knocks(house.ada)] == ["Trudy"]


def test_who_was_let_in_may_take_the_next_free_name(house: House) -> None:
    house.host.change_room(house.ada, knock=True)
    ticket = house.knocks("Grace")
    house.host.admit(house.ada, house.first_knock())
    house.enters("Grace", visitor=OTHER, invite=house.host.invite(house.ada))

    taken = refusal(lambda: house.enters("Grace", ticket=ticket), NameTaken)

    assert house.enters(taken.data["suggestion"], ticket=ticket)


def test_a_ticket_lets_one_in_once(house: House) -> None:
    house.host.change_room(house.ada, knock=True)
    ticket = house.knocks("Grace")
    house.host.admit(house.ada, house.first_knock())
    house.enters("Grace", ticket=ticket)

    assert house.state_of(ticket) is None
    refusal(lambda: house.enters("Mallory", ticket=ticket), KnockWaiting)


def test_somebody_admitted_gets_in_though_the_room_is_locked_meanwhile(house: House) -> None:
    house.host.change_room(house.ada, knock=True)
    ticket = house.knocks("Grace")
    house.host.admit(house.ada, house.first_knock())

    house.host.change_room(house.ada, locked=True)

    assert house.enters("Grace", ticket=ticket)


def test_who_is_refused_is_told_so_and_has_to_be_patient(house: House) -> None:
    house.host.change_room(house.ada, knock=True)
    ticket = house.knocks("Mallory")
    house.host.refuse(house.ada, house.first_knock())

    assert house.state_of(ticket) == "refused"
    refusal(lambda: house.enters("Mallory", ticket=ticket), KnockRefused)
    again = refusal(lambda: house.enters("Trudy"), KnockRefused)
    assert 0 < again.data["retry_after_seconds"] <= 60
    house.waits(61)
    assert house.knocks("Trudy")


def test_nobody_answers_and_one_has_to_knock_again(house: House) -> None:
    house.host.change_room(house.ada, knock=True)
    ticket = house.knocks("Grace")

    house.waits(KNOCK_SECONDS)

    assert house.state_of(ticket) is None
    assert house.host.knocks(house.ada) == []
    assert house.knocks("Grace", ticket=ticket) != ticket
    assert len(house.store.door(house.ada.room_id).notes) == 1


def test_each_knocks_once(house: House) -> None:
    house.host.change_room(house.ada, knock=True)
    house.knocks("Grace")

    house.knocks("Grace H")

    assert [knock.name for knock in house.host.knocks(house.ada)] == ["Grace H"]


def test_a_door_has_room_for_so_many(house: House) -> None:
    house.host.change_room(house.ada, knock=True)
    for number in range(KNOCKS_LIMIT):
        house.knocks(f"Mallory {number}", Visitor(f"192.0.2.{number}", f"browser {number}"))

    refused = refusal(lambda: house.enters("Grace"), TooFast)

    assert refused.data["retry_after_seconds"] == 30
    assert house.rings[-1] == KNOCKS_LIMIT


def test_one_person_with_many_cookies_leaves_room_at_the_door_for_others(house: House) -> None:
    house.host.change_room(house.ada, knock=True)
    crowd = [Visitor(address="192.0.2.1", browser=f"b{n}") for n in range(KNOCKS_OF_A_NETWORK)]
    tickets = [house.knocks(f"Mallory {n}", visitor) for n, visitor in enumerate(crowd)]

    refusal(lambda: house.enters("Trudy"), TooFast)

    assert house.knocks("Grace", OTHER)
    assert house.knocks("Mallory 0", crowd[0]) != tickets[0]  # in the place of the one before
    assert len(house.host.knocks(house.ada)) == KNOCKS_OF_A_NETWORK + 1


def test_programs_at_one_address_do_not_take_each_others_place(house: House) -> None:
    program = Visitor(address="192.0.2.1")
    house.host.change_room(house.ada, knock=True)

    first, second = house.knocks("Grace", program), house.knocks("Heidi", program)

    assert house.state_of(first) == house.state_of(second) == "waiting"
    house.host.admit(house.ada, house.first_knock())
    assert house.enters("Grace", program, ticket=first)
    assert house.state_of(second) == "waiting"


def test_who_does_not_want_to_wait_is_not_shown_any_more(house: House) -> None:
    house.host.change_room(house.ada, knock=True)
    ticket = house.knocks("Grace")

    house.doors.knocking.take_back(house.ada.room_id, ticket)

    assert house.host.knocks(house.ada) == []
    refusal(lambda: house.host.admit(house.ada, "gone"), NotFound)
    assert house.rings == [1, 0]


def test_when_nobody_has_to_knock_any_more_those_who_wait_may_come_in(house: House) -> None:
    house.host.change_room(house.ada, knock=True)
    ticket = house.knocks("Grace")

    house.host.change_room(house.ada, knock=False)

    assert house.state_of(ticket) == "admitted"
    assert house.host.knocks(house.ada) == []
    assert house.enters("Grace", ticket=ticket)
    assert house.rings == [1, 0]


def test_knocking_that_is_turned_off_by_mistake_and_on_again_lets_nobody_in(house: House) -> None:
    house.host.change_room(house.ada, knock=True)
    ticket = house.knocks("Mallory")

    house.host.change_room(house.ada, knock=False)
    house.host.change_room(house.ada, knock=True)

    assert house.state_of(ticket) == "waiting"
    assert [knock.name for knock in house.host.knocks(house.ada)] == ["Mallory"]
    refusal(lambda: house.enters("Mallory", ticket=ticket), KnockWaiting)


def test_who_waits_while_a_lock_or_a_passcode_takes_the_place_of_knocking_is_not_let_in(
    house: House,
) -> None:
    instead: dict[str, Any]
    for instead in ({"locked": True}, {"passcode": "open sesame"}):
        house.host.change_room(house.ada, knock=True, locked=False)
        ticket = house.knocks("Mallory")

        house.host.change_room(house.ada, knock=False, **instead)

        assert house.state_of(ticket) is None
        refusal(lambda t=ticket: house.enters("Mallory", ticket=t), ChatError)
    assert house.rings == [1, 0, 1, 0]


def test_a_ticket_that_was_refused_is_no_passcode(house: House) -> None:
    house.host.change_room(house.ada, knock=True)
    ticket = house.knocks("Mallory")
    house.host.refuse(house.ada, house.first_knock())

    house.host.change_room(house.ada, knock=False, passcode="open sesame")

    refusal(lambda: house.enters("Mallory", ticket=ticket), PasscodeRequired)
    assert house.enters("Mallory", ticket=ticket, passcode="open sesame")


def test_a_ticket_for_one_name_opens_a_locked_room_for_no_other(house: House) -> None:
    house.host.change_room(house.ada, knock=True)
    ticket = house.knocks("Grace")
    house.host.admit(house.ada, house.first_knock())
    house.host.change_room(house.ada, knock=False, locked=True)

    locked = refusal(lambda: house.enters("Mallory", ticket=ticket), RoomNotFound)

    assert locked.message == f"There is no room {house.code}."
    assert house.enters("Grace", ticket=ticket)


def test_nobody_knocks_under_a_name_that_is_taken(house: House) -> None:
    house.host.change_room(house.ada, knock=True)

    refused = refusal(lambda: house.enters("Ada"), NameTaken)

    assert refused.data["suggestion"] == "Ada 2"


def test_first_the_passcode_then_the_knock(house: House) -> None:
    house.host.change_room(house.ada, knock=True, passcode="open sesame")

    refusal(house.enters, PasscodeRequired)
    ticket = house.knocks("Grace", passcode="open sesame")
    house.host.admit(house.ada, house.first_knock())

    assert house.enters("Grace", ticket=ticket)
