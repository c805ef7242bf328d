"""A connection to Redis, from the other side."""

import socket
import threading
from contextlib import closing

import pytest

from flask_chat.redis_link.urls import parse
from flask_chat.redis_link.wire import Wire, packed


def test_what_was_given_up_is_not_delivered_later() -> None:
    """Closed with a reset, which makes the kernel drop what it has not been able to send."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        url = parse(f"redis://127.0.0.1:{listener.getsockname()[1]}")
        accepted: list[socket.socket] = []
        answering = threading.Thread(target=lambda: accepted.append(_answer_name(listener)))
        answering.start()
        wire = Wire(url, url.nodes[0])
        answering.join()

        with closing(accepted[0]) as node:
            wire.send(packed(("PING",)))
            wire.close()

            assert node.recv(1000) == packed(("PING",))
            with pytest.raises(ConnectionResetError):
                node.recv(1000)


def _answer_name(listener: socket.socket) -> socket.socket:
    """Take a connection, and the name that it gives itself."""
    node, _ = listener.accept()
    node.settimeout(5)
    assert b"SETNAME" in node.recv(1000)
    node.sendall(b"+OK\r\n")
    return node
