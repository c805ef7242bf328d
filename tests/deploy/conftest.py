"""Fixtures: what stands in front of servers, and the Redis behind them."""

from collections.abc import Iterator

import pytest

from tests.over_redis.nodes import SERVERS, Node, nodes


@pytest.fixture
def redis_node() -> Iterator[Node]:
    """A Redis of our own on a Unix socket, empty."""
    if not SERVERS:
        pytest.skip("no redis-server and no valkey-server on the PATH (scripts/setup redis)")
    with nodes() as make:
        yield make()
