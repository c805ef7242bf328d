"""What people do, over the memory store and a clock of our own."""

import math
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_chat.chat import MISSED_EVENTS, WELCOME_EVENTS, Admission, Chat
from flask_chat.domain.codes import ALPHABET, Code
from flask_chat.domain.errors import (
    CodeTaken,
    Invalid,
    MessageEmpty,
    MessageTooLong,
    NameInvalid,
    NameTaken,
    RoomEnded,
    RoomFull,
    RoomNotFound,
    ServerFull,
    TokenInvalid,
    TooFast,
)
from flask_chat.domain.events import (
    Event,
    MemberJoined,
    MemberLeft,
    MessagePosted,
    decode_event,
)
from flask_chat.domain.events import RoomEnded as RoomEndedEvent
from flask_chat.domain.limits import Limits
from flask_chat.domain.messages import Draft
from flask_chat.domain.rooms import Ref, RoomId
from flask_chat.stores.base import Appended
from flask_chat.stores.memory import MemoryStore
from flask_chat.stretches import ANSWER_BYTES

LEAVE_GRACE = 20
ROOM_GRACE = 3_600


class Place:
    """A chat, the clock it looks at, and everything that it tells people."""

    def __init__(self, **limits: float) -> None:
        self.now = 1_795_381_398.0
        self.told: list[tuple[RoomId, Event]] = []
        self.closed: list[RoomId | Ref] = []
        kept_to = Limits(**{"posts_per_second": math.inf, **limits})
        self.store = MemoryStore(kept_to, self._publish)
        self.chat = Chat(self.store, kept_to, lambda: self.now)
        self.chat.when_room_removed = self.closed.append
        self.chat.when_member_removed = self.closed.append

    def _publish(self, room_id: RoomId, seq: int, data: bytes) -> None:
        event = decode_event(data)
        assert event.seq == seq
        self.told.append((room_id, event))

    def opens(self, name: str = "Ada", code: str | None = None) -> Ref:
        """A new room with its host, who has not connected yet."""
        return self.chat.create_room(name, None if code is None else Code(code)).ref

    def joins(self, other: Ref, name: str = "Grace") -> Ref:
        """A guest in the room of `other`, who has not connected yet."""
        return self.chat.join(self.code_of(other), name).ref

    def connects(self, ref: Ref, after: int | None = None) -> list[Event]:
        """One more connection, with its welcome; the events in it."""
        self.chat.connection_opened(ref)
        return [decode_event(data) for data in self.chat.enter(ref, after).events]

    def disconnects(self, ref: Ref) -> None:
        """One connection of somebody closes."""
        self.chat.connection_closed(ref)

    def says(self, ref: Ref, text: str = "Hello", key: str | None = None) -> Appended:
        """Post a message; without a key it gets one of its own."""
        return self.chat.post(ref, Draft(key=key or f"k{len(self.told)}", text=text))

    def waits(self, seconds: float) -> None:
        """Let time pass, with a look at the clock every second as a server has it."""
        for _ in range(int(seconds)):
            self.now += 1
            self.chat.tick()

    def code_of(self, ref: Ref) -> Code:
        return self.chat.room(ref).code

    def names_here(self, ref: Ref) -> list[str]:
        return [member.name for member in self.chat.members(ref)]

    def kinds(self, ref: Ref) -> list[str]:
        """What the room has been told, in order: "joined", "left", "gone", "empty" or a text."""
        return [_word(event) for room_id, event in self.told if room_id == ref.room_id]


def _word(event: Event) -> str:
    match event:
        case MessagePosted():
            return event.text
        case MemberJoined():
            return "joined"
        case MemberLeft() | RoomEndedEvent():
            return event.reason
    return type(event).__name__


@pytest.fixture
def place() -> Place:
    return Place()


def refused(action: Callable[[], object]) -> str:
    """The code of the refusal that the action meets."""
    try:
        action()
    except (RoomEnded, TokenInvalid, RoomNotFound) as refusal:
        return refusal.code
    return "not refused"


# Creating and joining


def test_a_room_is_created_with_a_drawn_code_and_its_host(place: Place) -> None:
    admission = place.chat.create_room("  Ada ")

    assert (admission.me.name, admission.me.role, admission.me.here) == ("Ada", "host", True)
    assert set(admission.room.code) <= set(ALPHABET)
    assert place.chat.look_up(admission.room.code) == admission.room
    assert place.kinds(admission.ref) == ["joined"]


def test_ids_are_random_and_cannot_be_guessed(place: Place) -> None:
    admissions = [place.chat.create_room("Ada") for _ in range(50)]

    ids = [id_ for admission in admissions for id_ in admission.ref]

    assert len(set(ids)) == 100
    assert all(len(id_) >= 22 and id_.replace("-", "_").isidentifier() for id_ in ids)
    assert all(room[0] == "r" and member[0] == "m" for room, member in map(_ref, admissions))


def _ref(admission: Admission) -> Ref:
    return admission.ref


def test_a_wanted_code_is_given_unless_it_is_taken(place: Place) -> None:
    ada = place.opens("Ada", code="EASY")

    assert place.code_of(ada) == "EASY"
    with pytest.raises(CodeTaken):
        place.opens("Mallory", code="EASY")


def test_a_bad_name_creates_no_room(place: Place) -> None:
    with pytest.raises(NameInvalid):
        place.opens("System", code="EASY")

    assert refused(lambda: place.chat.look_up(Code("EASY"))) == "room_not_found"
    assert place.told == []


def test_a_full_server_says_so() -> None:
    place = Place(rooms=1)
    place.opens("Ada")

    with pytest.raises(ServerFull):
        place.opens("Mallory")


def test_a_wrong_code_leads_to_no_room_and_creates_none(place: Place) -> None:
    for _ in range(2):
        with pytest.raises(RoomNotFound) as refusal:
            place.chat.join(Code("WXZB"), "Grace")

        assert "WXZB" in refusal.value.message
        assert refusal.value.data == {"field": "code"}


def test_a_guest_joins_and_everybody_is_told(place: Place) -> None:
    ada = place.opens("Ada")

    admission = place.chat.join(place.code_of(ada), "Grace")

    assert admission.me.role == "guest"
    assert place.names_here(ada) == ["Ada", "Grace"]
    _, event = place.told[-1]
    assert isinstance(event, MemberJoined)
    assert (event.member, event.by) == (admission.me, admission.me.member_id)


@pytest.mark.parametrize("name", ["Ada", "ADA", "Αda"])
def test_a_taken_name_is_refused_with_one_that_is_free(place: Place, name: str) -> None:
    ada = place.opens("Ada")
    place.joins(ada, "Ada 2")

    with pytest.raises(NameTaken) as refusal:
        place.joins(ada, name)

    assert refusal.value.data == {"field": "name", "suggestion": f"{name} 3"}
    place.joins(ada, f"{name} 3")


def test_a_room_with_all_its_places_taken_is_full() -> None:
    place = Place(members_per_room=1)
    ada = place.opens("Ada")

    with pytest.raises(RoomFull):
        place.joins(ada)


# Entering


def test_a_late_comer_sees_what_was_said_and_who_said_it(place: Place) -> None:
    ada = place.opens("Ada")
    mallory = place.joins(ada, "Mallory")
    place.says(mallory, "Boo")
    place.chat.leave(mallory)
    grace = place.joins(ada, "Grace")

    place.chat.connection_opened(grace)
    welcome = place.chat.enter(grace)

    assert [decode_event(data).seq for data in welcome.events] == [1, 2, 3, 4, 5]
    assert [member.name for member in welcome.members] == ["Ada", "Grace", "Mallory"]
    assert (welcome.me.name, welcome.room.code) == ("Grace", place.code_of(ada))
    assert (welcome.more, welcome.reset) == (False, False)


def test_a_first_welcome_holds_the_newest_events_and_says_that_there_are_more(
    place: Place,
) -> None:
    ada = place.opens("Ada")
    for _ in range(WELCOME_EVENTS):
        place.says(ada)

    welcome = place.chat.enter(ada)

    assert [decode_event(data).seq for data in welcome.events] == list(range(2, 102))
    assert welcome.more
    assert not welcome.reset


def test_a_room_full_of_the_longest_messages_can_be_entered_and_read(place: Place) -> None:
    ada = place.opens("Ada")
    for _ in range(WELCOME_EVENTS):
        place.says(ada, "\N{UNICORN FACE}" * 4000)

    first, again = place.chat.enter(ada), place.chat.enter(ada, 1)
    seqs, more = [1], True
    while more:
        page = place.chat.history(ada, after=seqs[-1], limit=100)
        seqs += [decode_event(data).seq for data in page.events]
        more = page.more
        assert sum(map(len, page.events)) <= ANSWER_BYTES

    newest = [decode_event(data).seq for data in first.events]
    assert newest == list(range(newest[0], WELCOME_EVENTS + 2))
    assert sum(map(len, first.events)) <= ANSWER_BYTES
    assert first.more
    assert (again.events, again.reset) == (first.events, True)
    assert seqs == list(range(1, WELCOME_EVENTS + 2))


@pytest.mark.parametrize("after", [0, 1, 5, 9, 10])
def test_whoever_comes_back_gets_exactly_what_they_missed(place: Place, after: int) -> None:
    ada = place.opens("Ada")
    for _ in range(9):
        place.says(ada)

    welcome = place.chat.enter(ada, after)

    assert [decode_event(data).seq for data in welcome.events] == list(range(after + 1, 11))
    assert not welcome.reset


def test_as_many_missed_events_as_a_welcome_carries_are_no_reset(place: Place) -> None:
    ada = place.opens("Ada")
    for _ in range(MISSED_EVENTS):
        place.says(ada)

    welcome = place.chat.enter(ada, 1)
    assert (len(welcome.events), welcome.reset) == (MISSED_EVENTS, False)

    place.says(ada)
    welcome = place.chat.enter(ada, 1)
    assert (len(welcome.events), welcome.reset, welcome.more) == (WELCOME_EVENTS, True, True)


def test_what_is_no_longer_kept_is_a_reset_and_never_a_hole() -> None:
    place = Place(history_events=10)
    ada = place.opens("Ada")
    for _ in range(19):
        place.says(ada)

    for after, is_reset in ((0, True), (9, True), (10, False), (15, False)):
        welcome = place.chat.enter(ada, after)
        first = decode_event(welcome.events[0]).seq
        assert (first, welcome.reset) == (11 if is_reset else after + 1, is_reset)


def test_an_after_from_the_future_is_a_reset(place: Place) -> None:
    ada = place.opens("Ada")

    welcome = place.chat.enter(ada, 2)

    assert welcome.reset
    assert [decode_event(data).seq for data in welcome.events] == [1]


@given(st.integers(0, 40), st.integers(0, 60), st.integers(1, 30))
def test_a_welcome_never_leaves_a_hole(said: int, after: int, kept: int) -> None:
    place = Place(history_events=kept)
    ada = place.opens("Ada")
    for _ in range(said):
        place.says(ada)

    welcome = place.chat.enter(ada, after)

    seqs = [decode_event(data).seq for data in welcome.events]
    begins = seqs[0] if seqs else said + 2
    assert seqs == list(range(begins, said + 2))
    assert welcome.reset == (begins != after + 1)


def test_a_page_of_history_says_whether_there_is_more(place: Place) -> None:
    ada = place.opens("Ada")
    for _ in range(9):
        place.says(ada)

    def read(**wanted: int) -> tuple[list[int], bool]:
        page = place.chat.history(ada, **wanted)
        return [decode_event(data).seq for data in page.events], page.more

    assert read(limit=3) == ([8, 9, 10], True)
    assert read(before=8, limit=5) == ([3, 4, 5, 6, 7], True)
    assert read(before=3, limit=5) == ([1, 2], False)
    assert read(before=1) == ([], False)
    assert read(after=0, limit=4) == ([1, 2, 3, 4], True)
    assert read(after=4, limit=6) == ([5, 6, 7, 8, 9, 10], False)
    assert read(after=10) == ([], False)
    assert read(after=99) == ([], False)


def test_a_trimmed_history_has_no_more_than_is_kept() -> None:
    place = Place(history_events=5)
    ada = place.opens("Ada")
    for _ in range(9):
        place.says(ada)

    assert not place.chat.history(ada, after=0, limit=5).more
    assert place.chat.history(ada, after=0, limit=4).more
    assert not place.chat.history(ada, limit=5).more
    assert place.chat.history(ada, limit=4).more


def test_people_in_a_room_have_different_colours() -> None:
    place = Place()
    ada = place.opens("Ada")
    for number in range(7):
        place.joins(ada, f"Guest {number}")

    hues = [member.hue for member in place.chat.members(ada)]

    assert len(set(hues)) == 8


def test_a_hole_in_the_history_is_told_and_never_passed_over() -> None:
    place = Place(history_events=5)
    ada = place.opens("Ada")
    for _ in range(9):
        place.says(ada)

    assert place.chat.history(ada, after=4).reset
    assert not place.chat.history(ada, after=5).reset
    assert not place.chat.history(ada, before=7).reset


def test_history_comes_with_those_who_made_it_and_nobody_else(place: Place) -> None:
    ada = place.opens("Ada")
    grace = place.joins(ada, "Grace")
    place.says(grace)
    place.chat.leave(grace)

    members = place.chat.history(ada, before=4, limit=1).members

    assert [(member.name, member.here) for member in members] == [("Grace", False)]


# Posting


def test_a_post_is_kept_and_everybody_is_told_once(place: Place) -> None:
    ada = place.opens("Ada")

    answer = place.chat.post(ada, Draft(key="k1", text=" <b>\n\n", reply_to=1))

    room_id, event = place.told[-1]
    assert (room_id, answer.seq, answer.is_new) == (ada.room_id, 2, True)
    assert isinstance(event, MessagePosted)
    assert (event.by, event.text, event.key, event.reply_to) == (
        ada.member_id,
        " <b>\n\n",
        "k1",
        1,
    )


def test_the_same_key_again_is_the_same_message(place: Place) -> None:
    ada = place.opens("Ada")
    first = place.says(ada, "Hello", key="k1")

    again = place.says(ada, "Hello", key="k1")

    assert again == Appended(first.seq, first.data, is_new=False)
    assert place.kinds(ada) == ["joined", "Hello"]


@pytest.mark.parametrize(
    ("draft", "refusal"),
    [
        (Draft(key="k1", text=" \n"), MessageEmpty),
        (Draft(key="k1", text="x" * 4_001), MessageTooLong),
        (Draft(key="no key", text="Hi"), Invalid),
        (Draft(key="k1", text="Hi", reply_to=0), Invalid),
    ],
)
def test_a_refused_draft_is_not_kept_and_costs_nothing(
    draft: Draft, refusal: type[Exception]
) -> None:
    place = Place(posts_burst=1, posts_per_second=1)
    ada = place.opens("Ada")

    for _ in range(3):
        with pytest.raises(refusal):
            place.chat.post(ada, draft)

    assert place.says(ada).is_new


def test_too_many_posts_at_once_are_refused_until_the_time_that_is_told() -> None:
    place = Place(posts_burst=10, posts_per_second=2)
    ada = place.opens("Ada")
    for _ in range(10):
        place.says(ada)

    for _ in range(5):
        with pytest.raises(TooFast) as refusal:
            place.says(ada)
        place.now += refusal.value.data["retry_after_seconds"]
        place.says(ada)


def test_one_person_who_is_too_fast_slows_nobody_else() -> None:
    place = Place(posts_burst=1, posts_per_second=0.1)
    mallory = place.opens("Mallory")
    grace = place.joins(mallory)
    other_room = place.opens("Ada")
    place.says(mallory)

    with pytest.raises(TooFast):
        place.says(mallory)

    assert place.says(grace).is_new
    assert place.says(other_room).is_new


def test_a_message_repeated_while_paced_is_announced_once() -> None:
    place = Place(posts_burst=2, posts_per_second=1)
    ada = place.opens("Ada")
    seqs: list[int] = []

    for _ in range(20):  # a client that never hears the answer and sends again
        try:
            seqs.append(place.says(ada, "Hello", key="k1").seq)
        except TooFast as refusal:
            place.now += refusal.data["retry_after_seconds"]

    assert len(seqs) > 5
    assert set(seqs) == {2}
    assert place.kinds(ada) == ["joined", "Hello"]


def test_typing_has_a_rate_of_its_own() -> None:
    place = Place(posts_burst=1, posts_per_second=1)
    ada = place.opens("Ada")
    place.says(ada)

    for _ in range(30):  # as a page does: every two seconds
        place.chat.pace_typing(ada)
        place.now += 2

    def types_without_pause() -> None:
        for _ in range(20):
            place.chat.pace_typing(ada)

    with pytest.raises(TooFast):
        types_without_pause()


# Leaving and coming back


def test_a_reload_under_the_grace_announces_nothing(place: Place) -> None:
    ada = place.opens("Ada")
    place.connects(ada)

    for _ in range(5):
        place.disconnects(ada)
        place.waits(LEAVE_GRACE - 1)
        place.connects(ada)
    place.waits(LEAVE_GRACE * 2)

    assert place.kinds(ada) == ["joined"]
    assert place.names_here(ada) == ["Ada"]


def test_somebody_away_for_longer_is_announced_as_gone_once(place: Place) -> None:
    ada = place.opens("Ada")
    grace = place.joins(ada)
    place.connects(ada)
    place.connects(grace)

    place.disconnects(grace)
    place.waits(LEAVE_GRACE * 10)

    assert place.kinds(ada) == ["joined", "joined", "gone"]
    assert place.names_here(ada) == ["Ada"]


def test_somebody_gone_who_comes_back_is_announced_and_is_the_same_person(place: Place) -> None:
    ada = place.opens("Ada")
    grace = place.joins(ada)
    place.connects(ada)
    place.waits(LEAVE_GRACE * 2)

    missed = place.connects(grace, after=2)

    assert place.kinds(ada) == ["joined", "joined", "gone", "joined"]
    assert [_word(event) for event in missed] == ["gone", "joined"]
    (back,) = [event for event in missed if isinstance(event, MemberJoined)]
    assert (back.by, back.member.name, back.member.here) == (grace.member_id, "Grace", True)
    assert place.names_here(ada) == ["Ada", "Grace"]


def test_the_host_who_comes_back_is_still_the_host(place: Place) -> None:
    ada = place.opens("Ada")
    place.waits(LEAVE_GRACE * 2)

    place.connects(ada)

    assert place.chat.member(ada).role == "host"


def test_several_tabs_are_one_person(place: Place) -> None:
    ada = place.opens("Ada")
    place.connects(ada)
    place.connects(ada)

    place.disconnects(ada)
    place.waits(LEAVE_GRACE * 2)
    assert place.kinds(ada) == ["joined"]

    place.disconnects(ada)
    place.waits(LEAVE_GRACE * 2)
    assert place.kinds(ada) == ["joined", "gone"]


def test_a_connection_too_short_to_be_welcomed_announces_nothing(place: Place) -> None:
    ada = place.opens("Ada")
    grace = place.joins(ada)
    place.connects(ada)
    place.waits(LEAVE_GRACE * 2)

    place.chat.connection_opened(grace)
    place.disconnects(grace)
    place.waits(LEAVE_GRACE * 2)

    assert place.kinds(ada) == ["joined", "joined", "gone"]


def test_a_connection_too_short_to_be_welcomed_does_not_keep_a_room(place: Place) -> None:
    ada = place.opens("Ada")
    place.waits(LEAVE_GRACE + ROOM_GRACE - 30)

    place.chat.connection_opened(ada)
    place.disconnects(ada)
    place.waits(30)

    assert place.kinds(ada) == ["joined", "gone", "empty"]


def test_whoever_leaves_is_announced_at_once_and_their_token_opens_nothing(place: Place) -> None:
    ada = place.opens("Ada")
    grace = place.joins(ada)
    place.connects(grace)

    place.chat.leave(grace)

    assert place.kinds(ada) == ["joined", "joined", "left"]
    assert place.closed == [grace]
    draft = Draft(key="k1", text="Hi")
    for knock in _doors(place.chat, grace, draft):
        assert refused(knock) == "token_invalid"
    place.joins(ada, "Grace")


def _doors(chat: Chat, ref: Ref, draft: Draft) -> list[Callable[[], object]]:
    """Everything a member token opens."""
    return [
        lambda: chat.connection_opened(ref),
        lambda: chat.enter(ref),
        lambda: chat.enter(ref, 1),
        lambda: chat.member(ref),
        lambda: chat.room(ref),
        lambda: chat.members(ref),
        lambda: chat.post(ref, draft),
        lambda: chat.pace_typing(ref),
        lambda: chat.history(ref),
        lambda: chat.leave(ref),
    ]


def test_connections_that_close_after_their_member_left_announce_nothing(place: Place) -> None:
    ada = place.opens("Ada")
    grace = place.joins(ada)
    place.connects(ada)
    place.connects(grace)
    place.connects(grace)

    place.chat.leave(grace)
    place.disconnects(grace)
    place.waits(1)
    place.disconnects(grace)
    place.waits(LEAVE_GRACE * 2)

    assert place.kinds(ada) == ["joined", "joined", "left"]


# The end of a room


def test_a_room_nobody_ever_entered_ends_after_both_graces(place: Place) -> None:
    ada = place.opens("Ada", code="EASY")

    place.waits(LEAVE_GRACE + ROOM_GRACE - 1)
    place.chat.look_up(Code("EASY"))
    assert place.kinds(ada) == ["joined", "gone"]

    place.waits(1)
    assert place.kinds(ada) == ["joined", "gone", "empty"]
    assert refused(lambda: place.chat.look_up(Code("EASY"))) == "room_not_found"


def test_the_last_one_reloading_does_not_end_the_room(place: Place) -> None:
    ada = place.opens("Ada")
    place.connects(ada)
    place.says(ada, "Wait for me")

    place.disconnects(ada)
    place.waits(LEAVE_GRACE - 1)
    missed = place.connects(ada, after=2)
    place.waits(ROOM_GRACE * 3)

    assert missed == []
    assert place.kinds(ada) == ["joined", "Wait for me"]


def test_an_empty_room_waits_for_its_grace_and_somebody_back_in_time_saves_it(
    place: Place,
) -> None:
    ada = place.opens("Ada")
    place.connects(ada)
    place.disconnects(ada)
    place.waits(LEAVE_GRACE + ROOM_GRACE - 1)

    place.connects(ada)
    place.waits(ROOM_GRACE * 3)

    assert place.kinds(ada) == ["joined", "gone", "joined"]


def test_a_new_guest_saves_an_empty_room_too(place: Place) -> None:
    ada = place.opens("Ada")
    place.waits(LEAVE_GRACE + ROOM_GRACE - 1)

    grace = place.joins(ada)
    place.waits(LEAVE_GRACE - 1)
    place.connects(grace)
    place.waits(ROOM_GRACE * 3)

    assert place.kinds(grace) == ["joined", "gone", "joined", "HostChanged"]


def test_a_room_whose_last_member_leaves_lives_on_for_its_grace(place: Place) -> None:
    ada = place.opens("Ada", code="EASY")
    place.connects(ada)
    place.chat.leave(ada)

    place.waits(ROOM_GRACE - 1)
    place.chat.look_up(Code("EASY"))

    place.waits(1)
    assert refused(lambda: place.chat.look_up(Code("EASY"))) == "room_not_found"


def test_a_room_with_somebody_in_it_never_ends_by_time(place: Place) -> None:
    ada = place.opens("Ada")
    grace = place.joins(ada)
    place.connects(ada)
    place.connects(grace)
    place.disconnects(grace)

    place.waits(ROOM_GRACE * 10)

    assert place.kinds(ada) == ["joined", "joined", "gone"]


def test_the_end_of_a_room_is_told_last_and_then_its_connections_are_closed(place: Place) -> None:
    ada = place.opens("Ada")
    place.connects(ada)
    order: list[str] = []
    place.chat.when_room_removed = lambda room_id: order.append(place.kinds(ada)[-1])

    place.chat.end_room(ada.room_id, "ended")
    place.chat.end_room(ada.room_id, "ended")
    place.waits(LEAVE_GRACE * 2)

    assert order == ["ended"]
    assert place.kinds(ada) == ["joined", "ended"]
    _, last = place.told[-1]
    assert last.by is None


def test_a_token_of_an_ended_room_opens_nothing_not_even_the_next_room_with_its_code(
    place: Place,
) -> None:
    ada = place.opens("Ada", code="EASY")
    place.connects(ada)
    place.chat.end_room(ada.room_id, "ended")
    grace = place.opens("Grace", code="EASY")

    for knock in _doors(place.chat, ada, Draft(key="k1", text="Hi")):
        assert refused(knock) == "room_ended"
    place.disconnects(ada)
    place.waits(LEAVE_GRACE - 1)

    assert place.chat.look_up(Code("EASY")).room_id == grace.room_id != ada.room_id
    assert place.kinds(grace)[:1] == ["joined"]
    assert place.names_here(grace) == ["Grace"]


def test_the_next_room_with_a_code_knows_nothing_of_the_one_before() -> None:
    place = Place(posts_burst=1, posts_per_second=0.001)
    ada = place.opens("Ada", code="EASY")
    place.says(ada, "old")
    place.chat.end_room(ada.room_id, "ended")

    again = place.opens("Ada", code="EASY")
    place.says(again, "new")

    assert place.kinds(again) == ["joined", "new"]
    assert place.names_here(again) == ["Ada"]


def test_nothing_is_kept_of_rooms_that_have_ended() -> None:
    place = Place(posts_burst=100, posts_per_second=100)
    presence = place.chat._presence
    for code in ("BBBB", "CCCC"):
        ada = place.opens("Ada", code=code)
        grace = place.joins(ada)
        place.connects(ada)
        place.says(ada)
        place.chat.pace_typing(ada)
        place.chat.connection_opened(grace)
        place.chat.end_room(ada.room_id, "ended")
        assert not presence._connections

        for late in (ada, grace):  # what was on its way when the room ended
            for knock in _doors(place.chat, late, Draft(key="k1", text="Hi")):
                refused(knock)
            place.disconnects(late)
    place.waits(LEAVE_GRACE)

    assert not any((place.chat.paces._buckets, place.store._rooms, place.store._bytes))
    assert not any((presence._connections, presence._gone_at, presence._deadlines))


def test_one_room_that_ends_is_no_matter_to_the_others(place: Place) -> None:
    rooms = [place.opens("Ada") for _ in range(5)]
    for ada in rooms[1:]:
        place.connects(ada)

    place.waits(LEAVE_GRACE + ROOM_GRACE)

    ended = Counter(_word(event) for _, event in place.told)["empty"]
    assert ended == 1
    assert all(place.names_here(ada) == ["Ada"] for ada in rooms[1:])
