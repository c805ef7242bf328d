"""RoomClient: a room as a program sees it. keeper.py does the work behind it."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any

from flask_chat.client.errors import Refused, Unreachable
from flask_chat.client.keeper import JOINING, NOW, Keeper
from flask_chat.client.kept import Kept
from flask_chat.client.outbox import Post
from flask_chat.client.rest import ask, wait_at_door
from flask_chat.client.timeline import Event

log = logging.getLogger(__name__)


class RoomClient:
    """A member of a room that stays in it through every loss of the line.

    Iterating gives the events of the room (docs/events.md), in order of `seq`, each once, until the
    room has ended or this member has left. `post` may be called from any thread at any time.

    Keyword arguments of `create`, `join` and `resume`:

    - `state`: a file to keep token, place in the log and outbox in, for `resume` after a restart of
      the program. After a crash the events of the last second may be handed on again.
    - `on_event`: called with each event, by one thread, instead of iterating.
    - `on_reset`: called with the number of the first event kept when the server no longer has all
      that was missed; comes between the events before and after the gap.
    - `on_failed`: called with each `Post` that the server will not take; `post.error` says why.
    - `on_line`: called with True when the line is there, with False when it is lost.
    - `patience_seconds`: how long an answer may take before the line counts as dead.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        after: int | str = NOW,
        room: dict[str, Any] | None = None,
        me: dict[str, Any] | None = None,
        state: str | PathLike[str] | None = None,
        on_event: Callable[[Event], None] | None = None,
        on_reset: Callable[[int], None] | None = None,
        on_failed: Callable[[Post], None] | None = None,
        on_line: Callable[[bool], None] | None = None,
        patience_seconds: float = 5.0,
    ) -> None:
        self.url = url.rstrip("/")
        self.token = token
        self._on_reset = on_reset
        self._patience = patience_seconds
        self._keeper = Keeper(
            self.url,
            token,
            begin=after,
            room=room or {},
            me=me or {},
            kept=Kept.read(Path(state)) if state is not None else None,
            patience_seconds=patience_seconds,
            on_failed=on_failed,
            on_line=on_line,
        )
        self._changed = self._keeper.changed
        self._keeper.start()
        if on_event is not None:
            reader = threading.Thread(
                target=self._call, args=(on_event,), name="chat-events", daemon=True
            )
            reader.start()

    # Coming in

    @classmethod
    def create(cls, url: str, name: str, *, code: str | None = None, **more: Any) -> "RoomClient":
        """Create a room (under `code` if it is free) and be its host.

        Events begin with your own joining. Raises Refused, or Unreachable without a server.
        """
        body = {"name": name} if code is None else {"name": name, "code": code}
        return cls._come_in(url, "/api/v1/rooms", body, more)

    @classmethod
    def join(
        cls,
        url: str,
        code: str,
        name: str,
        *,
        passcode: str = "",
        invite: str = "",
        **more: Any,
    ) -> "RoomClient":
        """Join the room with this code under this name, with what its door asks for.

        Where one has to knock, this knocks and waits until somebody opens, a quarter of an hour at
        most. Events begin with your own joining. Raises Refused, or Unreachable without a server.
        After Unreachable the name may be taken, by yourself: the answer can be lost on its way.
        """
        body = {"name": name, "passcode": passcode, "invite": invite}
        return cls._come_in(url, f"/api/v1/rooms/{code}/members", body, more)

    @classmethod
    def resume(
        cls,
        url: str,
        token: str | None = None,
        *,
        after: int | None = None,
        state: str | PathLike[str] | None = None,
        **more: Any,
    ) -> "RoomClient":
        """Go on as the member this token (or the one in the state file) was given to.

        Events begin after the last one handed on before, if there is a state file, else behind
        number `after`, else with what happens from now on. Posts left in the file are sent.
        """
        if token is None and state is not None:
            token = Kept.read(Path(state)).token
        if token is None:
            raise ValueError("resume needs a token, or a state file that holds one")
        begin = after if after is not None else NOW if state is None else JOINING
        return cls(url, token, after=begin, state=state, **more)

    # Being there

    @property
    def room(self) -> dict[str, Any]:
        """The room as the server describes it; empty until the first welcome after `resume`."""
        return self._keeper.room

    @property
    def me(self) -> dict[str, Any]:
        """This member; empty until the first welcome after `resume`."""
        return self._keeper.me

    @property
    def members(self) -> dict[str, dict[str, Any]]:
        """By member_id: all members this client has heard of, here or not."""
        return self._keeper.members

    @property
    def error(self) -> Refused | None:
        """Why it is over, if that was not our own wish."""
        return self._keeper.error

    def post(self, text: str, *, reply_to: int | None = None, key: str | None = None) -> Post:
        """Say something. Returns at once; the post is sent until the server has acknowledged it.

        `post(…).wait()` waits for that. With a state file the post is on disk when this returns.
        Raises Refused or ValueError when the room is over for this client.
        """
        post = Post(text, key=key, reply_to=reply_to)
        with self._changed:
            if self._keeper.is_over:
                raise self.error or ValueError("this client is closed")
            self._keeper.outbox.add(post)
            self._keeper.save()
            self._changed.notify_all()
        return post

    def typing(self, is_typing: bool = True) -> None:
        """Tell the others, if there is a line. Repeat every two seconds at most."""
        line = self._keeper.line
        if line is not None and line.is_welcomed:
            with suppress(Unreachable):
                line.emit("typing", {"is_typing": is_typing}, None)

    def history(
        self, *, before: int | None = None, after: int | None = None, limit: int = 50
    ) -> list[Event]:
        """Older events: up to `limit` (100 at most) before or after a number, oldest first.

        Raises Refused or Unreachable.
        """
        wanted = {"before": before, "after": after, "limit": limit}
        params = {name: value for name, value in wanted.items() if value is not None}
        answer = self._ask("GET", "/events", params=params)
        with self._changed:
            self._keeper.meet(answer["members"])
        events: list[Event] = answer["events"]
        return events

    def remove(self, seq: int) -> None:
        """Take the text of a message away: one's own, or as a moderator anybody's.

        Raises Refused or Unreachable.
        """
        self._ask("DELETE", f"/messages/{seq}")

    def moderate(self, action: str, **what: Any) -> dict[str, Any]:
        """Keep order: `moderate("mute", member_id=…, seconds=300)`. docs/events.md has the actions.

        The answer, which holds what an action asks for. Raises Refused or Unreachable.
        """
        return self._ask("POST", "/moderation", json={"action": action, **what})

    def name_of(self, member_id: str | None) -> str:
        """The name of who did something; empty when nobody did, or nobody we have heard of."""
        return str(self.members.get(member_id or "", {}).get("name", ""))

    @property
    def code(self) -> str:
        """The code that leads to the room; waits for the first welcome after `resume`."""
        with self._changed:
            self._changed.wait_for(lambda: self.room or self._keeper.is_over)
            return str(self.room.get("code", ""))

    @property
    def is_connected(self) -> bool:
        """Whether there is a line now, as far as anybody can know."""
        line = self._keeper.line
        return line is not None and line.is_welcomed and not line.is_lost

    @property
    def unsent(self) -> int:
        """How many posts have not been acknowledged."""
        with self._changed:
            return len(self._keeper.outbox)

    # Reading

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        event = self.next_event()
        if event is None:
            raise StopIteration
        return event

    def next_event(self, timeout: float | None = None) -> Event | None:
        """The next event; None when the room is over or we have left.

        Raises TimeoutError after `timeout` seconds, Refused when the server sent us away.
        """
        until = None if timeout is None else time.monotonic() + timeout
        keeper, inbox = self._keeper, self._keeper.inbox
        while True:
            with self._changed:
                inbox.done_with_last()
                wait = None if until is None else max(0.0, until - time.monotonic())
                if not self._changed.wait_for(lambda: inbox or keeper.is_over, wait):
                    raise TimeoutError(f"nothing happened within {timeout} s")
                if not inbox:
                    if self.error is not None and self.error.code != "room_ended":
                        raise self.error
                    return None
                item = inbox.take()
            if not isinstance(item, int):
                return item
            if self._on_reset is not None:
                self._on_reset(item)

    # Going

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until everything posted is acknowledged or has failed; whether that is so."""
        keeper = self._keeper
        with self._changed:
            self._changed.wait_for(lambda: not keeper.outbox or keeper.is_over, timeout)
            return not keeper.outbox

    def leave(self) -> None:
        """Leave for good: the others are told, the name is free, the token opens nothing.

        Raises Unreachable when the server did not answer; then we may have left or not.
        """
        answered = threading.Event()
        with self._changed:
            line = self._keeper.line
            if line is None or not line.is_welcomed:
                raise Unreachable("there is no line to the server")
            line.emit("leave", {}, lambda answer: answered.set())
            # Our own leaving may come as an event before the answer does, which then never comes.
        until = time.monotonic() + self._patience
        while not (answered.wait(0.05) or self._keeper.is_over):
            if time.monotonic() > until:
                raise Unreachable("no answer to `leave`")
        self.close()

    def close(self) -> None:
        """Cut the line and stop; still a member, who counts as gone after the leave grace.

        What is in the outbox stays there (and in the state file), so `flush` first.
        """
        self._keeper.stop()

    def __enter__(self) -> "RoomClient":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.flush(2 * self._patience)
        self.close()

    # Helpers

    @classmethod
    def _come_in(
        cls, url: str, path: str, body: dict[str, Any], more: dict[str, Any]
    ) -> "RoomClient":
        patience = float(more.get("patience_seconds", 5.0))
        answer = ask("POST", url.rstrip("/") + path, patience, json=body)
        if "knock" in answer:
            wait_at_door(url.rstrip("/") + path, answer["knock"], patience)
            answer = ask("POST", url.rstrip("/") + path, patience, json=body | answer)
        return cls(
            url, answer["token"], after=JOINING, room=answer["room"], me=answer["me"], **more
        )

    def _ask(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        """Ask as this member for something of this room."""
        url = f"{self.url}/api/v1/rooms/{self.code}{path}"
        bearer = {"Authorization": f"Bearer {self.token}"}
        return ask(method, url, self._patience, headers=bearer, **more)

    def _call(self, on_event: Callable[[Event], None]) -> None:
        try:
            for event in self:
                try:
                    on_event(event)
                except Exception:
                    log.exception("on_event failed on number %s", event["seq"])
        except Refused as refusal:
            log.warning("the room is closed to us: %s", refusal)
