"""The token bucket that paces posts."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_chat.domain.limits import Bucket, Limits

NOW = 1_800_000_000.0  # where a float is a quarter of a microsecond apart

BURSTS = st.integers(min_value=1, max_value=20)
RATES = st.sampled_from([0.1, 0.5, 1, 2, 3, 6, 100])  # a sixth is rounded up, a third down
PAUSES = st.lists(st.floats(min_value=0, max_value=10), min_size=1, max_size=60)


def test_a_burst_goes_through_and_then_one_has_to_wait() -> None:
    bucket = Bucket()

    waits = [bucket.take(10, 2, NOW) for _ in range(11)]

    assert waits[:10] == [0.0] * 10
    assert waits[10] == pytest.approx(0.5, abs=1e-6)


@given(st.integers(min_value=1, max_value=500), RATES, st.floats(min_value=0, max_value=1e6))
def test_the_whole_burst_goes_through_whatever_the_clock_shows(
    burst: int, rate: float, later: float
) -> None:
    bucket = Bucket()

    waits = [bucket.take(burst, rate, NOW + later) for _ in range(burst + 1)]

    assert not any(waits[:burst])
    assert waits[burst] > 0


def test_a_refusal_takes_nothing() -> None:
    bucket = Bucket()
    for _ in range(3):
        bucket.take(1, 1, NOW)

    assert bucket.take(1, 1, NOW + 1) == 0.0


def test_a_pause_fills_the_bucket_up_to_the_burst_and_no_further() -> None:
    bucket = Bucket()
    for _ in range(10):
        bucket.take(10, 2, NOW)

    taken = sum(bucket.take(10, 2, NOW + 3_600) == 0.0 for _ in range(20))

    assert taken == 10


@pytest.mark.parametrize(("burst", "rate"), [(math.inf, 2), (10, math.inf), (math.inf, math.inf)])
def test_a_lifted_limit_never_waits(burst: float, rate: float) -> None:
    bucket = Bucket()

    assert not any(bucket.take(burst, rate, NOW) for _ in range(1_000))


def test_a_clock_set_back_locks_nobody_out() -> None:
    bucket = Bucket()
    for _ in range(10):
        bucket.take(10, 2, NOW)

    wait = bucket.take(10, 2, NOW - 3_600)

    assert wait == pytest.approx(0.5, abs=1e-6)
    assert bucket.take(10, 2, NOW - 3_600 + wait) == 0.0


@given(BURSTS, RATES, PAUSES)
def test_no_window_holds_more_than_the_burst_and_the_rate_allow(
    burst: int, rate: float, pauses: list[float]
) -> None:
    bucket, now, taken = Bucket(), NOW, []
    for pause in pauses:
        now += pause
        while bucket.take(burst, rate, now) == 0.0:
            taken.append(now)

    for first, start in enumerate(taken):
        for last in range(first, len(taken)):
            assert last - first + 1 <= burst + rate * (taken[last] - start + 0.002)


@given(BURSTS, RATES, PAUSES)
def test_after_the_wait_that_was_named_there_is_a_token(
    burst: int, rate: float, pauses: list[float]
) -> None:
    bucket, now = Bucket(), NOW
    for pause in pauses:
        now += pause
        wait = bucket.take(burst, rate, now)
        if wait:
            now += wait
            assert bucket.take(burst, rate, now) == 0.0


@given(BURSTS, RATES, PAUSES)
def test_whoever_keeps_to_the_rate_is_never_refused(
    burst: int, rate: float, pauses: list[float]
) -> None:
    bucket, now = Bucket(), NOW
    for pause in pauses:
        now += max(pause, 1 / rate)
        assert bucket.take(burst, rate, now) == 0.0


def test_the_defaults_are_those_of_the_design() -> None:
    limits = Limits()

    assert (limits.name_characters, limits.message_characters) == (32, 4_000)
    assert (limits.members_per_room, limits.rooms) == (500, 100_000)
    assert (limits.posts_burst, limits.posts_per_second) == (10, 2)
    assert (limits.leave_grace_seconds, limits.room_grace_seconds) == (20, 3_600)
    assert limits.history_events == 10_000
