"""Rooms half made and half removed: a server may die between any two steps."""

from collections.abc import Iterator

import pytest

from flask_chat.domain.codes import Code
from flask_chat.domain.errors import CodeTaken, Unavailable
from flask_chat.domain.events import decode_event
from flask_chat.domain.limits import Limits
from flask_chat.domain.members import Member, MemberId
from flask_chat.redis_link.link import Link
from flask_chat.stores.base import Publish
from flask_chat.stores.redis.store import RedisStore
from tests.over_redis.conftest import MakeNode
from tests.over_redis.nodes import Node
from tests.stores.place import Place, joined

STEPS = ["claim", "enlist", "create", "keep"]


@pytest.fixture
def node(make_node: MakeNode) -> Node:
    return make_node()


@pytest.fixture
def place(node: Node) -> Iterator[Place]:
    place = Place(lambda limits, publish: RedisStore(Link(node.url), limits, publish))
    yield place
    place.store.close()


class Death(BaseException):
    """A server ends here, with nothing tidied up."""


def dies_after(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    call = Link.call

    def once(link: Link, function: str, *args: object, **more: object) -> object:
        answer = call(link, function, *args, **more)  # type: ignore[arg-type]
        if function.endswith(f"_{step}"):
            raise Death
        return answer

    monkeypatch.setattr(Link, "call", once)


@pytest.mark.parametrize("step", STEPS)
def test_a_room_half_made_does_not_hold_its_code_for_long(
    step: str, node: Node, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        dies_after(patch, step)
        with pytest.raises(Death):
            place.opens("Ada", code="BCDF")

    with pytest.raises(CodeTaken):
        place.opens("Grace", code="BCDF")
    if step == "keep":  # it is whole: the host's grace ends it, like any room nobody is in
        assert place.store.find_room(Code("BCDF")) is not None
        return
    assert 0 < node.ask("TTL", "chat:code:BCDF") <= 30
    node.ask("DEL", "chat:code:BCDF")  # as time does
    grace = place.opens("Grace", code="BCDF")
    found = place.store.find_room(Code("BCDF"))
    assert found is not None
    assert found.room_id == grace.room_id


def test_a_claim_that_was_too_slow_makes_no_second_room_of_a_code(
    node: Node, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = Link.call

    def slow(link: Link, function: str, *args: object, **more: object) -> object:
        if function.endswith("_keep"):
            node.ask("SET", "chat:code:BCDF", "r-of-somebody-else", "EX", 30)
        return call(link, function, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Link, "call", slow)
    with pytest.raises(CodeTaken):
        place.opens("Ada", code="BCDF")

    assert place.store.room_ids() == []
    assert node.ask("GET", "chat:code:BCDF") == b"r-of-somebody-else"
    assert node.ask("KEYS", "*{r*") == []


def test_a_code_that_leads_nowhere_can_be_had_again(node: Node, place: Place) -> None:
    node.ask("SET", "chat:code:BCDF", "r-that-was-lost")

    ada = place.opens("Ada", code="BCDF")

    assert place.store.find_room(Code("BCDF")) == place.store.room(ada.room_id)


@pytest.mark.parametrize("step", ["release", "wipe"])
def test_a_room_half_removed_is_removed_by_the_next_who_looks(
    step: str, node: Node, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = place.opens("Ada", code="BCDF")
    place.store.set_deadline(ada.room_id, 100.0)
    with monkeypatch.context() as patch:
        dies_after(patch, step)
        with pytest.raises(Death):
            place.store.remove_room(ada.room_id)

    for room_id in place.store.due(200.0):
        place.store.remove_room(room_id)

    assert place.store.room_ids() == []
    assert node.ask("KEYS", "chat:*") in ([], [b"chat:bytes"])


def test_nothing_is_left_of_a_removed_room(node: Node, place: Place) -> None:
    ada = place.opens("Ada")
    grace = place.joins(ada.room_id, "Grace", "marks")
    place.store.set_notes(ada.room_id, {"passcode": "hash"})
    place.changes_room(ada, slow_mode_seconds=10)
    place.removes(ada, place.says(grace, "Hello").seq)
    assert len(node.ask("KEYS", "chat:{*")) == 7  # all kinds of key a room can have

    place.store.remove_room(ada.room_id)

    assert node.ask("KEYS", "chat:*") in ([], [b"chat:bytes"])


def test_what_is_read_of_removed_messages_goes_with_them(node: Node) -> None:
    def make(limits: Limits, publish: Publish) -> RedisStore:
        return RedisStore(Link(node.url), limits, publish)

    place = Place(make, history_events=5)
    ada = place.opens("Ada")
    for _ in range(20):
        place.removes(ada, place.says(ada, "Hello").seq)

    room = f"chat:{{{ada.room_id}}}"
    stream = [
        data for _, entry in node.ask("XRANGE", f"{room}:log", "-", "+") for data in entry.values()
    ]
    removed = node.ask("HVALS", f"{room}:removed")
    assert sorted(decode_event(data).seq for data in removed) == [38, 40]
    assert int(node.ask("HGET", room, "bytes")) == sum(map(len, [*stream, *removed]))
    place.store.close()


def test_who_was_admitted_by_a_call_without_an_answer_is_admitted_by_the_next(place: Place) -> None:
    ada = place.opens("Ada")
    grace = Member(member_id=MemberId("m-grace"), name="Grace", hue=1)

    place.store.admit(ada.room_id, grace, joined(grace))
    place.store.admit(ada.room_id, grace, joined(grace))

    assert place.names_here(ada.room_id) == ["Ada", "Grace"]
    assert len(place.log(ada.room_id)) == 2


def test_a_store_without_its_redis_says_so_at_once(node: Node, place: Place) -> None:
    ada = place.opens("Ada")
    node.kill()

    with pytest.raises(Unavailable):
        place.store.room(ada.room_id)
