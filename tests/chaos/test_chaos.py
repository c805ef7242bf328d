"""The short chaos: half a minute each of what `make chaos` does for ten."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos import network
from tests.chaos.run import Chaos, Plan
from tests.chaos.sabotage import SABOTAGE, Sabotage
from tests.over_redis.nodes import SERVERS
from tests.servers import ROOT

PATIENT = 4.0  # other tests may keep the machine busy; `make chaos` is stricter


@pytest.mark.timeout(100)
def test_nothing_is_lost_doubled_or_out_of_order(tmp_path: Path) -> None:
    plan = Plan(
        seed=2026,
        store="sqlite",
        cuts=40,
        kills=4,
        stops=1,
        outage_seconds=4,
        quiet_seconds=2,
        most_seconds=60,
        fault_pause_seconds=0.5,
        browsers=False,
        live_seconds=PATIENT,
    )

    report = Chaos(plan, tmp_path).run()

    print(report.text())
    assert report.is_good, report.text()
    assert report.kills == 4
    assert report.cuts >= 40
    assert len(report.record.acknowledged) > 50


@pytest.mark.timeout(150)
def test_the_same_with_three_servers_over_redis(tmp_path: Path) -> None:
    if not SERVERS:
        pytest.skip("there is no redis-server and no valkey-server")
    plan = Plan(
        seed=25,  # the passer goes first, and is announced before the rest is over
        store="redis",
        servers=3,
        cuts=30,
        kills=2,
        stops=2,
        redis_faults=8,
        goners=1,
        outage_seconds=0,
        quiet_seconds=1,
        most_seconds=90,
        slowest_pause_seconds=1.5,
        browsers=False,
        live_seconds=PATIENT,
        recovery_seconds=8,
    )

    report = Chaos(plan, tmp_path).run()

    print(report.text())
    assert report.is_good, report.text()
    assert (report.kills, report.stops) == (2, 2)
    assert set(report.redis) == {"links", "ears", "frozen", "paused", "killed"}
    assert len(report.record.gone) == 1
    assert len(report.record.acknowledged) > 50


@pytest.mark.timeout(150)
def test_a_server_without_a_network_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is cut off from Redis and from its people, for so long that it is taken for dead."""
    if why := network.missing() or ("" if SERVERS else "there is no redis-server"):
        pytest.skip(why)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    amounts = "--cuts=15 --kills=0 --stops=0 --goners=0 --redis-faults=0 --outage-seconds=0"
    times = "--quiet-seconds=1 --most-seconds=60 --slowest-pause-seconds=2 --live-seconds=4"
    where = "--store=redis --partitions=1 --partition-seconds 12 12 --no-browsers --seed=1"
    command = [sys.executable, "-m", "tests.chaos.run", *f"{where} {amounts} {times}".split()]

    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    print(run.stdout, run.stderr)
    assert run.returncode == 0
    assert " 1 cut off" in run.stdout


@pytest.mark.parametrize("sabotage", SABOTAGE, ids=lambda each: each.name)
def test_what_would_break_a_promise_can_still_be_tried(sabotage: Sabotage) -> None:
    """`python -m tests.chaos.sabotage` tries them, which takes an hour."""
    for edit in sabotage.edits:
        assert (ROOT / edit.file).read_text().count(edit.old) == 1
