"""Ada on one server, Grace on the other: for them it is one place."""

from collections.abc import Callable

from tests.over_redis.conftest import MakeNode, Town
from tests.people import Person, wait_until


def seqs(person: Person) -> list[int]:
    return [event["seq"] for event in person.events]


def test_two_servers_are_one_place(town: Town) -> None:
    ada = town.opens("Ada", at=0)
    grace = town.joins(ada, "Grace", at=1)

    ada.sees_kind("member_joined", by=grace.me["member_id"])
    assert ada.says("Hello from here")["ok"]
    grace.sees("Hello from here")
    assert grace.says("Hello from there")["ok"]
    ada.sees("Hello from there")

    assert seqs(ada) == seqs(grace) == [1, 2, 3, 4]


def test_all_see_one_order(town: Town) -> None:
    ada = town.opens("Ada", at=0)
    grace = town.joins(ada, "Grace", at=1)
    for number in range(100):
        for person in (ada, grace):
            person.client.emit(
                "post", {"key": f"{person.me['name']}-{number}", "text": f"{number}"}
            )

    ada.waits_until(lambda: len(ada.texts) == 200)
    grace.waits_until(lambda: len(grace.texts) == 200)

    assert ada.events == grace.events
    assert seqs(ada) == list(range(1, 203))


def test_somebody_who_comes_late_sees_everything_once(town: Town) -> None:
    ada = town.opens("Ada", at=0)
    late = []
    for number in range(60):
        ada.client.emit("post", {"key": f"k{number}", "text": f"{number}"})
        if number % 10 == 5:
            late.append(town.joins(ada, f"Grace {number}", at=1))

    ada.waits_until(lambda: len(ada.texts) == 60)

    for person in late:
        person.sees("59")
        assert seqs(person) == list(range(1, seqs(person)[-1] + 1))


def test_typing_is_seen_on_the_other_server(town: Town) -> None:
    ada = town.opens("Ada", at=0)
    grace = town.joins(ada, "Grace", at=1)

    assert ada.asks("typing", {"is_typing": True})["ok"]
    grace.waits_until(lambda: grace.typing)

    assert grace.typing == [{"member_id": ada.me["member_id"], "is_typing": True}]
    assert ada.typing == []


def test_a_reload_that_ends_at_the_other_server_is_not_noticed(town: Town) -> None:
    ada = town.opens("Ada", at=0)
    grace = town.joins(ada, "Grace", at=1)
    ada.says("before")
    grace.sees("before")

    grace.disconnects()
    ada.says("meanwhile")
    grace = town.moves(grace, at=0, after=3)

    assert [event["text"] for event in grace.welcomes[0]["events"]] == ["meanwhile"]
    ada.says("after")
    grace.sees("after")
    wait_until(lambda: len(ada.events) == 5)
    assert not [event for event in ada.events if event["kind"] == "member_left"]


def test_one_person_on_two_servers_is_one_person(town: Town) -> None:
    ada = town.opens("Ada", at=0)
    grace = town.joins(ada, "Grace", at=1)
    phone = town.moves(grace, at=0)

    grace.disconnects()
    ada.says("still two")
    phone.sees("still two")
    phone.disconnects()

    left = ada.sees_kind("member_left", member_id=grace.me["member_id"])
    assert left["reason"] == "gone"
    assert left["seq"] > ada.sees("still two")["seq"]


def test_who_leaves_at_one_server_is_disconnected_at_the_other(town: Town) -> None:
    ada = town.opens("Ada", at=0)
    grace = town.joins(ada, "Grace", at=1)
    phone = town.moves(grace, at=0)

    assert grace.asks("leave")["ok"]

    wait_until(lambda: not phone.client.connected)
    ada.sees_kind("member_left", reason="left")
    assert len([event for event in ada.events if event["kind"] == "member_left"]) == 1


def test_so_are_three(make_node: MakeNode, make_town: Callable[..., Town]) -> None:
    town = make_town(make_node().url, count=3, posts_burst=0, leave_grace_seconds=20)
    ada = town.opens("Ada", at=0)
    people = [ada, town.joins(ada, "Grace", at=1), town.joins(ada, "Mallory", at=2)]

    for number in range(10):
        for person in people:
            assert person.says(f"{person.me['name']} {number}", key=f"k{number}")["ok"]
    ada.waits_until(lambda: len(ada.texts) == 30)
    town.kill(2)
    mallory = town.moves(people[2], at=1, after=ada.events[-1]["seq"])
    assert mallory.says("From another server", key="last")["ok"]

    for person in people[:2]:
        person.sees("From another server")
        assert seqs(person) == list(range(1, 35))
        assert person.events == ada.events
