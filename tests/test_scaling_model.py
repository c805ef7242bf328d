"""The sums of docs/scaling.md."""

from dataclasses import replace
from typing import Any

import pytest

from bench.model import Assumed, Measured, calls_unasked, need, read, table

MEASURED = Measured(
    post_us=100,
    hear_us=20,
    deliver_us=5,
    redis_post_us=40,
    redis_listener_us=4,
    redis_in_bytes=350,
    redis_out_bytes=20,
    redis_listener_bytes=250,
    return_ms=0.5,
    redis_return_ms=0.1,
    connection_us=1,
    connection_kb=10,
    redis_call_us=20,
    redis_person_bytes=500,
)
# One room of 30 in which everybody says 2 messages a minute: one post a second.
ONE_ROOM = Assumed(
    people=30,
    active_share=1,
    messages_per_minute=2,
    servers_per_room=1,
    comings_per_hour=0,
)


def row(server_us: float, redis_us: float, bytes_out: float) -> dict[str, float]:
    return {
        "server_us": server_us,
        "redis_us": redis_us,
        "bytes_in": 350.0,
        "bytes_out": bytes_out,
    }


def test_what_was_measured_is_taken_apart_into_what_it_was_made_of() -> None:
    result: dict[str, Any] = {
        "posts": {
            "1 servers, rooms of 30": row(100 + 20 + 30 * 5, 44, 270),
            "4 servers, rooms of 30": row(100 + 4 * 20 + 30 * 5, 56, 1020),
            "1 servers, rooms of 3": row(100 + 20 + 3 * 5, 44, 270),
        },
        "storm": {"server_ms": 0.5, "redis_ms": 0.1},
        "idle": {"connection_us": 1, "redis_call_us": 20, "redis_bytes_per_person": 500},
    }

    assert vars(read(result, 10)) == pytest.approx(vars(MEASURED))


def test_a_room_that_stays_together_costs_each_post_once() -> None:
    found = need(ONE_ROOM, MEASURED)

    assert found.posts == pytest.approx(1)
    assert found.deliveries == pytest.approx(30)
    assert found.server_cores == pytest.approx((100 + 20 + 30 * 5 + 30 * 1) / 1e6)
    assert found.redis_cores == pytest.approx((40 + 4 + 34.5 * 20) / 1e6)
    assert (found.servers, found.shards) == (1, 1)


def test_a_room_on_three_servers_is_heard_three_times() -> None:
    together, spread = (
        need(ONE_ROOM, MEASURED),
        need(replace(ONE_ROOM, servers_per_room=3), MEASURED),
    )

    assert spread.server_cores - together.server_cores == pytest.approx(2 * 20 / 1e6)
    assert spread.redis_cores - together.redis_cores == pytest.approx(2 * 4 / 1e6)
    assert spread.shard_messages == pytest.approx(3 * together.shard_messages)


def test_nobody_is_on_more_servers_than_there_are_people_in_the_room() -> None:
    assert need(replace(ONE_ROOM, servers_per_room=500), MEASURED) == need(
        replace(ONE_ROOM, servers_per_room=30), MEASURED
    )


def test_servers_and_shards_are_whole_and_no_core_is_fuller_than_it_should_be() -> None:
    found = need(Assumed(), MEASURED)

    assert found.server_cores / found.servers <= Assumed().load
    assert found.server_cores / (found.servers - 1) > Assumed().load
    assert found.redis_cores / found.shards <= Assumed().load


def test_many_servers_share_what_nobody_asked_for() -> None:
    assert calls_unasked(1) == 34.5
    assert calls_unasked(10) == 39
    assert calls_unasked(100) == 390


def test_memory_asks_for_shards_as_well() -> None:
    found = need(replace(Assumed(), active_share=0, shard_gb=1), MEASURED)

    assert found.redis_memory_gb == pytest.approx(0.5 + 1e6 / 30 * 200 * 320 / 1e9)
    assert found.shards == 3


def test_the_table_has_a_column_for_each() -> None:
    found = need(Assumed(), MEASURED)

    lines = table({"one": found, "two": found}).splitlines()

    assert lines[0] == "| | one | two |"
    assert {line.count("|") for line in lines} == {4}
