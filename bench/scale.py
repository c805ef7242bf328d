#!/usr/bin/env python3
"""Measures many servers over one Redis: what a delivery, a post, a server and a storm cost.

make scale                              everything (about ten minutes)
make scale ARGS="--sections storm"      one part

What comes of it is printed and kept in bench/results/scale.json, each part beside the others.

bench/README.md says what is measured; docs/scaling.md what came of it.
"""

import argparse
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import peers
from contenders import BENCH
from measure import Server, Steered, raise_file_limit, rss_kb
from summary import machine, versions
from towns import Counts, Town, town

RESULT = BENCH / "results/scale.json"
IN_FLIGHT = (1, 4, 16)
SPREADS = (1, 2, 4)  # servers

Figures = dict[str, Any]


def deliveries(rounds: int) -> Figures:
    """CPU per delivery in rooms of 100, saturated: one server in memory, and 1, 2, 4 over a Redis.

    All are up all the time and take turns in short phases.
    """
    names = {"memory": 1, "redis-1": 1, "redis-2": 2, "redis-4": 4}
    seen: dict[tuple[str, int], list[Figures]] = defaultdict(list)
    with ExitStack() as stack:
        talks: dict[str, Steered] = {}
        for name, count in names.items():
            made = town(name, count, store="memory:" if name == "memory" else "")
            place = stack.enter_context(made)
            talks[name] = stack.enter_context(place.people(connections=1000, room_size=100))
        for window in IN_FLIGHT:
            for _ in range(rounds):
                for name, talk in talks.items():
                    seen[name, window].append(talk.saturated(window, 0.15, 0.4))
        for name, talk in talks.items():
            check(name, talk)
    rows = {f"{name} {window}": of_phases(phases) for (name, window), phases in seen.items()}
    for window in IN_FLIGHT:
        for name in names:
            row = rows[f"{name} {window}"]
            row["ratio"] = row["server_us"] / rows[f"memory {window}"]["server_us"]
            print(
                f"{name:8} {window:3} in flight: {row['server_us']:.2f} µs a delivery "
                f"(× {row['ratio']:.2f}), Redis {row['redis_us']:.2f}, joined {row['joined']:.1f}, "
                f"{row['per_second']:,.0f}/s, p50 {row['p50_ms']:.1f} ms, others {row['others']:.0%}",
                flush=True,
            )
    return rows


def of_phases(phases: list[Figures]) -> Figures:
    """Medians of that half of the phases in which other programs took least of the machine."""

    def others(phase: Figures) -> float:
        return float(phase["others_busy"] - sum(phase["beside_busy"]))

    quiet = sorted(phases, key=others)[: (len(phases) + 1) // 2]
    return {
        "server_us": median(quiet, lambda phase: phase["server_us_per_delivery"]),
        "redis_us": median(
            quiet, lambda p: sum(p["beside_busy"]) / p["deliveries_per_second"] * 1e6
        ),
        "joined": median(quiet, lambda phase: phase["frames_per_read"]),
        "per_second": median(quiet, lambda phase: phase["deliveries_per_second"]),
        "p50_ms": median(quiet, lambda phase: phase["p50_ms"]),
        "busy": median(quiet, lambda phase: phase["server_busy"]),
        "others": median(quiet, others),
    }


def posts(rounds: int) -> Figures:
    """What a post costs servers and Redis, by the size of its room and the servers it is spread over.

    At a fixed rate of 500 posts a second, less what the same people cost when they are silent.
    """
    kinds = [*((count, 30) for count in SPREADS), (1, 3)]
    seen: dict[tuple[int, int], list[Figures]] = defaultdict(list)
    with ExitStack() as stack:
        towns: dict[tuple[int, int], tuple[Town, Steered]] = {}
        for count, size in kinds:
            place = stack.enter_context(town(f"posts-{count}-{size}", count))
            talk = stack.enter_context(place.people(connections=600, room_size=size))
            towns[count, size] = place, talk
        for _ in range(rounds):
            for (count, size), (place, talk) in towns.items():
                seen[count, size].append(post_costs(place, talk, 500 * size))
        for (count, size), (_, talk) in towns.items():
            check(f"{count} servers, rooms of {size}", talk)
    rows = {}
    for (count, size), spent in seen.items():
        quiet = sorted(spent, key=lambda each: each["others"])[: (rounds + 1) // 2]
        row = {figure: median(quiet, lambda each, f=figure: each[f]) for figure in spent[0]}
        rows[f"{count} servers, rooms of {size}"] = row
        print(
            f"{count} servers, rooms of {size}: servers {row['server_us']:.0f} µs a post, "
            f"Redis {row['redis_us']:.0f} µs, {row['calls']:.2f} calls, "
            f"{row['commands']:.1f} commands within, {row['bytes_in']:.0f} bytes in, "
            f"{row['bytes_out']:.0f} out, p50 {row['p50_ms']:.2f} p99 {row['p99_ms']:.2f} ms",
            flush=True,
        )
    return rows


def post_costs(place: Town, talk: Steered, rate: float, seconds: float = 1.2) -> Figures:
    talk.fixed(rate, 0.1, 0.2)
    silent, silent_cpu, silent_for = while_(place, lambda: time.sleep(seconds))
    phases: list[Figures] = []
    spoken, cpu, spoken_for = while_(place, lambda: phases.append(talk.fixed(rate, 0.0, seconds)))
    posted, share = phases[0]["posts"], spoken_for / silent_for
    return {
        "server_us": (cpu - silent_cpu * share) / posted * 1e6,
        "redis_us": (spoken.cpu_seconds - silent.cpu_seconds * share) / posted * 1e6,
        "calls": (spoken.calls - silent.calls * share) / posted,
        "commands": (spoken.commands - silent.commands * share) / posted,
        "bytes_in": (spoken.bytes_in - silent.bytes_in * share) / posted,
        "bytes_out": (spoken.bytes_out - silent.bytes_out * share) / posted,
        "p50_ms": phases[0]["p50_ms"],
        "p99_ms": phases[0]["p99_ms"],
        "others": phases[0]["others_busy"] - sum(phases[0]["beside_busy"]),
    }


def while_(place: Town, act: Callable[[], None]) -> tuple[Counts, float, float]:
    """What Redis did, the servers used and the clock showed meanwhile."""
    counts, cpu, began = place.counts(), place.cpu_seconds(), time.monotonic()
    act()
    took = time.monotonic() - began
    return place.counts().since(counts), place.cpu_seconds() - cpu, took


def bystander(rounds: int) -> Figures:
    """What a third server with silent people pays while the rooms of two others are saturated."""
    idle, meanwhile, talked = [], [], 0.0
    with (
        town("bystander", 3) as place,
        place.people(connections=600, room_size=30, at=place.servers[2:]) as silent,
        place.people(connections=1000, room_size=100, at=place.servers[:2]) as talk,
    ):
        third = place.servers[2]
        for _ in range(rounds):
            idle.append(share_of(third, lambda: time.sleep(1.5)))
            phases: list[Figures] = []
            meanwhile.append(share_of(third, lambda p=phases: p.append(talk.saturated(4, 0, 1.5))))
            talked += phases[0]["posts"] / phases[0]["seconds"] / rounds
        check("bystander", talk)
        check("bystander", silent)
    row = {
        "idle_share": statistics.median(idle),
        "meanwhile_share": statistics.median(meanwhile),
        "posts_per_second": talked,
    }
    row["us_per_post"] = (row["meanwhile_share"] - row["idle_share"]) / talked * 1e6
    print(
        f"a bystander takes {row['idle_share']:.2%} of a core when all are silent, "
        f"{row['meanwhile_share']:.2%} beside {talked:,.0f} posts a second "
        f"({row['us_per_post']:+.2f} µs a post; idle between {min(idle):.2%} and {max(idle):.2%})",
        flush=True,
    )
    return row


def share_of(server: Server, act: Callable[[], None]) -> float:
    cpu, began = server.cpu_seconds(), time.monotonic()
    act()
    return (server.cpu_seconds() - cpu) / (time.monotonic() - began)


def idle(rounds: int) -> Figures:
    """What servers cost themselves and Redis, each second, when everybody is silent."""
    with town("idle", 4) as place, ExitStack() as stack:
        for server in place.servers:
            stack.enter_context(place.people(connections=30, room_size=30, at=[server]))
        time.sleep(3)  # until all have heard of each other
        few, few_cpu, few_for = while_(place, lambda: time.sleep(4.0 * rounds))
        memory = place.counts().memory
        talk = stack.enter_context(place.people(connections=6000, room_size=30))
        memory = (place.counts().memory - memory) / 6000
        time.sleep(1)
        _, many_cpu, many_for = while_(place, lambda: time.sleep(4.0 * rounds))
        check("idle", talk)
    row = {
        "redis_call_us": few.cpu_seconds / few.calls * 1e6,
        "redis_us": few.cpu_seconds / few_for * 1e6,
        "calls": few.calls / few_for,
        "bytes_in": few.bytes_in / few_for,
        "bytes_out": few.bytes_out / few_for,
        "server_us": few_cpu / few_for / 4 * 1e6,
        "connection_us": max(many_cpu / many_for - few_cpu / few_for, 0.0) / 6000 * 1e6,
        "redis_bytes_per_person": memory,
    }
    print(
        f"four silent servers make {row['calls']:.1f} calls a second, {row['redis_us']:,.0f} µs of "
        f"Redis ({row['redis_call_us']:.0f} a call); each takes {row['server_us']:,.0f} µs itself, "
        f"a silent connection {row['connection_us']:.2f} µs; a person takes "
        f"{row['redis_bytes_per_person']:,.0f} bytes of Redis",
        flush=True,
    )
    return row


def storm(people: int) -> Figures:
    """A server is killed; its people come back to two others, where all talk on.

    Two thirds of all were on it; every room had people on all three.
    """
    connections = people * 3 // 2 // 30 * 30
    with town("storm", 3) as place:
        one, two, doomed = place.servers
        with place.people(
            connections=connections,
            room_size=30,
            at=[one, two, doomed, doomed, doomed, doomed],
            senders=connections // 30,
        ) as talk:
            kb = rss_kb(doomed.pid)
            row = talk.storm(doomed, 3000, 4, 120)
            check("storm", talk)
    before, during = row["before"], row["during"]
    back = row["lost"] - row["missing"]
    row["server_ms"] = ms_each(during, before, "server_seconds", back)
    row["redis_ms"] = ms_each(during, before, "beside_seconds", back)
    row["server_rss_kb"] = kb
    print(
        f"{row['lost']:,} lost their server, {back:,} of them were back within "
        f"{row['return_worst_ms'] / 1000:.1f} s (half {row['return_p50_ms'] / 1000:.1f} s), "
        f"{row['turned_away']} refusals on the way; {row['server_ms']:.2f} ms of the servers and "
        f"{row['redis_ms']:.2f} ms of Redis each. The {row['stayed']:,} who stayed: p50 "
        f"{before['p50_ms']:.1f} / {during['p50_ms']:.1f} / {row['after']['p50_ms']:.1f} ms, p99 "
        f"{before['p99_ms']:.0f} / {during['p99_ms']:.0f} / {row['after']['p99_ms']:.0f} ms before, "
        "during and after",
        flush=True,
    )
    if row["missing"]:
        raise RuntimeError(f"{row['missing']} did not come back")
    return row


def ms_each(during: Figures, before: Figures, figure: str, count: int) -> float:
    """CPU for each of so many, less what talking alone costs in the same time."""
    talking = before[figure] / before["seconds"] * during["seconds"]
    return float((during[figure] - talking) / count * 1000)


def check(name: str, talk: Steered) -> None:
    """Raises RuntimeError unless everything has come to everybody, once and in order."""
    checked = talk.check()
    if not checked["good"]:
        raise RuntimeError(f"{name}: not every delivery was right: {json.dumps(checked)}")


def median(rows: Iterable[Figures], figure: Callable[[Figures], float]) -> float:
    return statistics.median(figure(row) for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sections = ("deliveries", "posts", "bystander", "idle", "storm")
    parser.add_argument("--sections", help=f"some of {','.join(sections)}")
    parser.add_argument("--rounds", type=int, default=10, help="of short phases, for deliveries")
    parser.add_argument("--people", type=int, default=10_000, help="who lose their server")
    given = parser.parse_args()
    chosen = given.sections.split(",") if given.sections else sections
    peers.prepare([])
    raise_file_limit()
    acts: dict[str, Callable[[], Figures]] = {
        "deliveries": lambda: deliveries(given.rounds),
        "posts": lambda: posts(8),
        "bystander": lambda: bystander(5),
        "idle": lambda: idle(2),
        "storm": lambda: storm(given.people),
    }
    for name in chosen:
        keep(name, acts[name]())


def keep(section: str, figures: Figures) -> None:
    """Put what was measured into the file, beside the other sections."""
    found: Figures = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    found |= {"machine": machine(), section: figures}
    head = {"at": datetime.now(UTC).isoformat(timespec="minutes")}
    head["commit"] = versions().get("Flask Chat App", "")
    found.setdefault("measured", {})[section] = head
    RESULT.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
