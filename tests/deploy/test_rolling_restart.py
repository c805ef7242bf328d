"""A new version comes, one server after the other, while people talk."""

from pathlib import Path

import pytest

from tests.deploy import rolling
from tests.deploy.proxies import missing
from tests.over_redis.nodes import SERVERS


@pytest.mark.timeout(300)
def test_a_rolling_restart_loses_nothing_and_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if why := missing("nginx") or ("" if SERVERS else "there is no redis-server"):
        pytest.skip(why)
    for name in ("REQUESTS_CA_BUNDLE", "WEBSOCKET_CLIENT_CA_BUNDLE"):
        monkeypatch.setenv(name, "")  # so that what the run sets is taken back

    report = rolling.run(tmp_path, people=50, rounds=1)

    assert report.breaches == []
    assert report.posts > 8
    assert report.lines_lost >= 50
    assert report.longest_without_line <= rolling.LONGEST_WITHOUT_A_LINE_SECONDS
    assert report.slowest_stop < 10
