#!/usr/bin/env python3
"""Compares contenders on a machine that has other things to do as well.

python bench/in_turn.py ours sqlite                         saturated, rooms of 10
python bench/in_turn.py ours sqlite --in-flight 1
python bench/in_turn.py ours uws ws --rate 5000 --sizes 10,100,1000
python bench/in_turn.py ours old --app-rest 'old=CHECKOUT/.venv/bin/python CHECKOUT/main.py --port {port}'

All are up at the same time and take turns in short phases. Of the phases of each that half counts in
which other programs took least of the machine; medians. The first one is what the others are
compared with.
"""

import argparse
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import contenders
import peers
from measure import Steered, load_command, raise_file_limit, running, write_auths

CONNECTIONS = 1000
Figures = dict[str, Any]


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("names", nargs="+", help="contenders, as in bench/run --list")
    add("--sizes", default="10", help="room sizes [10]")
    add("--in-flight", type=int, default=4, help="messages of a room when saturated [4]")
    add("--rate", type=int, default=0, help="deliveries a second, instead of saturated")
    add("--rounds", type=int, default=12, help="phases of each [12]")
    add("--app-rest", action="append", default=[], metavar="NAME=COMMAND", help="as in bench/run")
    return parser.parse_args()


def choose(given: argparse.Namespace) -> list[contenders.Contender]:
    known = [contenders.ours(), contenders.ours_on_sqlite(), *contenders.peers()]
    known += [contenders.given(text, rest=True) for text in given.app_rest]
    by_name = {each.name: each for each in known}
    unknown = set(given.names) - set(by_name)
    if unknown:
        raise SystemExit(f"There is no {', '.join(unknown)}; there are {', '.join(by_name)}.")
    return [by_name[name] for name in given.names]


def compare(chosen: list[contenders.Contender], size: int, given: argparse.Namespace) -> None:
    phases: dict[str, list[Figures]] = defaultdict(list)
    with ExitStack() as stack:
        talks = {each.name: stack.enter_context(people(each, size)) for each in chosen}
        for talk in talks.values():
            phase(talk, given)  # the first phase warms up
        for number in range(given.rounds):
            for name in sorted(talks, key=given.names.index, reverse=number % 2 == 1):
                phases[name].append(phase(talks[name], given))
        for name, talk in talks.items():
            if not talk.check()["good"]:
                raise SystemExit(f"Not every delivery of {name} was right.")
    rows = {name: of_quiet_half(seen) for name, seen in phases.items()}
    first = rows[given.names[0]]
    for name, row in rows.items():
        print(
            f"{name:10} rooms of {size:<5} {row['us']:6.2f} µs/delivery "
            f"({row['us'] / first['us']:.2f} ×) {row['per_second']:9,.0f}/s "
            f"({row['per_second'] / first['per_second']:.2f} ×), p50 {row['p50_ms']:.2f} "
            f"p99 {row['p99_ms']:.2f} ms, others {row['others']:.0%}",
            flush=True,
        )


@contextmanager
def people(contender: contenders.Contender, size: int) -> Iterator[Steered]:
    """A server of its own, with everybody connected; nobody says anything yet."""
    with running(contender) as server:
        auths, _ = write_auths(
            contender, server, connections=CONNECTIONS, room_size=size, prefix="m"
        )
        with closing(Steered(load_command([server], auths, connections=CONNECTIONS))) as talk:
            yield talk


def phase(talk: Steered, given: argparse.Namespace) -> Figures:
    if given.rate:
        return talk.fixed(given.rate, 0.15, 1.0)
    return talk.saturated(given.in_flight, 0.1, 0.5)


def of_quiet_half(phases: list[Figures]) -> Figures:
    quiet = sorted(phases, key=lambda each: each["others_busy"])[: (len(phases) + 1) // 2]

    def median(figure: Callable[[Figures], float]) -> float:
        return statistics.median(map(figure, quiet))

    return {
        "us": median(lambda each: each["server_us_per_delivery"]),
        "per_second": median(lambda each: each["deliveries_per_second"]),
        "p50_ms": median(lambda each: each["p50_ms"]),
        "p99_ms": median(lambda each: each["p99_ms"]),
        "others": median(lambda each: each["others_busy"]),
    }


def main() -> None:
    given = options()
    chosen = choose(given)
    peers.prepare(chosen)
    raise_file_limit()
    for size in map(int, given.sizes.split(",")):
        compare(chosen, size, given)


if __name__ == "__main__":
    main()
