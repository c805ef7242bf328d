"""Who gets into a room with a lock, a passcode or a host who has to open."""

from collections.abc import Callable

import pytest

from flask_chat.chat import Ref
from flask_chat.domain.doors import KNOCK_SECONDS, KNOCKS_LIMIT
from flask_chat.domain.errors import (
    ChatError,
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
from flask_chat.doors import Doors, Visitor
from flask_chat.moderation import Moderation
from flask_chat.passcodes import Passcodes
from tests.test_chat import Place

OTHER = Visitor(address="192.0.2.7", browser="another grace")
GRACE = Visitor(address="192.0.2.1", browser="graces browser")


class House(Place):
    """A room of Ada's, and its door."""

    def __init__(self) -> None:
        super().__init__()
        self.doors: Doors = self.chat._doors
        self.host = Moderation(self.chat, self.store, self.doors, lambda: self.now)
        self.ada = self.opens("Ada")
        self.code = self.code_of(self.ada)
        self.rings: list[int] = []  # how many waited, each time that changed
        self.doors.when_knocks_change = lambda room_id, waiting: self.rings.append(waiting)

    def enters(self, name: str = "Grace", visitor: Visitor = GRACE, **bringing: str) -> Ref:
        return self.chat.join(self.code, name, visitor._replace(**bringing)).ref

    def knocks(self, name: str = "Grace", visitor: Visitor = GRACE, **bringing: str) -> str:
        """Knock; the ticket."""
        waiting = refusal(lambda: self.enters(name, visitor, **bringing), KnockWaiting)
        return str(waiting.data["ticket"])

    def state_of(self, ticket: str) -> str | None:
        return self.doors.state_of(self.ada.room_id, ticket)

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
        assert not house.doors.is_invited(house.store.room(house.ada.room_id), wrong)


# Passcode


def test_a_passcode_is_asked_for_and_kept_as_a_hash(house: House) -> None:
    house.host.change_room(house.ada, passcode="open sesame")

    refusal(house.enters, PasscodeRequired)
    refusal(lambda: house.enters(passcode="open barley"), PasscodeWrong)
    assert house.enters(passcode="open sesame")
    assert house.chat.room(house.ada).has_passcode
    (note,) = house.store.notes(house.ada.room_id).values()
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


def test_two_hashes_of_one_passcode_differ_and_both_fit() -> None:
    passcodes = Passcodes()

    first, second = passcodes.hash("open sesame"), passcodes.hash("open sesame")

    assert first != second
    assert passcodes.fits("open sesame", first)
    assert passcodes.fits("open sesame", second)
    assert not passcodes.fits("open barley", first)
    assert not passcodes.fits("open sesame", "no hash at all")


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
    assert len(house.store.notes(house.ada.room_id)) == 1


def test_each_knocks_once(house: House) -> None:
    house.host.change_room(house.ada, knock=True)
    house.knocks("Grace")

    house.knocks("Grace H")

    assert [knock.name for knock in house.host.knocks(house.ada)] == ["Grace H"]


def test_a_door_has_room_for_so_many(house: House) -> None:
    house.host.change_room(house.ada, knock=True)
    for number in range(KNOCKS_LIMIT):
        house.knocks(f"Mallory {number}", Visitor(address="192.0.2.1", browser=f"b{number}"))

    refused = refusal(lambda: house.enters("Grace"), TooFast)

    assert refused.data["retry_after_seconds"] == 30
    assert house.rings[-1] == KNOCKS_LIMIT


def test_who_does_not_want_to_wait_is_not_shown_any_more(house: House) -> None:
    house.host.change_room(house.ada, knock=True)
    ticket = house.knocks("Grace")

    house.doors.take_back(house.ada.room_id, ticket)

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
