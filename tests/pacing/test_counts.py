"""Counting: one contract for a process alone, for servers over one Redis, and over a cluster."""

import itertools
import random
import time
from collections.abc import Callable, Iterator

import pytest

from flask_chat.pacing import shared
from flask_chat.pacing.base import Admission, Counts, Guesser, GuessRates, Rate
from flask_chat.pacing.local import Buckets, LocalCounts
from flask_chat.pacing.shared import SharedCounts
from flask_chat.redis_link.link import Link
from tests.over_redis.nodes import SERVERS, Node, nodes

RATES = GuessRates(Rate.within(3, 60), Rate.within(8, 86_400), Rate.within(30, 60))
ADA = Guesser("ada", ("192.0.2.0/24",), is_browser=True)
GRACE = Guesser("grace", ("2001:db8::/64", "2001:db8::/48"), is_browser=True)
NOBODY = Guesser("192.0.2.0/24", ("192.0.2.0/24",), is_browser=False)  # without a cookie
THREE_A_MINUTE = Rate.within(3, 60)

_numbers = itertools.count()


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


MakeCounts = Callable[..., Counts]
MakeShared = Callable[..., SharedCounts]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def over() -> Iterator[MakeShared]:
    """`over(url, clock)`: counts of one more server over that Redis."""
    links: list[Link] = []

    def make(url: str, clock: Clock | None = None) -> SharedCounts:
        links.append(Link(url))
        return SharedCounts(links[-1], RATES, clock)

    yield make
    for link in links:
        link.close()


@pytest.fixture
def node() -> Iterator[Node]:
    """A Redis of this test's own."""
    if not SERVERS:
        pytest.skip("there is no redis-server and no valkey-server")
    with nodes() as make:
        yield make()


@pytest.fixture
def own_place(redis_url: str) -> str:
    """The Redis of these tests, with a prefix of this test's own."""
    return f"{redis_url}?prefix=counts{next(_numbers)}"


@pytest.fixture(params=["alone", "redis", "cluster"])
def counts(request: pytest.FixtureRequest, clock: Clock, over: MakeShared) -> Counts:
    if request.param == "alone":
        return LocalCounts(RATES, clock)
    url = request.getfixturevalue("redis_url" if request.param == "redis" else "cluster_url")
    return over(f"{url}?prefix=counts{next(_numbers)}", clock)


# The contract


def test_what_was_taken_for_nothing_can_be_put_back(counts: Counts, clock: Clock) -> None:
    for _ in range(10):
        assert counts.take("passcode", "ada", THREE_A_MINUTE) == 0
        counts.put_back("passcode", "ada", THREE_A_MINUTE)
    counts.put_back("passcode", "ada", THREE_A_MINUTE)  # a full bucket does not run over

    waits = [counts.take("passcode", "ada", THREE_A_MINUTE) for _ in range(4)]

    assert waits == [0, 0, 0, pytest.approx(20)]


def test_a_burst_and_then_one_after_the_other(counts: Counts, clock: Clock) -> None:
    waits = [counts.take("join", "ada", THREE_A_MINUTE) for _ in range(4)]
    clock.now += 20
    later = [counts.take("join", "ada", THREE_A_MINUTE) for _ in range(2)]

    assert waits == [0, 0, 0, pytest.approx(20)]
    assert later == [0, pytest.approx(20)]


def test_everybody_and_everything_is_counted_apart(counts: Counts) -> None:
    for _ in range(3):
        counts.take("join", "ada", THREE_A_MINUTE)

    assert counts.take("join", "grace", THREE_A_MINUTE) == 0
    assert counts.take("room", "ada", THREE_A_MINUTE) == 0
    assert counts.take("join", "ada", THREE_A_MINUTE) > 0


def test_a_lifted_rate_is_none(counts: Counts) -> None:
    waits = [counts.take("join", "ada", Rate.within(float("inf"), 60)) for _ in range(500)]

    assert not any(waits)


def test_a_clock_set_back_locks_nobody_out_for_long(counts: Counts, clock: Clock) -> None:
    for _ in range(3):
        counts.take("join", "ada", THREE_A_MINUTE)

    clock.now -= 1_000_000

    assert counts.take("join", "ada", THREE_A_MINUTE) <= 20.001


def test_a_network_has_its_codes_and_then_its_reserve(counts: Counts) -> None:
    funds = [counts.admit(ADA).fund for _ in range(13)]

    assert funds == ["codes"] * 8 + ["reserve"] * 4 + [""]
    assert counts.admit(ADA).wait == pytest.approx(86_400 / 8)


def test_what_is_given_back_can_be_taken_again(counts: Counts) -> None:
    for _ in range(50):
        assert counts.admit(GRACE).fund == "codes"
        counts.give_back(GRACE, "codes")


def test_where_the_network_around_has_none_the_one_inside_keeps_its_own(counts: Counts) -> None:
    homes = [
        Guesser(f"bot {n}", (f"2001:db8:0:{n}::/64", "2001:db8::/48"), is_browser=True)
        for n in range(10)
    ]
    for home, _ in itertools.product(homes[:4], range(8)):
        assert counts.admit(home).fund == "codes"

    assert counts.admit(homes[4]).fund == "reserve"
    for home in homes[:4]:
        counts.give_back(home, "codes")
    for _ in range(4):  # as many as were given back, whatever the refused one wanted
        assert counts.admit(homes[4]).fund == "codes"


def test_a_browser_that_is_wrong_often_waits_and_takes_nothing(counts: Counts) -> None:
    for _ in range(3):
        assert not counts.failed(ADA, by_proof=False)

    assert counts.admit(ADA) == Admission("", 2.0, 2.0, is_braked=False)
    assert counts.admit(NOBODY) == Admission("codes", 0.0, 0.0, is_braked=False)


def test_the_brake_goes_on_once(counts: Counts, clock: Clock) -> None:
    bots = [Guesser(f"b{n}", (f"198.18.{n}.0/24",), is_browser=True) for n in range(40)]

    assert [counts.failed(bot, by_proof=False) for bot in bots].count(True) == 1
    assert counts.admit(bots[-1]).is_braked
    assert not counts.admit(bots[0]).is_braked
    assert not counts.admit(ADA).is_braked
    clock.now += 61
    assert not counts.admit(bots[-1]).is_braked


def test_a_challenge_is_spent_once(counts: Counts) -> None:
    assert counts.spend("17.a.b.c", 600)
    assert not counts.spend("17.a.b.c", 600)
    assert counts.spend("17.a.b.d", 600)


# Seconds between what happens: all at once, in bursts with a brake, in hours, over days.
PACES = [[0, 0.1], [0, 0, 0.3, 1, 7], [0, 0, 0, 0, 0, 7, 80, 4000], [0, 20, 2000, 50_000]]


@pytest.mark.parametrize("pace", PACES, ids=["rush", "bursts", "hours", "days"])
@pytest.mark.parametrize("seed", range(3))
def test_redis_decides_as_the_reference_does(
    seed: int, pace: list[float], own_place: str, over: MakeShared, clock: Clock
) -> None:
    chance = random.Random(seed)
    reference, servers = LocalCounts(RATES, clock), [over(own_place, clock) for _ in range(2)]
    guessers = [ADA, GRACE, NOBODY, Guesser("mallory", NOBODY.networks, is_browser=True)]
    guessers += [
        Guesser(f"b{n}", (f"2001:db8:0:{n}::/64", GRACE.networks[1]), is_browser=True)
        for n in range(3)
    ]
    admitted: list[tuple[Guesser, str]] = []

    def act() -> Callable[[Counts], object]:
        who = chance.choice(guessers)
        match chance.randrange(6):
            case 0:
                by_proof = chance.random() < 0.3
                return lambda counts: counts.failed(who, by_proof=by_proof)
            case 1 if admitted:
                given = admitted.pop(chance.randrange(len(admitted)))
                return lambda counts: counts.give_back(*given)
            case 2:
                return lambda counts: counts.take("join", who.own, THREE_A_MINUTE)
        return lambda counts: (who, counts.admit(who))

    for step in range(500):
        action, server = act(), chance.choice(servers)
        one, other = action(reference), action(server)
        if isinstance(one, tuple):
            (who, one), (_, other) = one, other  # type: ignore[misc]
            assert one._replace(own_wait=0, wait=0) == other._replace(own_wait=0, wait=0), step
            assert other[1:3] == pytest.approx(one[1:3], abs=0.01), step
            if one.fund:
                admitted.append((who, one.fund))
        elif one is None:
            # Nobody waits for what is given back. An answer behind it says that it is done.
            server.spend(f"step {step}", 1)
        else:
            assert other == pytest.approx(one, abs=0.01), step
        clock.now += chance.choice(pace)


# Over Redis


def test_two_servers_count_together(own_place: str, over: MakeShared) -> None:
    one, two = over(own_place), over(own_place)  # by the clock of Redis

    waits = [counts.take("join", "ada", THREE_A_MINUTE) for counts in (one, two, one, two)]

    assert waits[:3] == [0, 0, 0]
    assert 19 < waits[3] <= 20
    assert one.spend("proof", 600)
    assert not two.spend("proof", 600)


def test_what_is_counted_roughly_asks_redis_for_what_is_not_ordinary(
    own_place: str, over: MakeShared
) -> None:
    servers = [over(own_place) for _ in range(4)]
    rate = Rate.within(100, 3600)

    given = [
        sum(not counts.take_roughly("handshake", "ada", rate) for _ in range(200))
        for counts in servers
    ]

    assert given == [110, 10, 10, 10]  # a tenth at each, and all the rest where it was wanted first
    assert servers[0].take_roughly("handshake", "ada", rate) == pytest.approx(36, abs=3)


def test_servers_whose_clocks_differ_hand_each_other_nothing(
    own_place: str, over: MakeShared, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = over(own_place), over(own_place)
    for counts, ahead in itertools.islice(itertools.cycle([(one, 0), (two, 86_400)]), 8):
        monkeypatch.setattr(time, "time", lambda ahead=ahead: 1_800_000_000.0 + ahead)
        assert counts.admit(ADA).fund == "codes"

    assert one.admit(ADA).fund == "reserve"


def test_what_counts_for_nothing_any_more_is_gone(node: Node, over: MakeShared) -> None:
    counts = over(node.url)
    for number in range(200):
        counts.take("handshake", f"192.0.2.{number}", Rate.within(600, 60))
        guesser = Guesser(f"b{number}", (f"198.18.{number}.0/24",), is_browser=True)
        counts.give_back(guesser, counts.admit(guesser).fund)
    counts.failed(ADA, by_proof=False)
    node.waits_until(lambda: node.ask("DBSIZE") <= 4)

    lasting = {key: node.ask("PTTL", key) / 1000 for key in node.ask("KEYS", "*")}

    names = {b"chat:{guesses}", b"chat:{guesses}:index", b"chat:{guesses}:of:ada"}
    assert set(lasting) == names | {b"chat:{guesses}:of:192.0.2.0/24"}
    assert 3500 < min(lasting.values()) <= max(lasting.values()) <= 3660


def test_so_many_are_remembered_and_no_more(node: Node, over: MakeShared) -> None:
    counts = over(node.url)
    counts.failed(GRACE, by_proof=False)
    later = time.time() + 90_000
    for start in range(0, 100_000, 10_000):
        many = itertools.chain(*((later, f"b{start + n}") for n in range(10_000)))
        node.ask("ZADD", "chat:{guesses}:index", *many)

    for _ in range(9):
        counts.admit(ADA)

    assert node.ask("ZCARD", "chat:{guesses}:index") == 100_000
    assert node.ask("EXISTS", "chat:{guesses}:of:grace") == 0  # the first to go
    assert counts.admit(ADA).fund == "codes"  # and so was this one, among so many that stay longer


def test_without_redis_each_server_counts_for_itself(
    node: Node, over: MakeShared, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = over(node.url)
    assert counts.take("join", "ada", THREE_A_MINUTE) == 0
    node.kill()

    waits = [counts.take("join", "ada", THREE_A_MINUTE) for _ in range(4)]
    funds = [counts.admit(ADA).fund for _ in range(9)]
    assert counts.spend("proof", 600)
    assert not counts.spend("proof", 600)
    counts.give_back(ADA, "codes")
    assert not counts.failed(ADA, by_proof=False)

    assert waits[:3] == [0, 0, 0]
    assert waits[3] > 0
    assert funds == ["codes"] * 8 + ["reserve"]
    assert capsys.readouterr().out.count("each server counts rates for itself") == 1
    node.start()
    node.waits_until(lambda: _counts_there(counts, node))
    assert "rates are counted together again" in capsys.readouterr().out


def _counts_there(counts: Counts, node: Node) -> bool:
    counts.take("join", "grace", THREE_A_MINUTE)
    return bool(node.ask("EXISTS", "chat:rate:join:grace"))


def test_a_frozen_redis_holds_nobody_up_for_long(node: Node, over: MakeShared) -> None:
    counts = over(node.url)
    counts.take("join", "ada", THREE_A_MINUTE)
    node.pause()

    began = time.monotonic()
    first = counts.take("join", "ada", THREE_A_MINUTE)
    held_up = time.monotonic() - began
    rest = [counts.take("join", "ada", THREE_A_MINUTE) for _ in range(3)]
    node.go_on()

    assert first == 0
    assert held_up < 3
    assert time.monotonic() - began - held_up < 0.1  # nobody after the first waits as well
    assert rest[-1] > 0


def test_the_numbers_of_the_functions_are_those_of_the_reference() -> None:
    source = shared.LIBRARY.source

    for name, value in (
        ("LONGEST_WAIT, FORGIVEN_AFTER, BRAKE", "900, 3600, 60"),
        ("CLOCK_ERROR", "0.001"),
    ):
        assert f"local {name} = {value}\n" in source


# In this process


def test_memory_is_bounded_whoever_comes(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_MOST_RECORDS", "_MOST_SPENT"):
        monkeypatch.setattr(f"flask_chat.pacing.local.{name}", 500)
    counts = LocalCounts(RATES, clock)
    counts._buckets = Buckets(clock, most=500)
    for number in range(5000):
        network = f"10.{number // 256}.{number % 256}.0/24"
        guesser = Guesser(f"bot {number}", (network,), is_browser=True)
        counts.admit(guesser)
        counts.failed(guesser, by_proof=False)
        counts.spend(f"proof {number}", 600)
        clock.now += 0.01

    assert len(counts._records) <= 501
    assert len(counts._buckets) <= 500
    assert len(counts._spent) <= 500
