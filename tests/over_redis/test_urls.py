"""The addresses of a Redis, and what is wrong with some."""

import pytest

from flask_chat.redis_link.places import slot_of
from flask_chat.redis_link.urls import Node, parse


def test_one_server() -> None:
    url = parse("rediss://ada:p%40ss@cache.example:6390/3?ca=/etc/ca.pem&prefix=talk")

    assert (url.kind, url.tls, url.nodes) == ("server", True, (Node("cache.example", 6390),))
    assert (url.username, url.password, url.db) == ("ada", "p@ss", 3)
    assert (url.ca, url.prefix) == ("/etc/ca.pem", "talk")
    assert "p@ss" not in repr(url)


def test_defaults() -> None:
    url = parse("redis://:secret@[::1]")

    assert (url.nodes, url.username, url.db) == ((Node("::1", 6379),), None, 0)
    assert (url.prefix, url.replicas) == ("chat", 0)


def test_a_unix_socket() -> None:
    assert parse("redis+unix:///run/redis.sock?db=2").nodes == (Node("/run/redis.sock", 0),)


def test_sentinels() -> None:
    url = parse("redis+sentinel://:pw@one,two:26380/main/5?sentinel_password=other&replicas=1")

    assert (url.kind, url.master, url.db, url.replicas) == ("sentinel", "main", 5, 1)
    assert url.nodes == (Node("one", 26379), Node("two", 26380))
    assert (url.password, url.sentinel_password) == ("pw", "other")


def test_a_cluster() -> None:
    url = parse("redis+cluster://one:7000,two:7001")

    assert (url.kind, url.nodes) == ("cluster", (Node("one", 7000), Node("two", 7001)))


@pytest.mark.parametrize(
    "text",
    [
        "redis://",
        "redis://one,two",
        "redis://one:99999",
        "redis://one/db",
        "redis://one?retries=3",
        "redis://one#two",
        "redis://one?prefix={}",
        "redis://one?replicas=many",
        "redis+unix://socket",
        "redis+sentinel://one",
        "redis+cluster://one/1",
        "http://one",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(must|needs|has|names) "):
        parse(text)


def test_keys_of_a_room_are_in_one_slot() -> None:
    assert slot_of("chat:{r-1}") == slot_of("chat:{r-1}:log") == slot_of("r-1")
    assert slot_of("foo") == 12182  # as the documentation of Redis has it
    assert slot_of("{}foo") == slot_of("{}foo")
