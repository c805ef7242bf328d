"""What rooms cost in Redis: memory, time and commands. `python -m bench.redis_costs [program]`.

Starts a Redis of its own and prints the figures of docs/redis.md.
"""

from gevent import monkey

monkey.patch_all()

import sys
import time
from collections.abc import Callable
from pathlib import Path

import gevent

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from flask_chat.delivery.shared_presence import SharedPresence
from flask_chat.pacing.base import Guesser, Rate
from flask_chat.pacing.shared import SharedCounts
from flask_chat.redis_link.ear import Ears
from flask_chat.redis_link.link import Link
from flask_chat.settings import Settings
from flask_chat.stores.base import Append
from flask_chat.stores.redis.store import RedisStore
from flask_chat.web.guessing import guess_rates
from tests.over_redis.nodes import Node, nodes
from tests.stores.place import Place, posted

ROOMS, PEOPLE, EVENTS = 200, 30, 100
TEXT = "A line of the usual length, about sixty characters of plain text."


def memory(node: Node) -> int:
    return int(node.ask("INFO", "memory")["used_memory"])


def cpu_of(node: Node) -> float:
    found = node.ask("INFO", "cpu")
    return float(found["used_cpu_user"]) + float(found["used_cpu_sys"])


def main(program: str | None) -> None:
    with nodes(program) as make:
        node = make()
        link = Link(node.url)
        place = Place(lambda limits, publish: RedisStore(link, limits, publish), rooms=1e6)
        version = node.ask("INFO", "server")
        print("redis", version.get("valkey_version") or version["redis_version"])
        warm_up(place)
        weigh(node, place, link)
        clock(node, place, link)
        count(node, link)
        place.store.close()


def warm_up(place: Place) -> None:
    ada = place.opens("Ada", code="AAAA")
    place.says(ada, "x")


def code(number: int) -> str:
    letters = "BCDFGHJKMNPQRSTVWXZ"
    return "".join(letters[number // 19**place % 19] for place in range(4))


def weigh(node: Node, place: Place, link: Link) -> None:
    before = memory(node)
    hosts = [place.opens("Ada", code=code(number)) for number in range(ROOMS)]
    print(f"a room with its host: {(memory(node) - before) / ROOMS:.0f} bytes")

    before = memory(node)
    rooms = [[host] for host in hosts]
    for people in rooms:
        people += [place.joins(people[0].room_id, f"Grace {n}") for n in range(1, PEOPLE)]
    print(f"a member: {(memory(node) - before) / ROOMS / (PEOPLE - 1):.0f} bytes (with the event)")

    before, size = memory(node), 0
    for people in rooms:
        events = [
            Append(who.room_id, posted(who, TEXT, f"key-{n:016}"))
            for n, who in enumerate(people * (EVENTS // PEOPLE))
        ]
        answers = place.store.append(events)
        size = len(answers[0].data)
    count = ROOMS * len(events)
    print(f"an event of {size} bytes of JSON: {(memory(node) - before) / count:.0f} bytes")

    before = memory(node)
    for host in hosts:
        for target in range(PEOPLE + 1, PEOPLE + 11):
            place.removes(host, target)
    each = (memory(node) - before) / ROOMS / 10
    print(f"a message removed: {each:.0f} bytes (with the event)")

    before = memory(node)
    presence = SharedPresence(link, 20, lambda a, b: (a, b))
    pool = [gevent.spawn(presence.connected, (w.room_id, w.member_id)) for p in rooms for w in p]
    gevent.joinall(pool, raise_error=True)
    print(f"a connected person: {(memory(node) - before) / ROOMS / PEOPLE:.0f} bytes")


def clock(node: Node, place: Place, link: Link) -> None:
    hosts = [place.opens("Ada", code=code(1000 + number)) for number in range(50)]
    heard = 0

    def hear(channel: str, data: bytes) -> None:
        nonlocal heard
        heard += data.count(b"\n") + 1

    ears = Ears(link, hear, lambda channel: None)
    for host in hosts:
        ears.listen(f"chat:{{{host.room_id}}}:bus")
    for size in (1, 10, 50, 200):
        for rooms in (50,) if size < 50 else (50, 5):
            run(node, place, hosts[:rooms], size, f"{size} at a time, {rooms} rooms")
    gevent.sleep(0.2)
    print("heard", heard)
    ears.close()


def run(node: Node, place: Place, hosts: list, size: int, title: str) -> None:
    posts = 4000 if size > 1 else 2000
    batches = [
        [
            Append(h.room_id, posted(h, TEXT, f"{title[:3].strip()}-{len(hosts)}-{b}-{i}"))
            for i in range(size)
            for h in [hosts[(b * size + i) % len(hosts)]]
        ]
        for b in range(posts // size)
    ]
    stats = node.ask("INFO", "stats")
    wall, cpu, redis_cpu = time.perf_counter(), time.process_time(), cpu_of(node)
    for batch in batches:
        place.store.append(batch)
    gevent.sleep(0)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    redis_cpu = cpu_of(node) - redis_cpu
    after = node.ask("INFO", "stats")
    commands = after["total_commands_processed"] - stats["total_commands_processed"] - 2
    into = after["total_net_input_bytes"] - stats["total_net_input_bytes"]
    out = after["total_net_output_bytes"] - stats["total_net_output_bytes"]
    print(
        f"{title}: {wall / posts * 1e6:.0f} µs, server CPU {cpu / posts * 1e6:.0f} µs, "
        f"Redis CPU {redis_cpu / posts * 1e6:.0f} µs, {commands / posts:.2f} commands, "
        f"{into / posts:.0f} bytes in, {out / posts:.0f} out per post"
    )


def count(node: Node, link: Link) -> None:
    """What counting strangers costs, with the rates of the default settings."""
    counts = SharedCounts(link, guess_rates(Settings()))
    rate = Rate.within(20, 3600)
    guessers = [
        Guesser(f"browser-{n:016}", (f"10.{n // 256}.{n % 256}.0/24",), is_browser=True)
        for n in range(2000)
    ]
    timed(node, "a rate", lambda n: counts.take("room", f"10.0.{n // 256}.{n % 256}/32", rate))
    timed(node, "a right code", lambda n: right(counts, guessers[n]))
    timed(node, "a wrong code", lambda n: wrong(counts, guessers[n]))


def right(counts: SharedCounts, guesser: Guesser) -> None:
    counts.give_back(guesser, counts.admit(guesser).fund)


def wrong(counts: SharedCounts, guesser: Guesser) -> None:
    counts.admit(guesser)
    counts.failed(guesser, by_proof=False)


def timed(node: Node, title: str, act: Callable[[int], object], times: int = 2000) -> None:
    weight, cpu, redis_cpu = memory(node), time.process_time(), cpu_of(node)
    for number in range(times):
        act(number)
    cpu, redis_cpu = time.process_time() - cpu, cpu_of(node) - redis_cpu
    print(
        f"{title}: server CPU {cpu / times * 1e6:.0f} µs, Redis CPU {redis_cpu / times * 1e6:.0f} "
        f"µs, {(memory(node) - weight) / times:.0f} bytes are kept"
    )


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
