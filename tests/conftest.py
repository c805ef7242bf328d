"""Fixtures for all tests: servers to talk to."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings

from tests.over_redis.nodes import SERVERS, cluster, nodes
from tests.servers import RunningServer, running

StartServer = Callable[..., RunningServer]

# No deadline for an example: how long one takes says more about the machine than about the code.
settings.register_profile("chat", parent=settings(), deadline=None, max_examples=50)
settings.load_profile("chat")


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """`start_server(message_limit_characters=10)`: a server of one's own, stopped after the test.

    Limits per address are lifted unless given. After the test it must end with 0 and no traceback.
    """
    numbers = count(1)
    with ExitStack() as stack:

        def start(**settings: object) -> RunningServer:
            output = tmp_path / f"server-{next(numbers)}.log"
            return stack.enter_context(running(output, settings))

        yield start


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with the default settings, shared: tests meet in rooms of their own."""
    output = tmp_path_factory.mktemp("server") / "server.log"
    with running(output, {}) as shared:
        yield shared


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    if not SERVERS:
        pytest.skip("there is no redis-server and no valkey-server")
    with nodes() as make:
        yield make().url


@pytest.fixture(scope="session")
def cluster_url() -> Iterator[str]:
    if not SERVERS:
        pytest.skip("there is no redis-server and no valkey-server")
    with nodes() as make:
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in cluster(make, replicas=0))
        yield f"redis+cluster://{hosts}"


@pytest.fixture(scope="session", autouse=True)
def _unpatched() -> Iterator[None]:
    """Fail when a test has let gevent patch this process, which changes all tests after it."""
    yield
    patched = sys.modules.get("gevent.monkey")
    assert patched is None or not patched.is_module_patched("socket")
