"""Two servers at the same moment: whatever comes first in the log is what the rest goes by."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

import gevent
import pytest

from flask_chat.chat import Chat
from flask_chat.domain.errors import Banned, ChatError, Forbidden, Muted, RoomNotFound, TokenInvalid
from flask_chat.domain.events import (
    Event,
    MemberChanged,
    MemberJoined,
    MemberRemoved,
    MessagePosted,
    RoomChanged,
    decode_event,
)
from flask_chat.domain.limits import Limits
from flask_chat.domain.messages import Draft
from flask_chat.domain.rooms import Ref, RoomId
from flask_chat.entrance.doors import Doors
from flask_chat.entrance.marks import Visitor
from flask_chat.moderation import Moderation
from flask_chat.redis_link.link import Link
from flask_chat.stores.redis.store import RedisStore
from tests.over_redis.conftest import MakeNode

ROUNDS = 40  # each with other pauses
HOME = Visitor(address="192.0.2.9", browser="mallorys browser")


class Server:
    """What one server knows of a room, without anybody connected to it."""

    def __init__(self, store: RedisStore) -> None:
        doors = Doors(store, "a key that both have", time.time)
        limits = Limits(posts_burst=1000, posts_per_second=1000)
        self.store = store
        self.chat = Chat(store, limits, doors=doors)
        self.moderation = Moderation(self.chat, store, doors, time.time)

    def log(self, room_id: RoomId) -> list[Event]:
        return [decode_event(data) for data in self.store.read_after(room_id, 0, 1000).events]


@contextmanager
def server(url: str) -> Iterator[Server]:
    with closing(RedisStore(Link(url), Limits(), lambda *event: None)) as store:
        yield Server(store)


@pytest.fixture
def servers(make_node: MakeNode) -> Iterator[tuple[Server, Server]]:
    url = make_node().url
    with server(url) as here, server(url) as there:
        yield here, there


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What each comes to, or is refused with; nobody knows who is first."""

    def soon(act: Callable[[], Any]) -> Any:
        gevent.sleep(random.random() * 0.004)
        try:
            return act()
        except ChatError as refusal:
            return refusal

    acting = [gevent.spawn(soon, act) for act in acts]
    gevent.joinall(acting, raise_error=True)
    return [each.value for each in acting]


def says(server: Server, who: Ref, count: int = 1) -> list[Any]:
    """So many messages, one after the other; the answer or refusal of each."""
    drafts = [Draft(key=f"{time.monotonic_ns()}", text="spam") for _ in range(count)]
    return [at_once(partial(server.chat.post, who, draft))[0] for draft in drafts]


@pytest.mark.parametrize("act", ["mute", "ban"])
def test_nobody_talks_on_by_any_name_who_is_sentenced_at_the_other_server(
    servers: tuple[Server, Server], act: str
) -> None:
    here, there = servers
    for number in range(ROUNDS):
        room, ada = here.chat.create_room("Ada")
        host = Ref(room.room_id, ada.member_id)
        mallory = there.chat.join(room.code, "Mallory", HOME).ref
        sentence = getattr(here.moderation, act)
        more = {"network": False} if act == "ban" else {}

        _, twin, _ = at_once(
            partial(sentence, host, mallory.member_id, 0, **more),
            partial(there.chat.join, room.code, "Trudy", HOME),
            partial(says, there, mallory, 5),
        )

        if isinstance(twin, ChatError):
            assert isinstance(twin, Banned), number
        else:
            assert isinstance(says(there, twin.ref)[0], Muted if act == "mute" else TokenInvalid)
        kind = MemberChanged if act == "mute" else MemberRemoved
        log = here.log(room.room_id)
        told = next(n for n, event in enumerate(log) if isinstance(event, kind))
        assert not [
            event
            for event in log[told:]
            if isinstance(event, MessagePosted) and event.by == mallory.member_id
        ]


def test_a_co_host_does_nothing_after_the_demotion_at_the_other_server(
    servers: tuple[Server, Server],
) -> None:
    here, there = servers
    refusals = 0
    for number in range(ROUNDS):
        room, ada = here.chat.create_room("Ada")
        host = Ref(room.room_id, ada.member_id)
        alan = there.chat.join(room.code, "Alan").ref
        here.moderation.set_role(host, alan.member_id, "cohost")

        answers = at_once(
            partial(here.moderation.set_role, host, alan.member_id, "guest"),
            *(partial(there.moderation.change_room, alan, topic=f"{n}") for n in range(4)),
        )

        assert {type(answer) for answer in answers} <= {type(None), Forbidden}, number
        refusals += sum(isinstance(answer, Forbidden) for answer in answers)
        log = here.log(room.room_id)
        (demoted,) = (
            n for n, e in enumerate(log) if isinstance(e, MemberChanged) and e.role == "guest"
        )
        assert not [event for event in log[demoted:] if event.by == alan.member_id]
    assert 0 < refusals < 4 * ROUNDS


def test_nobody_comes_in_after_the_room_was_locked_at_the_other_server(
    servers: tuple[Server, Server],
) -> None:
    here, there = servers
    for number in range(ROUNDS):
        room, ada = here.chat.create_room("Ada")
        host = Ref(room.room_id, ada.member_id)

        _, *guests = at_once(
            partial(here.moderation.change_room, host, locked=True),
            *(partial(there.chat.join, room.code, f"Guest {n}") for n in range(3)),
        )

        assert all(isinstance(g, RoomNotFound) for g in guests if isinstance(g, ChatError)), number
        log = here.log(room.room_id)
        locked = next(n for n, event in enumerate(log) if isinstance(event, RoomChanged))
        assert not [event for event in log[locked:] if isinstance(event, MemberJoined)]
