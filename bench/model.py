"""What a million people would need, from what was measured on one machine: `python -m bench.model`.

Reads bench/results/scale.json (`make scale`) and prints the table of docs/scaling.md. All sums are
here and are plain; what is assumed is in `Assumed`, and each can be given as an option.
"""

import argparse
import json
import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

RESULT = Path(__file__).parent / "results/scale.json"

# On the wire around what is sent: IP and TCP headers and the share of acknowledgements.
_PACKET_BYTES = 60
_FRAME_BYTES = 12  # of WebSocket and Socket.IO around an event
_PING_BYTES = 2 * (_PACKET_BYTES + 6)  # one, and its answer
_PING_SECONDS = 25


@dataclass(frozen=True)
class Assumed:
    """What people do and how they are spread. None of it was measured."""

    people: float = 1_000_000
    room_size: float = 30
    active_share: float = 0.2  # of rooms, in which somebody talks
    messages_per_minute: float = 1.0  # of each person in such a room
    servers_per_room: float = 30  # that have people of one room: 1 when rooms stay together
    event_bytes: float = 250
    comings_per_hour: float = 4.0  # connections each person makes: reloads, tunnels, arriving
    post_bytes: float = 160  # of a client, to post
    welcome_bytes: float = 12_000
    load: float = 0.5  # how much of a core is to be used at most
    kept_events: float = 200  # of each room, in Redis
    shard_gb: float = 8.0  # memory of a Redis that can still be copied and restarted quickly


@dataclass(frozen=True)
class Measured:
    """What was measured, in µs of CPU unless the name says otherwise."""

    post_us: float  # a server's for taking a post in and answering
    hear_us: float  # a server's for hearing of an event and making a frame
    deliver_us: float  # a server's for one person
    redis_post_us: float  # without those who listen
    redis_listener_us: float  # for each server that listens to the room
    redis_in_bytes: float  # a post
    redis_out_bytes: float  # a post, its answer alone
    redis_listener_bytes: float  # for each server that listens
    return_ms: float  # a server's for one person who connects
    redis_return_ms: float
    connection_us: float  # a second, when nothing happens
    connection_kb: float
    redis_call_us: float  # for one of the calls that servers make without being asked
    redis_person_bytes: float
    redis_event_bytes: float = 320  # of Redis's memory: docs/redis.md


def read(result: dict[str, Any], connection_kb: float) -> Measured:
    """The figures of `make scale`, taken apart.

    A post costs a server P + 30 W for 30 people on it, and H more for each further server that has
    some of them; one in a room of 3 costs P + 3 W.
    """
    posts = result["posts"]
    one, four = posts["1 servers, rooms of 30"], posts["4 servers, rooms of 30"]
    small = posts["1 servers, rooms of 3"]

    def slope(figure: str) -> float:
        return max((four[figure] - one[figure]) / 3, 0.0)

    deliver = max((one["server_us"] - small["server_us"]) / 27, 0.0)
    hear = slope("server_us")
    return Measured(
        post_us=max(one["server_us"] - 30 * deliver - hear, 0.0),
        hear_us=hear,
        deliver_us=deliver,
        redis_post_us=max(one["redis_us"] - slope("redis_us"), 0.0),
        redis_listener_us=slope("redis_us"),
        redis_in_bytes=one["bytes_in"],
        redis_out_bytes=max(one["bytes_out"] - slope("bytes_out"), 0.0),
        redis_listener_bytes=slope("bytes_out"),
        return_ms=result["storm"]["server_ms"],
        redis_return_ms=result["storm"]["redis_ms"],
        connection_us=result["idle"]["connection_us"],
        connection_kb=connection_kb,
        redis_call_us=result["idle"]["redis_call_us"],
        redis_person_bytes=result["idle"]["redis_bytes_per_person"],
    )


@dataclass(frozen=True)
class Needed:
    """What it comes to. Rates are per second."""

    posts: float
    deliveries: float
    comings: float
    server_cores: float  # busy ones
    servers: int
    people_each: float
    server_memory_gb: float  # of each
    server_out_mbit: float  # of each, to people
    server_redis_mbit: float  # of each, from Redis
    redis_cores: float  # busy ones
    redis_memory_gb: float  # all together
    shards: int
    shard_in_mbit: float
    shard_out_mbit: float
    shard_messages: float  # of each, to servers that listen
    beat_share: float  # of one Redis core, for servers that do nothing


def need(assumed: Assumed, measured: Measured) -> Needed:
    """Servers and shards for these people."""
    rooms = assumed.people / assumed.room_size
    spread = min(assumed.servers_per_room, assumed.room_size)
    posts = rooms * assumed.active_share * assumed.room_size * assumed.messages_per_minute / 60
    deliveries = posts * assumed.room_size
    comings = assumed.people * assumed.comings_per_hour / 3600
    heard = posts * spread

    busy = posts * measured.post_us + heard * measured.hear_us + deliveries * measured.deliver_us
    busy += comings * measured.return_ms * 1000 + assumed.people * measured.connection_us
    server_cores = busy / 1e6
    servers = max(1, math.ceil(server_cores / assumed.load))
    spread = min(spread, servers)

    redis = posts * measured.redis_post_us + heard * measured.redis_listener_us
    unasked = calls_unasked(servers) * measured.redis_call_us
    redis += comings * measured.redis_return_ms * 1000 + unasked
    redis_cores = redis / 1e6
    memory = assumed.people * measured.redis_person_bytes
    memory += rooms * assumed.kept_events * measured.redis_event_bytes
    memory_gb = memory / 1e9
    shards = max(1, math.ceil(redis_cores / assumed.load), math.ceil(memory_gb / assumed.shard_gb))

    to_people = deliveries * (assumed.event_bytes + _FRAME_BYTES + _PACKET_BYTES)
    to_people += comings * assumed.welcome_bytes + assumed.people * _PING_BYTES / _PING_SECONDS
    from_redis = heard * measured.redis_listener_bytes + comings * assumed.welcome_bytes
    redis_in = posts * measured.redis_in_bytes
    return Needed(
        posts=posts,
        deliveries=deliveries,
        comings=comings,
        server_cores=server_cores,
        servers=servers,
        people_each=assumed.people / servers,
        server_memory_gb=assumed.people / servers * measured.connection_kb / 1e6,
        server_out_mbit=to_people * 8 / 1e6 / servers,
        server_redis_mbit=from_redis * 8 / 1e6 / servers,
        redis_cores=redis_cores,
        redis_memory_gb=memory_gb,
        shards=shards,
        shard_in_mbit=redis_in * 8 / 1e6 / shards,
        shard_out_mbit=(from_redis + posts * measured.redis_out_bytes) * 8 / 1e6 / shards,
        shard_messages=heard / shards,
        beat_share=unasked / 1e6,
    )


def calls_unasked(servers: int) -> float:
    """A second: 17 to see what time brings, twice a second altogether but by each every five seconds;
    and a heartbeat of each every two."""
    return 17 * max(2.0, servers / 5) + servers / 2


def table(columns: dict[str, Needed]) -> str:
    """As Markdown, one column for each way to spread people."""
    rows = (
        ("posts a second", "posts", "{:,.0f}"),
        ("deliveries a second", "deliveries", "{:,.0f}"),
        ("people who connect, a second", "comings", "{:,.0f}"),
        ("busy cores of servers", "server_cores", "{:,.1f}"),
        ("**servers of one core**", "servers", "**{:,}**"),
        ("people on each", "people_each", "{:,.0f}"),
        ("memory of connections on each, GB", "server_memory_gb", "{:,.2f}"),
        ("to people from each, Mbit/s", "server_out_mbit", "{:,.1f}"),
        ("from Redis to each, Mbit/s", "server_redis_mbit", "{:,.1f}"),
        ("busy cores of Redis", "redis_cores", "{:,.2f}"),
        ("memory of Redis, GB", "redis_memory_gb", "{:,.1f}"),
        ("**Redis shards**", "shards", "**{:,}**"),
        ("into each, Mbit/s", "shard_in_mbit", "{:,.1f}"),
        ("out of each, Mbit/s", "shard_out_mbit", "{:,.1f}"),
        ("messages to listening servers from each, a second", "shard_messages", "{:,.0f}"),
        ("share of a Redis core for heartbeats and looking", "beat_share", "{:.1%}"),
    )
    lines = ["| | " + " | ".join(columns) + " |", "|---" + "|--:" * len(columns) + "|"]
    for title, name, form in rows:
        cells = (form.format(getattr(each, name)) for each in columns.values())
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for each in fields(Assumed):
        option = "--" + each.name.replace("_", "-")
        parser.add_argument(option, type=float, default=each.default)
    parser.add_argument("--connection-kb", type=float, default=3.0, help="docs/benchmarks.md")
    given = vars(parser.parse_args())
    measured = read(json.loads(RESULT.read_text()), given.pop("connection_kb"))
    print("Measured: " + ", ".join(f"{name} {value:.4g}" for name, value in vars(measured).items()))
    print()
    columns = {}
    for title, spread in (("rooms together", 1), ("3 servers a room", 3), ("by chance", 30)):
        columns[title] = need(Assumed(**{**given, "servers_per_room": spread}), measured)
    if given["servers_per_room"] not in (1, 3, 30):
        columns["as asked"] = need(Assumed(**given), measured)
    print(table(columns))


if __name__ == "__main__":
    main()
