"""A client for bots and programs: a room as an iterable of events, and `post`.

It keeps what the page keeps: what is posted arrives once and in order, what happens is handed on
once and in order, however often the line is lost in between. It works in threads, needs no gevent
and knows nothing of the server but what goes over the wire (docs/events.md, docs/api.md).

    from flask_chat.client import RoomClient

    with RoomClient.join("http://127.0.0.1:5000", "BCDF", "Echo") as room:
        for event in room:
            ...

Needs the extra: `pip install 'flask-chat-app[client]'`. docs/client.md has the rest.
"""

from flask_chat.client.errors import Refused, Unreachable
from flask_chat.client.outbox import Post
from flask_chat.client.room import RoomClient

__all__ = ["Post", "Refused", "RoomClient", "Unreachable"]
