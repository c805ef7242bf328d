"""Mallory goes from server to server, and has no more of anything for that."""

from collections.abc import Callable

import requests

from tests.over_redis.conftest import Town
from tests.over_redis.nodes import Node

MakeNode = Callable[..., Node]


def test_rooms_are_counted_for_all_servers(
    make_node: MakeNode, make_town: Callable[..., Town]
) -> None:
    town = make_town(make_node().url, rooms_per_hour=5)

    statuses = [
        requests.post(
            f"{town.servers[turn % 2].url}/api/v1/rooms", json={"name": "Mallory"}, timeout=5
        ).status_code
        for turn in range(8)
    ]

    assert statuses == [201] * 5 + [429] * 3


def test_handshakes_and_wrong_codes_are_counted_for_all_servers(
    make_node: MakeNode, make_town: Callable[..., Town]
) -> None:
    town = make_town(make_node().url, handshakes_per_minute=6, failed_lookups_per_day=8)

    def ask(path: str, turns: int) -> list[int]:
        return [
            requests.get(f"{town.servers[turn % 2].url}{path}", timeout=5).status_code
            for turn in range(turns)
        ]

    assert ask("/socket.io/?EIO=4&transport=polling", 9) == [200] * 6 + [429] * 3
    assert ask("/api/v1/rooms/QQQB", 6) == [404] * 4 + [429] * 2
