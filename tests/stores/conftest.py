"""The stores under the contract. One more store is one more function and its place in STORES.

Those over SQLite and Redis wait in gevent's way, which needs no patch: pytest is its main greenlet.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path

import pytest

from flask_chat.domain.limits import Limits
from flask_chat.redis_link.link import Link
from flask_chat.stores.base import Publish, Store
from flask_chat.stores.memory import MemoryStore
from flask_chat.stores.redis.store import RedisStore
from flask_chat.stores.sqlite.store import SqliteStore
from tests.over_redis.nodes import SERVERS, nodes

MakeStore = Callable[[Limits, Publish], Store]
Make = Callable[[pytest.FixtureRequest], MakeStore]


def memory(_: pytest.FixtureRequest) -> MakeStore:
    return MemoryStore


def sqlite(request: pytest.FixtureRequest) -> MakeStore:
    folder: Path = request.getfixturevalue("tmp_path")
    numbers = count(1)
    return lambda limits, publish: SqliteStore(folder / f"{next(numbers)}.db", limits, publish)


def redis(request: pytest.FixtureRequest) -> MakeStore:
    return _over_redis(request.getfixturevalue("redis_url"))


def redis_cluster(request: pytest.FixtureRequest) -> MakeStore:
    return _over_redis(request.getfixturevalue("cluster_url"))


def valkey(request: pytest.FixtureRequest) -> MakeStore:
    return _over_redis(request.getfixturevalue("valkey_url"))


STORES: list[Make] = [memory, sqlite, redis, redis_cluster]
if len(SERVERS) > 1:
    STORES.append(valkey)

_numbers = count(1)


def _over_redis(url: str) -> MakeStore:
    """An empty store each time: in one Redis, under a prefix of its own."""
    return lambda limits, publish: RedisStore(
        Link(f"{url}?prefix=test{next(_numbers)}"), limits, publish
    )


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    with nodes(SERVERS[1]) as make:
        yield make().url


@pytest.fixture(params=STORES, ids=lambda make: make.__name__)
def make_store(request: pytest.FixtureRequest) -> Iterator[MakeStore]:
    """`make_store(limits, publish)`: an empty store, closed after the test."""
    make: MakeStore = request.param(request)
    with ExitStack() as stack:
        yield lambda limits, publish: stack.enter_context(closing(make(limits, publish)))
