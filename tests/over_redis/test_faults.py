"""Whatever breaks between two servers and Redis: what is acknowledged is kept, and told once."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

import pytest
import redis
import socketio

from tests.over_redis.conftest import MakeNode, Town
from tests.over_redis.nodes import Node, Watched, cluster
from tests.people import Person, wait_until

MakeTown = Callable[..., Town]


class Talker:
    """Posts one message after the other, each again and again until it is acknowledged."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.acknowledged: list[str] = []
        self.refused: list[float] = []  # how long each refusal took
        self.fault: object = None
        self._is_over = False
        self._thread = threading.Thread(target=self._talk)
        self._thread.start()

    def stop(self) -> None:
        """Say the last words and wait for their acknowledgement."""
        self._is_over = True
        self._thread.join()

    def _talk(self) -> None:
        numbers = count(1)
        while not self._is_over and not self.fault:
            text = f"{self.person.me['name']} {next(numbers)}"
            self._say(text)
            self.acknowledged.append(text)

    def _say(self, text: str) -> None:
        key = text.replace(" ", "-")
        while True:
            began = time.monotonic()
            try:
                answer = self.person.says(text, key=key)
            except socketio.exceptions.SocketIOError:
                answer = {"ok": False, "error": {"code": "no answer"}}
            if answer["ok"]:
                return
            if answer["error"]["code"] not in ("unavailable", "no answer"):
                self.fault = answer
                return
            self.refused.append(time.monotonic() - began)
            if len(self.refused) > 100:
                self.fault = answer
                return
            time.sleep(0.2)


@contextmanager
def talking(*people: Person) -> Iterator[list[Talker]]:
    """People talk for the length of a block. Then all have seen all of it, once, in one order."""
    talkers = [Talker(person) for person in people]
    try:
        yield talkers
    finally:
        for talker in talkers:
            talker.stop()
            assert talker.fault is None
    said = [text for talker in talkers for text in talker.acknowledged]
    assert len(said) > 10
    for person in people:
        for talker in talkers:
            person.sees(talker.acknowledged[-1])
        assert sorted(person.texts) == sorted(said)
        assert person.events == people[0].events
        assert [event["seq"] for event in person.events] == list(range(1, len(person.events) + 1))


def both(town: Town) -> tuple[Person, Person]:
    ada = town.opens("Ada", at=0)
    grace = town.joins(ada, "Grace", at=1)
    ada.sees_kind("member_joined", by=grace.me["member_id"])
    return ada, grace


def test_links_to_redis_that_are_cut_are_not_noticed(
    make_node: MakeNode, make_town: MakeTown
) -> None:
    node = make_node()
    ada, grace = both(make_town(node.url, posts_burst=0))

    with talking(ada, grace) as talkers:
        for number in range(12):
            time.sleep(0.2)
            node.ask("CLIENT", "KILL", "TYPE", "pubsub" if number % 2 else "normal")

    assert not any(talker.refused for talker in talkers)


def test_posts_are_refused_within_seconds_while_redis_is_frozen(
    make_node: MakeNode, make_town: MakeTown
) -> None:
    node = make_node()
    ada, grace = both(make_town(node.url, posts_burst=0))

    with talking(ada, grace) as talkers:
        time.sleep(0.3)
        node.pause()
        time.sleep(4)
        node.go_on()
        time.sleep(1)

    for talker in talkers:
        assert 0 < max(talker.refused) < 3
        assert talker.person.client.connected
    assert len(ada.welcomes) == len(grace.welcomes) == 1


def test_a_redis_that_is_killed_and_comes_back_has_everything(
    make_node: MakeNode, make_town: MakeTown
) -> None:
    node = make_node(appendonly="yes", appendfsync="always")
    ada, grace = both(make_town(node.url, posts_burst=0))

    with talking(ada, grace):
        time.sleep(0.5)
        node.kill()
        time.sleep(0.5)
        node.start()
        time.sleep(1.5)


def test_the_members_of_a_killed_server_go_on_at_another(
    make_node: MakeNode, make_town: MakeTown
) -> None:
    town = make_town(make_node().url, ping_timeout_seconds=2, leave_grace_seconds=1)
    ada, grace = both(town)
    mallory = town.joins(ada, "Mallory", at=1)
    ada.says("before")
    grace.sees("before")

    town.kill(1)
    grace = town.moves(grace, at=0, after=grace.events[-1]["seq"])

    left = ada.sees_kind("member_left", member_id=mallory.me["member_id"])
    assert left["reason"] == "gone"
    time.sleep(1)
    gone = [event["member_id"] for event in ada.events if event["kind"] == "member_left"]
    assert gone == [mallory.me["member_id"]]
    assert grace.says("after")["ok"]


def test_a_server_that_was_not_seen_for_a_while_finds_its_people_again(
    make_node: MakeNode, make_town: MakeTown
) -> None:
    town = make_town(make_node().url, ping_timeout_seconds=2, leave_grace_seconds=0.5)
    ada, grace = both(town)

    town.servers[1].process.send_signal(signal.SIGSTOP)
    ada.sees_kind("member_left", member_id=grace.me["member_id"], reason="gone")
    town.servers[1].process.send_signal(signal.SIGCONT)

    wait_until(lambda: ada.events[-1]["kind"] == "member_joined")
    assert ada.events[-1]["by"] == grace.me["member_id"]
    grace.waits_until(lambda: grace.events == ada.events)


def test_a_master_that_dies_is_replaced(make_node: MakeNode, make_town: MakeTown) -> None:
    watched = Watched(make_node)
    # Sentinels let a replica take over that may not have the newest events: wait for one to have.
    ada, grace = both(make_town(f"{watched.url}?replicas=1", posts_burst=0))

    with talking(ada, grace):
        time.sleep(0.3)
        watched.master.kill()
        watched.waits_for_takeover()
        time.sleep(2)


def test_nobody_is_left_with_what_a_redis_has_lost(
    make_node: MakeNode, make_town: MakeTown
) -> None:
    node = make_node()
    ada, grace = both(make_town(node.url))
    ada.says("kept")
    node.ask("SAVE")
    ada.says("lost")
    grace.sees("lost")

    node.kill()
    node.start()

    for person in (ada, grace):
        person.waits_until(lambda person=person: len(person.welcomes) == 2)
        welcome = person.welcomes[-1]
        assert welcome["reset"]
        assert [event.get("text") for event in welcome["events"]][2:] == ["kept"]
    wait_until(lambda: grace.says("found")["ok"])
    ada.sees("found")


def test_a_message_removed_while_a_server_was_cut_off_is_no_loss(
    make_node: MakeNode, make_town: MakeTown
) -> None:
    node = make_node()
    town = make_town(node.url)
    ada, grace = both(town)
    target = ada.says("an error")["seq"]
    grace.sees("an error")

    town.servers[1].process.send_signal(signal.SIGSTOP)
    node.ask("CLIENT", "KILL", "TYPE", "pubsub")
    assert ada.asks("remove", {"target": target})["ok"]
    town.servers[1].process.send_signal(signal.SIGCONT)

    grace.sees_kind("message_removed", target=target)
    assert ada.says("as I was saying")["ok"]
    for person in (ada, grace):
        person.sees("as I was saying")
        assert len(person.welcomes) == 1


def test_who_comes_back_after_a_loss_is_not_left_with_it_either(
    make_node: MakeNode, make_town: MakeTown
) -> None:
    node = make_node()
    town = make_town(node.url, leave_grace_seconds=20)
    ada, grace = both(town)
    ada.says("kept")
    node.ask("SAVE")
    ada.says("lost")
    lost = grace.sees("lost")["seq"]

    grace.disconnects()
    node.kill()
    node.start()
    ada.waits_until(lambda: len(ada.welcomes) == 2)
    wait_until(lambda: ada.says("found")["ok"])
    assert ada.sees("found")["seq"] == lost
    grace = town.moves(grace, at=0, after=lost)

    welcome = grace.welcomes[-1]
    assert welcome["reset"]
    assert [event.get("text") for event in welcome["events"]][2:] == ["kept", "found"]


def test_a_node_of_a_cluster_that_dies_is_replaced(
    make_node: MakeNode, make_town: MakeTown
) -> None:
    made = cluster(make_node, masters=3, replicas=1)
    hosts = ",".join(f"127.0.0.1:{node.port}" for node in made)
    town = make_town(f"redis+cluster://{hosts}", posts_burst=0)
    rooms = [both(town) for _ in range(4)]

    with talking(*rooms[0]):
        time.sleep(0.3)
        _master_of(made, rooms[0][0].room["room_id"]).kill()
        time.sleep(4)

    for ada, grace in rooms:
        assert ada.says("still here")["ok"]
        grace.sees("still here")


def _master_of(made: list[Node], room_id: str) -> Node:
    for node in made[:3]:
        try:
            node.ask("EXISTS", f"chat:{{{room_id}}}")
        except redis.exceptions.MovedError:
            continue
        return node
    pytest.fail("no node has the room")
