"""The people of the tests, each with a real Socket.IO client: `ada.says("hi")`, `grace.sees("hi")`.

Ada opened the room, Grace is a guest, Mallory is up to no good.
"""

import itertools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import engineio
import requests
import socketio

from flask_chat.client import tls

WAIT_SECONDS = 10


def wait_until(condition: Callable[[], Any]) -> None:
    """Ask again and again until the condition is true; for what nobody tells us about."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


class _EngineIOClient(engineio.Client):
    """Hands on packets in the order they came; by itself it starts a thread for each."""

    def _trigger_event(self, event: str, *args: Any, **_: Any) -> Any:
        return super()._trigger_event(event, *args, run_async=False)


class _Client(socketio.Client):
    def _engineio_client_class(self) -> type[engineio.Client]:
        return _EngineIOClient


class Person:
    """A member of a room over REST, and over a socket once `connects` has been called."""

    def __init__(
        self, url: str, answer: dict[str, Any], session: requests.Session | None = None
    ) -> None:
        self.url = url
        self._session = session
        self.room = answer["room"]
        self.code = answer["room"]["code"]
        self.me = answer["me"]
        self.token = answer["token"]
        self.welcomes: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []  # in the order they arrived, welcome included
        self.typing: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._keys = itertools.count(1)
        self._clients: list[socketio.Client] = []

    @property
    def client(self) -> socketio.Client:
        """The newest connection."""
        return self._clients[-1]

    def connects(
        self, *, after: int | None = None, transports: list[str] | None = None
    ) -> "Person":
        """Open one more connection and wait for its welcome."""
        client = _Client(reconnection=False, http_session=self._session)
        if self._session is not None:
            context = tls.context(Path(str(self._session.verify)))
            client.eio.websocket_extra_options = {"sslopt": {"context": context}}
        client.on("welcome", self._welcomed)
        client.on("event", self._happened)
        client.on("typing", self._typed)
        auth = {"token": self.token} | ({} if after is None else {"after": after})
        before = len(self.welcomes)
        client.connect(self.url, auth=auth, transports=transports, wait_timeout=WAIT_SECONDS)
        self._clients.append(client)
        self.waits_until(lambda: len(self.welcomes) > before)
        return self

    def disconnects(self) -> None:
        """Close the newest connection, as a closed tab does."""
        self._clients.pop().disconnect()

    def says(self, text: str, key: str | None = None) -> dict[str, Any]:
        """Post a message; the acknowledgement."""
        return self.asks("post", {"key": key or f"key-{next(self._keys)}", "text": text})

    def asks(self, event: str, *args: Any) -> dict[str, Any]:
        """Emit an event and wait for its acknowledgement."""
        data = args[0] if len(args) == 1 else args or None
        return self.client.call(event, data, timeout=WAIT_SECONDS)

    def sees(self, text: str) -> dict[str, Any]:
        """Wait for a message with this text; its event."""

        def find() -> dict[str, Any] | None:
            return next((event for event in self.events if event.get("text") == text), None)

        return self.waits_until(find)

    def sees_kind(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Wait for an event of this kind with these fields."""

        def matches(event: dict[str, Any]) -> bool:
            return event["kind"] == kind and all(event.get(k) == v for k, v in fields.items())

        return self.waits_until(lambda: next(filter(matches, self.events), None))

    def waits_until(self, condition: Callable[[], Any]) -> Any:
        """Wait until something that arrives makes the condition true; what it returned."""
        found: list[Any] = []

        def is_true() -> bool:
            found.append(condition())
            return bool(found[-1])

        with self._changed:
            assert self._changed.wait_for(is_true, WAIT_SECONDS), (
                f"{self.me['name']} waited in vain; saw {self.events[-5:]}"
            )
        return found[-1]

    @property
    def texts(self) -> list[str]:
        """What has been said, as far as this person knows, in the order it arrived."""
        return [event["text"] for event in self.events if event["kind"] == "message_posted"]

    @property
    def bearer(self) -> dict[str, str]:
        """The header that proves who this is, for REST."""
        return {"Authorization": f"Bearer {self.token}"}

    def goes(self) -> None:
        """Close every connection."""
        while self._clients:
            self.disconnects()

    def _welcomed(self, welcome: dict[str, Any]) -> None:
        with self._changed:
            self.welcomes.append(welcome)
            known = {event["seq"] for event in self.events}
            self.events += [event for event in welcome["events"] if event["seq"] not in known]
            self._changed.notify_all()

    def _happened(self, event: dict[str, Any]) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def _typed(self, change: dict[str, Any]) -> None:
        with self._changed:
            self.typing.append(change)
            self._changed.notify_all()


class Place:
    """A server with people: opens rooms, lets people in, sends everybody home in the end.

    `certificate` is what to trust where the URL is of https.
    """

    def __init__(self, url: str, *, certificate: Path | None = None) -> None:
        self.url = url
        self.certificate = certificate
        self._people: list[Person] = []

    def open_room(self, name: str = "Ada", **more: Any) -> Person:
        """A new room with its host, not connected yet."""
        return self._person("/api/v1/rooms", {"name": name, **more})

    def join(self, code: str, name: str = "Grace") -> Person:
        """A guest of the room, not connected yet."""
        return self._person(f"/api/v1/rooms/{code}/members", {"name": name})

    def wait_until_gone(self, code: str) -> None:
        """Wait until the code leads to no room."""
        room = f"{self.url}/api/v1/rooms/{code}"
        wait_until(lambda: requests.get(room, timeout=WAIT_SECONDS).status_code == 404)

    def close(self) -> None:
        """Close all connections of everybody."""
        for person in self._people:
            person.goes()

    def _person(self, path: str, body: dict[str, Any]) -> Person:
        session = requests.Session()
        session.trust_env = False  # a bundle of certificates named there would win over ours
        session.verify = str(self.certificate) if self.certificate else True
        answer = session.post(self.url + path, json=body, timeout=WAIT_SECONDS)
        assert answer.status_code == 201, answer.text
        person = Person(self.url, answer.json(), session if self.certificate else None)
        self._people.append(person)
        return person
