"""A connection to Redis, from the other side."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
import redis

from flask_chat.redis_link.urls import parse
from flask_chat.redis_link.wire import Wire, packed


def test_what_was_given_up_is_not_delivered_later() -> None:
    """Closed with a reset, which makes the kernel drop what it has not been able to send."""
    with connected() as (wire, node):
        wire.send(packed(("PING",)))
        wire.close()

        assert node.recv(1000) == packed(("PING",))
        with pytest.raises(ConnectionResetError):
            node.recv(1000)


def test_answers_come_one_by_one_however_they_were_cut() -> None:
    with connected() as (wire, node):
        node.sendall(b":1\r\n$5\r\nhe")
        threading.Timer(0.1, lambda: node.sendall(b"llo\r\n*2\r\n:2\r\n$-1\r\n")).start()

        assert [wire.read(), wire.read(), wire.read()] == [1, b"hello", [2, None]]


def test_who_is_not_answered_in_time_can_go_on_listening() -> None:
    with connected() as (wire, node):
        with pytest.raises(TimeoutError):
            wire.read(0.1)
        node.sendall(b":1\r\n")

        assert wire.read() == 1


def test_an_error_is_an_answer_unless_it_is_about_the_connection() -> None:
    with connected() as (wire, node):
        node.sendall(b"-MOVED 7 127.0.0.1:7001\r\n-OOM no memory\r\n-LOADING wait\r\n")

        assert isinstance(wire.read(), redis.exceptions.MovedError)
        assert isinstance(wire.read(), redis.ResponseError)
        with pytest.raises(redis.BusyLoadingError):
            wire.read()


def test_a_connection_that_the_other_side_closes_is_broken() -> None:
    with connected() as (wire, node):
        node.shutdown(socket.SHUT_WR)

        with pytest.raises(redis.ConnectionError):
            wire.read()


def test_a_command_that_is_half_out_ends_the_connection() -> None:
    """Nothing may be sent behind it."""
    with connected(timeout_seconds=0.2) as (wire, _node):
        with pytest.raises(TimeoutError):
            wire.send(b"x" * 20_000_000)  # which nobody reads
        with pytest.raises(OSError, match="descriptor"):
            wire.send(packed(("PING",)))


@contextmanager
def connected(timeout_seconds: float = 2.0) -> Iterator[tuple[Wire, socket.socket]]:
    """A connection, and its other side."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        url = parse(f"redis://127.0.0.1:{listener.getsockname()[1]}")
        accepted: list[socket.socket] = []
        answering = threading.Thread(target=lambda: accepted.append(_answer_name(listener)))
        answering.start()
        wire = Wire(url, url.nodes[0], timeout_seconds=timeout_seconds)
        answering.join()
        with closing(accepted[0]) as node:
            yield wire, node
        wire.close()


def _answer_name(listener: socket.socket) -> socket.socket:
    """Take a connection, and the name that it gives itself."""
    node, _ = listener.accept()
    node.settimeout(5)
    assert b"SETNAME" in node.recv(1000)
    node.sendall(b"+OK\r\n")
    return node
