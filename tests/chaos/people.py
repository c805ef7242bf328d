"""The ten people of the chaos suite: each a RoomClient, everything it hears written down."""

import queue
import threading
import time
from random import Random

from flask_chat.client import Post, Refused, RoomClient
from tests.chaos.checker import Offer, Record, Seen

NAMES = ("Ada", "Grace", *(f"Visitor {number}" for number in range(3, 11)))
PATIENCE_SECONDS = 2.0
BURST = 15  # more than the server takes at one go, so that pacing is part of it


class Regular:
    """Somebody in the room, behind a line of their own."""

    def __init__(self, name: str, record: Record) -> None:
        self.name = name
        self.record = record
        self.seen = record.seen.setdefault(name, [])
        self._posts: queue.Queue[Post | None] = queue.Queue()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._count = 0

    def creates(self, url: str) -> str:
        """Open the room; its code."""
        self.client = RoomClient.create(url, self.name, **self._ears())
        self.record.members[self.name] = self.client.me["member_id"]
        return self.client.code

    def joins(self, url: str, code: str) -> None:
        self.client = RoomClient.join(url, code, self.name, **self._ears())
        self.record.members[self.name] = self.client.me["member_id"]

    def starts_posting(self, seed: int, pause_seconds: float) -> None:
        """Post at random moments, sometimes many at once, until `stops_posting`."""
        chance = Random(f"{seed} {self.name} talks")
        self._threads = [
            threading.Thread(target=self._talk, args=(chance, pause_seconds), daemon=True),
            threading.Thread(target=self._collect, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def stops_posting(self) -> None:
        self._stopping.set()
        if self._threads:
            self._threads[0].join(10)
            self._posts.put(None)

    def says(self, text: str) -> Post:
        """One more post, written down before the client has it."""
        self._count += 1
        key = f"{self.name}-{self._count}".replace(" ", "-")
        self.record.offered.append(Offer(self.name, key, text, time.monotonic()))
        post = self.client.post(text, key=key)
        self._posts.put(post)
        return post

    def has_settled(self) -> bool:
        """Whether every post has found its end and been written down."""
        return not any(thread.is_alive() for thread in self._threads)

    def goes(self) -> None:
        """Cut the line, if there ever was one."""
        if hasattr(self, "client"):
            self.client.close()

    def _talk(self, chance: Random, pause_seconds: float) -> None:
        while not self._stopping.wait(chance.uniform(0, 2 * pause_seconds)):
            times = BURST if chance.random() < 0.01 else 1
            for _ in range(times):
                words = "é€😀 " * chance.choice((0, 1, 1, 1, 1, 30, 400))
                self.says(f"{self.name} says {self._count + 1} {words}".strip())

    def _collect(self) -> None:
        while (post := self._posts.get()) is not None:
            try:
                seq = post.wait(240)
            except (Refused, TimeoutError) as error:
                code = error.code if isinstance(error, Refused) else "timeout"
                self.record.failed[post.key] = code
            else:
                self.record.acknowledged[post.key] = (seq, time.monotonic())

    def _ears(self) -> dict[str, object]:
        return {
            "on_event": self._sees,
            "on_reset": lambda seq: self._sees({"seq": seq, "kind": "reset"}),
            "patience_seconds": PATIENCE_SECONDS,
        }

    def _sees(self, event: dict[str, object]) -> None:
        seq, kind, key = event["seq"], event["kind"], event.get("key")
        self.seen.append(Seen(seq, kind, key, time.monotonic()))  # type: ignore[arg-type]


class Passer:
    """Somebody who comes straight to one server and is gone for good when it is."""

    def __init__(self, name: str, url: str, code: str, record: Record) -> None:
        self.name = name
        self._record = record
        self._client = RoomClient.join(url, code, name, patience_seconds=PATIENCE_SECONDS)
        record.members[name] = self._client.me["member_id"]

    @property
    def is_connected(self) -> bool:
        return self._client.is_connected

    def goes(self) -> None:
        """For good."""
        self._record.gone[self.name] = time.monotonic()
        self.closes()

    def closes(self) -> None:
        self._client.close()
