"""Presence of several servers, which share one Redis and know nothing else of each other."""

from collections.abc import Callable, Iterator

import gevent
import pytest

from flask_chat.delivery.shared_presence import SharedPresence
from flask_chat.redis_link.link import Link
from tests.over_redis.conftest import MakeNode
from tests.over_redis.nodes import Node

ADA, GRACE = ("r-1", "m-ada"), ("r-1", "m-grace")
Presence = SharedPresence[tuple[str, str]]
MakePresence = Callable[..., Presence]


@pytest.fixture
def node(make_node: MakeNode) -> Node:
    return make_node()


@pytest.fixture
def server(node: Node) -> Iterator[MakePresence]:
    """`server(grace)`: the presence of one more server."""
    made: list[tuple[Presence, Link]] = []

    def make(grace_seconds: float = 0.2, alive_seconds: float = 10) -> Presence:
        link = Link(node.url)
        presence = Presence(link, grace_seconds, lambda a, b: (a, b), alive_seconds=alive_seconds)
        made.append((presence, link))
        return presence

    yield make
    for presence, link in made:
        presence.stop()
        link.close()


def test_somebody_expected_who_never_comes_is_overdue_at_one_server(server: MakePresence) -> None:
    one, two = server(), server()
    one.expect(ADA)
    assert one.overdue() == two.overdue() == []

    gevent.sleep(0.3)

    assert two.overdue() == [ADA]
    assert one.overdue() == two.overdue() == []


def test_who_is_connected_to_another_server_is_not_gone(server: MakePresence) -> None:
    one, two = server(), server()
    one.connected(ADA)
    two.connected(ADA)

    one.disconnected(ADA)
    gevent.sleep(0.3)
    assert one.overdue() == []
    assert one.is_awaited(ADA)

    two.disconnected(ADA)
    gevent.sleep(0.3)
    assert one.overdue() == [ADA]
    assert not one.is_awaited(ADA)


def test_who_comes_back_at_another_server_is_not_gone(server: MakePresence) -> None:
    one, two = server(0.4), server(0.4)
    one.connected(ADA)
    one.disconnected(ADA)
    gevent.sleep(0.1)

    two.connected(ADA)

    gevent.sleep(0.5)
    assert one.overdue() == two.overdue() == []


def test_who_comes_back_while_it_is_told_that_they_are_gone_is_named(
    server: MakePresence,
) -> None:
    one, two = server(), server()
    one.expect(ADA)
    one.expect(GRACE)
    gevent.sleep(0.3)
    gone = one.overdue()

    two.connected(ADA)

    assert sorted(gone) == [ADA, GRACE]
    assert one.settle(gone) == [ADA]


def test_who_was_given_to_a_server_that_died_is_given_to_another(
    server: MakePresence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_chat.delivery.shared_presence._TELL_SECONDS", 0.2)
    one, two = server(), server()
    one.expect(ADA)
    gevent.sleep(0.3)
    assert one.overdue() == [ADA]
    assert two.overdue() == []

    gevent.sleep(0.3)

    assert two.overdue() == [ADA]
    two.settle([ADA])
    gevent.sleep(0.3)
    assert two.overdue() == []


def test_a_server_that_stops_lets_its_people_go_on_elsewhere(server: MakePresence) -> None:
    one, two = server(0.4, 0.5), server(0.4, 0.5)
    two.connected(GRACE)
    one.connected(ADA)
    one.connected(GRACE)

    one.stop()
    gevent.sleep(1)

    assert two.overdue() == [ADA]


def test_the_people_of_a_dead_server_are_seen_to_by_one_server(
    node: Node, server: MakePresence
) -> None:
    one, two, three = server(0.4, 0.5), server(0.4, 0.5), server(0.4, 0.5)
    for number, each in enumerate((one, two, three)):
        each.connected(("r-1", f"m-{number}"))
    one.stop()

    gevent.sleep(1)

    assert dropped(node) == 16  # once in each bucket
    assert two.overdue() == [("r-1", "m-0")]


def test_a_server_with_more_people_than_go_in_one_call_is_seen_to_wholly(
    server: MakePresence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_chat.delivery.shared_presence._AT_ONCE", 3)
    one, two = server(0.2, 0.5), server(0.2, 0.5)
    two.connected(GRACE)
    people = [("r-1", f"m-{number}") for number in range(100)]
    for person in people:
        one.connected(person)

    one.stop()
    gevent.sleep(1)

    gone: list[tuple[str, str]] = []
    while found := two.overdue():
        gone += found
    assert sorted(gone) == sorted(people)


def test_people_are_seen_to_again_if_the_server_that_was_to_do_it_did_not(
    server: MakePresence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_chat.delivery.shared_presence._TELL_SECONDS", 0.3)
    one, two = server(0.1, 0.5), server(0.1, 0.5)
    two.connected(GRACE)
    one.connected(ADA)
    drop = two._drop
    given: list[bytes] = []
    monkeypatch.setattr(two, "_drop", given.append)
    one.stop()
    gevent.sleep(0.3)
    assert len(given) == 1
    monkeypatch.setattr(two, "_drop", drop)

    gevent.sleep(0.8)

    assert two.overdue() == [ADA]


def test_each_server_knows_how_many_share_the_looking(server: MakePresence) -> None:
    one, two, three = server(0.4, 0.5), server(0.4, 0.5), server(0.4, 0.5)
    for each in (one, two, three):
        each.connected(GRACE)
    gevent.sleep(0.3)
    assert [one.shares, two.shares, three.shares] == [3, 3, 3]

    three.stop()
    gevent.sleep(0.3)

    assert [one.shares, two.shares] == [2, 2]


def dropped(node: Node) -> int:
    """How often anybody has looked for the people of a dead server."""
    found: dict[str, dict[str, int]] = node.ask("INFO", "commandstats")
    return found.get("cmdstat_spop", {"calls": 0})["calls"]


def test_a_server_that_was_not_heard_of_names_its_people(server: MakePresence) -> None:
    one, two = server(0.1, 0.5), server(0.1, 0.5)
    two.connected(GRACE)
    one.connected(ADA)
    assert one._heart is not None
    one._heart.kill()
    gevent.sleep(1)
    assert two.overdue() == [ADA]

    one._beat()

    assert one.returned() == [ADA]
    assert two.is_awaited(ADA)


def test_a_redis_that_forgot_everything_is_told_again(node: Node, server: MakePresence) -> None:
    one, two = server(0.2, 0.5), server(0.2, 0.5)
    one.connected(ADA)
    node.ask("FLUSHALL")
    gevent.sleep(0.5)

    assert two.is_awaited(ADA)
    assert one.returned() == [ADA]


def test_nothing_is_left_of_those_who_are_gone(node: Node, server: MakePresence) -> None:
    one = server(0)
    for number in range(50):
        person = ("r-1", f"m-{number}")
        one.expect(person)
        one.connected(person)
        one.disconnected(person)
    gevent.sleep(0.2)
    one.settle(one.overdue())
    one.forget(ADA)

    gevent.sleep(0.1)
    assert node.ask("KEYS", "*") == [b"chat:servers"]
