"""Servers of the engine: one that all tests of a file share, and others by their options."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.delivery.raw import Server, running

# The official suites of the protocol repositories use these.
FAST = {"ping_interval_seconds": 0.3, "ping_timeout_seconds": 0.2}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with heartbeats far apart."""
    with running(tmp_path_factory.mktemp("engine") / "log", expected_in_log="any") as server:
        yield server


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with heartbeats of 300 and 200 ms."""
    with running(tmp_path_factory.mktemp("fast") / "log", **FAST) as server:
        yield server


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """`start(backlog_limit_bytes=1000)`: a server with these options."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(running(tmp_path / "log", **options))
