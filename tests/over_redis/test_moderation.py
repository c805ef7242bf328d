"""A host at one server keeps order among people at another."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.hostile.test_moderation import Browser
from tests.over_redis.conftest import MakeNode, Town
from tests.people import Person, wait_until

WAIT_SECONDS = 10


def moderate(person: Person, action: str, **what: Any) -> dict[str, Any]:
    return person.asks("moderate", {"action": action, **what})


def room_of(person: Person) -> str:
    return f"{person.url}/api/v1/rooms/{person.code}"


def joined(person: Person) -> dict[str, str]:
    """Who is said to have come in, by name."""
    found = (event["member"] for event in person.events if event["kind"] == "member_joined")
    return {member["name"]: member["member_id"] for member in found}


def joins(person: Person, **body: str) -> requests.Response:
    return requests.post(f"{room_of(person)}/members", json=body, timeout=WAIT_SECONDS)


def test_a_mute_holds_at_once_wherever_somebody_is(town: Town) -> None:
    ada = town.opens("Ada", at=0)
    mallory = town.joins(ada, "Mallory", at=1)

    assert moderate(ada, "mute", member_id=mallory.me["member_id"], seconds=60)["ok"]

    assert mallory.says("spam")["error"]["code"] == "muted"
    mallory.sees_kind("member_changed", member_id=mallory.me["member_id"])


def test_slow_mode_counts_the_messages_of_both_servers(town: Town) -> None:
    ada = town.opens("Ada", at=0)
    grace = town.joins(ada, "Grace", at=1)
    phone = town.moves(grace, at=0)
    assert moderate(ada, "change_room", slow_mode_seconds=60)["ok"]

    answers = [grace.says("one", key="k1"), phone.says("two", key="k2")]

    assert answers[0]["ok"]
    assert answers[1]["error"]["code"] == "slow_mode"
    assert 55 < answers[1]["error"]["retry_after_seconds"] <= 60.1


def test_somebody_banned_is_cut_off_at_the_other_server_and_kept_out_of_both(town: Town) -> None:
    ada = town.opens("Ada", at=0)
    mallory = town.joins(ada, "Mallory", at=1)

    moderate(ada, "ban", member_id=mallory.me["member_id"], seconds=60, network=True)

    wait_until(lambda: not mallory.client.connected)
    mallory.sees_kind("member_removed")
    for door in (ada, mallory):
        assert joins(door, name="Trudy").json()["code"] == "banned"


def test_a_removed_message_is_gone_at_both(town: Town) -> None:
    ada = town.opens("Ada", at=0)
    mallory = town.joins(ada, "Mallory", at=1)
    target = mallory.says("an insult")["seq"]

    assert ada.asks("remove", {"target": target})["ok"]

    mallory.sees_kind("message_removed", target=target)
    for at in (0, 1):
        late = town.joins(ada, f"Grace {at}", at=at)
        shown = next(event for event in late.events if event["seq"] == target)
        assert (shown["text"], shown["removed"]) == ("", True)
        assert ada.says(f"we go on {at}")["ok"]
        late.sees(f"we go on {at}")


def test_a_host_at_one_server_hears_of_who_knocks_at_the_other(town: Town) -> None:
    ada = town.opens("Ada", at=0)
    bob = town.joins(ada, "Bob", at=1)
    moderate(ada, "change_room", knock=True)
    rings: list[int] = []
    ada.client.on("knocks", lambda message: rings.append(message["waiting"]))

    ticket = joins(bob, name="Grace").json()["knock"]
    wait_until(lambda: rings == [1])
    (knock,) = moderate(ada, "knocks")["knocks"]
    assert moderate(ada, "admit", knock_id=knock["knock_id"])["ok"]

    assert joins(bob, name="Grace", knock=ticket).status_code == 201


def test_an_invite_made_at_one_server_is_good_at_the_other(town: Town) -> None:
    ada = town.opens("Ada", at=0)
    bob = town.joins(ada, "Bob", at=1)
    moderate(ada, "change_room", locked=True, passcode="open sesame")

    invite = ada.asks("invite", {})["invite"]

    assert joins(bob, name="Grace").status_code == 404
    assert joins(bob, name="Grace", invite=invite).status_code == 201


def test_two_who_change_different_things_at_once_both_do(town: Town) -> None:
    ada = town.opens("Ada", at=0)
    alan = town.joins(ada, "Alan", at=1)
    moderate(ada, "set_role", member_id=alan.me["member_id"], role="cohost")

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(moderate, ada, "change_room", topic="Maths")
        other = pool.submit(moderate, alan, "change_room", slow_mode_seconds=5)

    assert one.result()["ok"]
    assert other.result()["ok"]
    room = town.joins(ada, "Grace", at=1).welcomes[0]["room"]
    assert (room["topic"], room["slow_mode_seconds"]) == ("Maths", 5)


def test_a_room_handed_over_at_both_servers_at_once_goes_to_one_and_says_so(town: Town) -> None:
    ada = town.opens("Ada", at=0)
    alan, grace = town.joins(ada, "Alan", at=0), town.joins(ada, "Grace", at=1)
    phone = town.moves(ada, at=1)

    with ThreadPoolExecutor(2) as pool:
        tried = {
            heir.me["member_id"]: pool.submit(
                moderate, host, "hand_over", member_id=heir.me["member_id"]
            )
            for host, heir in ((ada, alan), (phone, grace))
        }

    heirs = [heir for heir, answer in tried.items() if answer.result()["ok"]]
    assert heirs == [alan.sees_kind("host_changed")["member_id"]]
    assert [e["member_id"] for e in alan.events if e["kind"] == "host_changed"] == heirs


def test_a_passcode_set_at_one_server_and_lifted_at_the_other_is_what_the_room_says(
    town: Town,
) -> None:
    ada = town.opens("Ada", at=0)
    phone = town.moves(ada, at=1)

    for number in range(5):
        with ThreadPoolExecutor(2) as pool:
            one = pool.submit(moderate, ada, "change_room", passcode=f"number {number}")
            other = pool.submit(moderate, phone, "change_room", passcode="")

        assert one.result()["ok"]
        assert other.result()["ok"]
        asks = joins(phone, name=f"Grace {number}").status_code == 403
        assert requests.get(room_of(ada), timeout=5).json()["has_passcode"] is asks


def test_a_mute_at_one_server_is_not_left_behind_at_the_other(town: Town) -> None:
    ada = town.opens("Ada", at=0)
    mallory = town.joins(ada, "Mallory", at=0)
    moderate(ada, "mute", member_id=mallory.me["member_id"], seconds=60)
    mallory.asks("leave", {})

    trudy = town.joins(ada, "Trudy", at=1)

    assert trudy.says("spam")["error"]["code"] == "muted"


def test_when_the_host_is_gone_for_good_one_server_names_one_successor(
    make_node: MakeNode, tmp_path: Path
) -> None:
    town = Town(tmp_path, make_node().url, 2, {"host_grace_seconds": 1})
    try:
        ada = town.opens("Ada", at=0)
        alan = town.joins(ada, "Alan", at=0)
        grace = town.joins(ada, "Grace", at=1)
        ada.goes()

        change = grace.sees_kind("host_changed", previous=ada.me["member_id"])

        assert change["member_id"] == alan.me["member_id"]
        assert alan.says("I am the host")["ok"]
        grace.sees("I am the host")
        assert len([e for e in grace.events if e["kind"] == "host_changed"]) == 1
    finally:
        town.close()


def test_nothing_of_a_co_host_at_one_server_comes_after_their_demotion_at_the_other(
    town: Town,
) -> None:
    ada = town.opens("Ada", at=0)
    alan, grace = town.joins(ada, "Alan", at=1), town.joins(ada, "Grace", at=0)
    who = {"member_id": alan.me["member_id"]}

    for _ in range(5):
        assert moderate(ada, "set_role", role="cohost", **who)["ok"]
        with ThreadPoolExecutor(2) as pool:
            acts = [
                pool.submit(moderate, alan, "mute", member_id=grace.me["member_id"], seconds=60 + n)
                for n in range(4)
            ]
            demoted = pool.submit(moderate, ada, "set_role", role="guest", **who)
        assert demoted.result()["ok"]
        assert {act.result().get("error", {}).get("code") for act in acts} <= {None, "forbidden"}

    late = town.joins(ada, "Kate", at=0)
    is_cohost = False
    for event in late.events:
        if event["kind"] == "member_changed" and event["by"] == who["member_id"]:
            assert is_cohost
        if event.get("member_id") == who["member_id"] and "role" in event:
            is_cohost = event["role"] == "cohost"


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_mute_at_one_server_reaches_who_else_somebody_is_and_is_away(
    town: Town, is_gone: bool
) -> None:
    ada = town.opens("Ada", at=0)
    mallory, trudy = Browser(town.servers[1]), Browser(town.servers[0])
    mallory.sends("/", code="", name="")  # which gets a cookie that names the browser
    trudy.session.cookies = mallory.session.cookies.copy()
    mallory.joins(ada.code, "Mallory")
    trudy.joins(ada.code, "Trudy")
    trudy.url = mallory.url
    ids = ada.waits_until(lambda: joined(ada) if "Trudy" in joined(ada) else None)
    if is_gone:
        ada.sees_kind("member_left", member_id=ids["Trudy"], reason="gone")

    assert moderate(ada, "mute", member_id=ids["Mallory"], seconds=60)["ok"]

    assert trudy.says(ada.code, "spam").json()["code"] == "muted"
    assert mallory.says(ada.code, "spam").json()["code"] == "muted"
