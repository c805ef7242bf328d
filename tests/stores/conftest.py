"""The stores under the contract. One more store is one more function and its place in STORES.

The one over SQLite waits in gevent's way, which needs no patch: pytest is its main greenlet.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path

import pytest

from flask_chat.domain.limits import Limits
from flask_chat.stores.base import Publish, Store
from flask_chat.stores.memory import MemoryStore
from flask_chat.stores.sqlite.store import SqliteStore

MakeStore = Callable[[Limits, Publish], Store]


def memory(_: Path) -> MakeStore:
    return MemoryStore


def sqlite(folder: Path) -> MakeStore:
    numbers = count(1)
    return lambda limits, publish: SqliteStore(folder / f"{next(numbers)}.db", limits, publish)


STORES = [memory, sqlite]


@pytest.fixture(params=STORES, ids=lambda make: make.__name__)
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeStore]:
    """`make_store(limits, publish)`: an empty store, closed after the test."""
    make: MakeStore = request.param(tmp_path)
    with ExitStack() as stack:
        yield lambda limits, publish: stack.enter_context(closing(make(limits, publish)))
