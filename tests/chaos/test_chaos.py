"""The short chaos: half a minute of what `make chaos` does for ten."""

from pathlib import Path

import pytest

from tests.chaos.run import Chaos, Plan


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
        live_seconds=4,  # other tests may keep the machine busy; `make chaos` is stricter
    )

    report = Chaos(plan, tmp_path).run()

    print(report.text())
    assert report.is_good, report.text()
    assert report.kills == 4
    assert report.cuts >= 40
    assert len(report.record.acknowledged) > 50
