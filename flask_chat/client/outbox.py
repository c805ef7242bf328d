"""What has been posted and is not acknowledged yet: one at a time, in order, until it is."""

import threading
from collections import deque
from collections.abc import Iterable
from secrets import token_urlsafe
from typing import Any

from flask_chat.client.errors import Refused

# A server that fails on one message every time must not keep the others from being sent.
INTERNAL_TRIES = 5
PAUSE_SECONDS = 1.0  # before another try, when the server does not say how long


class Post:
    """A message on its way. The key stays the same for every try, so it arrives once."""

    def __init__(self, text: str, *, key: str | None = None, reply_to: int | None = None) -> None:
        self.text = text
        self.key = key or token_urlsafe(16)
        self.reply_to = reply_to
        self.seq: int | None = None  # its number in the room, once it is acknowledged
        self.error: Refused | None = None  # why it will never arrive
        self.internal_errors = 0
        self._done = threading.Event()

    @property
    def is_done(self) -> bool:
        """Whether it has been acknowledged or has failed."""
        return self._done.is_set()

    def wait(self, timeout: float | None = None) -> int:
        """Its number in the room, as soon as the server has kept it.

        Raises Refused when the server did not want it, TimeoutError after `timeout` seconds.
        """
        if not self._done.wait(timeout):
            raise TimeoutError(f"not acknowledged within {timeout} s")
        if self.error is not None:
            raise self.error
        assert self.seq is not None
        return self.seq

    def packet(self) -> dict[str, Any]:
        """The argument of the Socket.IO event `post`."""
        packet: dict[str, Any] = {"key": self.key, "text": self.text}
        return packet if self.reply_to is None else {**packet, "reply_to": self.reply_to}

    def settle(self, *, seq: int | None = None, error: Refused | None = None) -> None:
        """Note how it ended and wake whoever waits."""
        self.seq, self.error = seq, error
        self._done.set()


class Outbox:
    """Posts in order; only the first one is ever on its way. Not safe for threads by itself."""

    def __init__(self, posts: Iterable[Post] = ()) -> None:
        self._posts = deque(posts)
        self._not_before = 0.0
        self._sent_at: float | None = None  # when the first one went out on the present line

    def __len__(self) -> int:
        return len(self._posts)

    def add(self, post: Post) -> None:
        """One more, behind all others."""
        self._posts.append(post)

    def packets(self) -> list[dict[str, Any]]:
        """Everything in it, to be kept in a file."""
        return [post.packet() for post in self._posts]

    def line_lost(self) -> None:
        """The one on its way has to go again."""
        self._sent_at = None

    def take(self, now: float) -> Post | None:
        """The post to send now, or None: nothing there, one on its way, or too early."""
        if not self._posts or self._sent_at is not None or now < self._not_before:
            return None
        self._sent_at = now
        return self._posts[0]

    def waits_since(self) -> float | None:
        """When the post on its way was sent."""
        return self._sent_at

    def due_at(self) -> float | None:
        """When `take` will give something, None if not before something else happens."""
        return self._not_before if self._posts and self._sent_at is None else None

    def answered(self, post: Post, answer: dict[str, Any], now: float) -> Refused | None:
        """Take in an acknowledgement. Gives the refusal when the post has failed for good."""
        if not self._posts or self._posts[0] is not post:
            return None  # an answer over an old line, to what has been settled since
        self._sent_at = None
        if answer.get("ok") is True:
            self._posts.popleft().settle(seq=answer["seq"])
            return None
        refusal = Refused(answer.get("error") or {})
        post.internal_errors += refusal.code == "internal"
        if refusal.is_passing and post.internal_errors < INTERNAL_TRIES:
            wait = refusal.retry_after_seconds
            self._not_before = now + (PAUSE_SECONDS if wait is None else wait)
            return None
        self._posts.popleft().settle(error=refusal)
        return refusal

    def fail_all(self, refusal: Refused) -> list[Post]:
        """Nothing will be sent any more; the posts that were left."""
        left = list(self._posts)
        self._posts.clear()
        for post in left:
            post.settle(error=refusal)
        return left
