"""Who is connected, and who has been away for longer than the grace."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_chat.delivery.presence import LocalPresence

GRACE_SECONDS = 20


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def presence(clock: Clock) -> LocalPresence[str]:
    return LocalPresence(GRACE_SECONDS, clock)


def test_somebody_expected_who_never_connects_is_overdue_after_the_grace(
    presence: LocalPresence[str], clock: Clock
) -> None:
    presence.expect("Ada")

    clock.now += GRACE_SECONDS - 0.1
    assert presence.overdue() == []

    clock.now += 0.1
    assert presence.overdue() == ["Ada"]


def test_somebody_connected_is_never_overdue(presence: LocalPresence[str], clock: Clock) -> None:
    presence.expect("Ada")
    presence.connected("Ada")

    clock.now += 3_600

    assert presence.overdue() == []
    assert presence.is_connected("Ada")


def test_a_reload_under_the_grace_is_not_noticed(
    presence: LocalPresence[str], clock: Clock
) -> None:
    presence.connected("Ada")
    for _ in range(10):
        presence.disconnected("Ada")
        clock.now += GRACE_SECONDS - 1
        assert presence.overdue() == []
        presence.connected("Ada")

    clock.now += 3_600
    assert presence.overdue() == []


def test_several_connections_are_one_person(presence: LocalPresence[str], clock: Clock) -> None:
    presence.connected("Ada")
    presence.connected("Ada")
    presence.disconnected("Ada")
    clock.now += 3_600
    assert presence.overdue() == []

    presence.disconnected("Ada")
    assert not presence.is_connected("Ada")
    clock.now += GRACE_SECONDS
    assert presence.overdue() == ["Ada"]


def test_each_is_overdue_once_and_in_order(presence: LocalPresence[str], clock: Clock) -> None:
    for person in ("Ada", "Grace", "Mallory"):
        presence.connected(person)
    for person in ("Grace", "Mallory", "Ada"):
        presence.disconnected(person)
        clock.now += 1

    clock.now += GRACE_SECONDS

    assert presence.overdue() == ["Grace", "Mallory", "Ada"]
    assert presence.overdue() == []


def test_the_last_disconnect_counts_not_the_first(
    presence: LocalPresence[str], clock: Clock
) -> None:
    presence.connected("Ada")
    presence.disconnected("Ada")
    clock.now += 10
    presence.connected("Ada")
    presence.disconnected("Ada")

    clock.now += GRACE_SECONDS - 1
    assert presence.overdue() == []
    clock.now += 1
    assert presence.overdue() == ["Ada"]


def test_being_expected_does_not_touch_those_who_are_connected(
    presence: LocalPresence[str], clock: Clock
) -> None:
    presence.connected("Ada")
    presence.expect("Ada")

    clock.now += 3_600

    assert presence.overdue() == []


def test_somebody_forgotten_is_not_overdue_whatever_closes_later(
    presence: LocalPresence[str], clock: Clock
) -> None:
    presence.connected("Ada")
    presence.connected("Ada")
    presence.forget("Ada")
    presence.disconnected("Ada")
    presence.disconnected("Ada")

    clock.now += 3_600

    assert presence.overdue() == []
    assert not presence.is_connected("Ada")


def test_somebody_unknown_who_disconnects_is_nobody(
    presence: LocalPresence[str], clock: Clock
) -> None:
    presence.disconnected("Mallory")
    presence.forget("Mallory")

    clock.now += 3_600

    assert presence.overdue() == []


def test_without_a_grace_one_is_overdue_at_once(clock: Clock) -> None:
    presence: LocalPresence[str] = LocalPresence(0, clock)
    presence.connected("Ada")

    presence.disconnected("Ada")

    assert presence.overdue() == ["Ada"]


def test_people_need_not_be_comparable(clock: Clock) -> None:
    presence: LocalPresence[object] = LocalPresence(GRACE_SECONDS, clock)
    people = [object(), object()]
    for person in people:
        presence.expect(person)

    clock.now += GRACE_SECONDS

    assert presence.overdue() == people


def test_nothing_is_kept_of_those_who_are_gone(presence: LocalPresence[str], clock: Clock) -> None:
    for number in range(100):
        presence.expect(f"Mallory {number}")
        presence.connected(f"Mallory {number}")
        presence.disconnected(f"Mallory {number}")

    clock.now += GRACE_SECONDS
    presence.overdue()

    assert not any((presence._connections, presence._gone_at, presence._deadlines))


STEPS = st.tuples(
    st.sampled_from(["connected", "disconnected", "expect", "forget"]),
    st.sampled_from(["Ada", "Grace"]),
    st.integers(min_value=0, max_value=15),
)


@given(st.lists(STEPS, max_size=40))
def test_overdue_are_those_whose_last_connection_closed_a_grace_ago(
    steps: list[tuple[str, str, int]],
) -> None:
    clock = Clock()
    presence: LocalPresence[str] = LocalPresence(GRACE_SECONDS, clock)
    open_now = {"Ada": 0, "Grace": 0}
    gone_at = {"Ada": math.inf, "Grace": math.inf}
    for step, person, pause in steps:
        getattr(presence, step)(person)
        before = open_now[person]
        if step == "connected":
            open_now[person], gone_at[person] = before + 1, math.inf
        elif step == "disconnected" and before:
            open_now[person] = before - 1
            gone_at[person] = math.inf if before > 1 else clock.now + GRACE_SECONDS
        elif step == "expect" and not before:
            gone_at[person] = clock.now + GRACE_SECONDS
        elif step == "forget":
            open_now[person], gone_at[person] = 0, math.inf

        clock.now += pause

        expected = {person for person, at in gone_at.items() if at <= clock.now}
        assert set(presence.overdue()) == expected
        gone_at.update(dict.fromkeys(expected, math.inf))
        assert all(presence.is_connected(who) == bool(count) for who, count in open_now.items())
