"""What is read from the proxy's records: whom an outage hit, and when a line was good."""

from typing import Any

from tests.chaos.checker import Trouble
from tests.chaos.lines import Lines, Outage

INFINITE = float("inf")


def line(*records: tuple[float, str], server: int = 0, number: int = 1) -> list[dict[str, Any]]:
    """The records of one connection of Ada's to a server."""
    return [
        {"link": "Ada", "connection": number, "at": at, "what": what, "server": server}
        for at, what in records
    ]


def starts(lines: Lines) -> list[float]:
    return sorted(trouble.start for trouble in lines.troubles)


def test_with_one_server_everybody_waits_until_it_is_back() -> None:
    records = line((1, "reached"), (2, "welcomed"), (10, "closed"))

    lines = Lines("Ada", records, [[Outage(10, 13, "SIGKILL")]])

    assert lines.troubles == [Trouble(10, 13, "SIGKILL")]
    assert lines.good == [(2, 10)]


def test_with_several_a_dead_server_concerns_those_who_were_there() -> None:
    there = line((1, "reached"), (2, "welcomed"), (10, "closed"))
    outages = [[Outage(10, 13, "SIGKILL")], []]

    assert Lines("Ada", there, outages).troubles == [Trouble(10, 10, "SIGKILL")]

    elsewhere = line((1, "reached"), (2, "welcomed"), server=1)
    lines = Lines("Ada", elsewhere, outages)

    assert lines.troubles == []
    assert lines.good == [(2, INFINITE)]


def test_a_server_that_stops_lets_each_go_in_their_time() -> None:
    records = line((1, "reached"), (2, "welcomed"), (11.5, "closed"))

    lines = Lines("Ada", records, [[Outage(10, 12, "SIGTERM of server 1")], []])

    assert starts(lines) == [11.5]
    assert lines.without_fault == []


def test_a_server_without_a_network_is_lost_before_anybody_notices() -> None:
    records = line((1, "reached"), (2, "welcomed"), (13, "closed"))
    records += line((13.5, "reached"), (13.6, "welcomed"), server=1, number=2)

    lines = Lines("Ada", records, [[Outage(10, 22, "cut off")], []])

    assert starts(lines) == [10]
    assert lines.good == [(2, 10), (13.6, INFINITE)]
    assert lines.welcomes == [2, 13.6]


def test_a_line_that_is_lost_for_no_reason_is_noted() -> None:
    records = line((1, "reached"), (2, "welcomed"), (10, "closed"))

    lines = Lines("Ada", records, [[Outage(20, 22, "SIGKILL")], []])

    assert lines.without_fault == [10]
    assert starts(lines) == [10]
