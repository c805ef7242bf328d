"""RoomClient: a room as a program sees it. One thread keeps the line, others post and read."""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

from flask_chat.client.errors import Refused, Unreachable
from flask_chat.client.kept import Kept
from flask_chat.client.line import Line
from flask_chat.client.outbox import Outbox, Post
from flask_chat.client.timeline import Event, Timeline

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.25  # before coming back; doubled with every vain try
LONGEST_PAUSE_SECONDS = 3.0  # so that a server that is back after an hour has us within seconds
HOLE_SECONDS = 0.2  # events that overtook each other on their way to us sort themselves out in this
LOOK_SECONDS = 0.5  # how often to look whether the line was lost without a word
SAVE_SECONDS = 1.0  # how often the place in the log is written to the state file
PAGE_EVENTS = 100

# What the server will say again however often it is asked.
_CODES_OF_THE_END = frozenset({"room_ended", "token_invalid", "invalid"})

_JOINING = "joining"  # begin with one's own joining
_NOW = "now"  # begin with what happens from now on


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
        after: int | str = _NOW,
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
        self.room = room or {}  # as the server describes it; empty until the first welcome
        self.me = me or {}
        self.members: dict[str, dict[str, Any]] = {}  # by member_id: all we have heard of
        self.error: Refused | None = None  # why it is over, if that was not our own wish
        self._on_reset, self._on_failed, self._on_line = on_reset, on_failed, on_line
        self._patience = patience_seconds

        kept = Kept.read(Path(state)) if state is not None else None
        self._kept = kept
        if kept is not None and kept.after is not None:
            after = kept.after
        self._begin = after
        self._passing_over = False  # events from before our joining
        self._timeline = Timeline(after if isinstance(after, int) else None)
        self._outbox = Outbox(kept.posts if kept else ())
        self._inbox: deque[Event | int] = deque()  # events, and numbers where a reset begins
        self._handed_on = self._timeline.after  # what the reader is done with
        self._reading: int | None = None  # what the reader is busy with
        self._saved_at = 0.0
        self._saved_after = self._handed_on

        self._changed = threading.Condition(threading.RLock())
        self._line: Line | None = None
        self._is_over = False
        self._hole_since: float | None = None
        self._hole_asked_at: float | None = None
        if kept is not None:
            self._save()
        self._keeper = threading.Thread(target=self._keep_line, name="chat-line", daemon=True)
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
    def join(cls, url: str, code: str, name: str, **more: Any) -> "RoomClient":
        """Join the room with this code under this name.

        Events begin with your own joining. Raises Refused, or Unreachable without a server. After
        Unreachable the name may be taken, by yourself: the answer can be lost on its way.
        """
        return cls._come_in(url, f"/api/v1/rooms/{code}/members", {"name": name}, more)

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
        begin = after if after is not None else _NOW if state is None else _JOINING
        return cls(url, token, after=begin, state=state, **more)

    # Being there

    def post(self, text: str, *, reply_to: int | None = None, key: str | None = None) -> Post:
        """Say something. Returns at once; the post is sent until the server has acknowledged it.

        `post(…).wait()` waits for that. With a state file the post is on disk when this returns.
        Raises Refused or ValueError when the room is over for this client.
        """
        post = Post(text, key=key, reply_to=reply_to)
        with self._changed:
            if self._is_over:
                raise self.error or ValueError("this client is closed")
            self._outbox.add(post)
            self._save()
            self._changed.notify_all()
        return post

    def typing(self, is_typing: bool = True) -> None:
        """Tell the others, if there is a line. Repeat every two seconds at most."""
        with self._changed:
            if self._line is not None and self._line.is_welcomed:
                self._line.emit("typing", {"is_typing": is_typing}, None)

    def history(
        self, *, before: int | None = None, after: int | None = None, limit: int = 50
    ) -> list[Event]:
        """Older events: up to `limit` (100 at most) before or after a number, oldest first.

        Raises Refused or Unreachable.
        """
        wanted = {"before": before, "after": after, "limit": limit}
        answer = _ask(
            "GET",
            f"{self.url}/api/v1/rooms/{self.code}/events",
            self._patience,
            params={name: value for name, value in wanted.items() if value is not None},
            headers={"Authorization": f"Bearer {self.token}"},
        )
        with self._changed:
            self._meet(answer["members"])
        events: list[Event] = answer["events"]
        return events

    def name_of(self, member_id: str | None) -> str:
        """The name of who did something; empty when nobody did, or nobody we have heard of."""
        return str(self.members.get(member_id or "", {}).get("name", ""))

    @property
    def code(self) -> str:
        """The code that leads to the room; waits for the first welcome after `resume`."""
        with self._changed:
            self._changed.wait_for(lambda: self.room or self._is_over)
            return str(self.room.get("code", ""))

    @property
    def is_connected(self) -> bool:
        """Whether there is a line now, as far as anybody can know."""
        line = self._line
        return line is not None and line.is_welcomed and not line.is_lost

    @property
    def unsent(self) -> int:
        """How many posts have not been acknowledged."""
        with self._changed:
            return len(self._outbox)

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
        while True:
            with self._changed:
                self._done_with_last()
                wait = None if until is None else max(0.0, until - time.monotonic())
                if not self._changed.wait_for(lambda: self._inbox or self._is_over, wait):
                    raise TimeoutError(f"nothing happened within {timeout} s")
                if not self._inbox:
                    if self.error is not None and self.error.code != "room_ended":
                        raise self.error
                    return None
                item = self._inbox.popleft()
                self._reading = item - 1 if isinstance(item, int) else item["seq"]
            if not isinstance(item, int):
                return item
            if self._on_reset is not None:
                self._on_reset(item)

    # Going

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until everything posted is acknowledged or has failed; whether that is so."""
        with self._changed:
            return bool(self._changed.wait_for(lambda: not self._outbox or self._is_over, timeout))

    def leave(self) -> None:
        """Leave for good: the others are told, the name is free, the token opens nothing.

        Raises Unreachable when the server did not answer; then we may have left or not.
        """
        answered = threading.Event()
        with self._changed:
            line = self._line
            if line is None or not line.is_welcomed:
                raise Unreachable("there is no line to the server")
            line.emit("leave", {}, lambda answer: answered.set())
            # Our own leaving may come as an event before the answer does, which then never comes.
        until = time.monotonic() + self._patience
        while not (answered.wait(0.05) or self._is_over):
            if time.monotonic() > until:
                raise Unreachable("no answer to `leave`")
        self.close()

    def close(self) -> None:
        """Cut the line and stop; still a member, who counts as gone after the leave grace.

        What is in the outbox stays there (and in the state file), so `flush` first.
        """
        with self._changed:
            self._is_over = True
            self._done_with_last()
            self._save()
            line = self._line
            self._changed.notify_all()
        if line is not None:
            line.drop()
        if threading.current_thread() is not self._keeper:
            self._keeper.join(1.0)  # it may be busy connecting to nothing; it ends then

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

    # What comes over the line, in threads of the Socket.IO client

    def welcomed(self, line: Line, welcome: dict[str, Any]) -> None:
        """A line begins."""
        with self._changed:
            if line is not self._line:
                return
            self.room, self.me = welcome["room"], welcome["me"]
            self._meet(welcome["members"])
            events = welcome["events"]
            if self._timeline.after is None:
                self._first_welcome(line, events, welcome["more"])
            elif welcome["reset"]:
                self._reset(events[0]["seq"] if events else self._timeline.after + 1)
            self._take(events)
            self._changed.notify_all()
        if self._on_line is not None:
            self._on_line(True)

    def happened(self, line: Line, event: Event) -> None:
        """An event, perhaps ahead of others."""
        with self._changed:
            self._take([event])
            self._changed.notify_all()

    def typed(self, line: Line, change: dict[str, Any]) -> None:
        """Not kept and not handed on."""

    def line_changed(self, line: Line) -> None:
        """Refused or lost: the keeper looks."""
        with self._changed:
            self._changed.notify_all()

    # The keeper of the line

    def _keep_line(self) -> None:
        tries = 0
        while not self._is_over:
            line = Line(self, self._patience)
            if self._serve(line):
                tries = 0
            refusal = line.refusal
            if refusal is not None and refusal.code in _CODES_OF_THE_END:
                self._end(refusal)
                return
            pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(tries, 10))
            pause *= random.uniform(0.5, 1.0)
            if refusal is not None and refusal.retry_after_seconds is not None:
                pause = max(pause, refusal.retry_after_seconds)
            tries += 1
            with self._changed:
                self._changed.wait_for(lambda: self._is_over, pause)

    def _serve(self, line: Line) -> bool:
        """Use a line until it is lost; whether it ever was a good one."""
        with self._changed:
            if self._is_over:
                return False
            after = self._timeline.after
            self._line = line
        auth = {"token": self.token} if after is None else {"token": self.token, "after": after}
        try:
            line.open(self.url, auth)
            self._work(line)
        except Unreachable as error:
            log.debug("line lost: %s", error)
        line.drop()
        with self._changed:
            self._line = None
            self._outbox.line_lost()
            self._hole_since = self._hole_asked_at = None
        if line.is_welcomed and self._on_line is not None:
            self._on_line(False)
        return line.is_welcomed

    def _work(self, line: Line) -> None:
        """Send, fill holes, and wait for what is to do next. Raises Unreachable on a dead line."""
        opened_at = time.monotonic()
        with self._changed:
            while not (self._is_over or line.is_lost):
                now = time.monotonic()
                if not line.is_welcomed:
                    self._check_patience(opened_at, now, "welcome")
                    self._changed.wait(LOOK_SECONDS)
                    continue
                self._check_patience(self._outbox.waits_since(), now, "post")
                self._check_patience(self._hole_asked_at, now, "history")
                self._fill_hole(line, now)
                self._send(line, now)
                if now - self._saved_at > SAVE_SECONDS and self._saved_after != self._handed_on:
                    self._save()
                self._changed.wait(self._until_next(time.monotonic()))

    def _check_patience(self, since: float | None, now: float, what: str) -> None:
        if since is not None and now - since > self._patience:
            raise Unreachable(f"no answer to {what!r} within {self._patience} s")

    def _until_next(self, now: float) -> float:
        due = self._outbox.due_at()
        hole = None if self._hole_since is None else self._hole_since + HOLE_SECONDS
        times = [at for at in (due, hole) if at is not None and at > now]
        return max(0.005, min([LOOK_SECONDS, *(at - now for at in times)]))

    def _send(self, line: Line, now: float) -> None:
        post = self._outbox.take(now)
        if post is None:
            return

        def answered(answer: dict[str, Any]) -> None:
            self._answered(post, answer)

        line.emit("post", post.packet(), answered)

    def _answered(self, post: Post, answer: dict[str, Any]) -> None:
        with self._changed:
            refusal = self._outbox.answered(post, answer, time.monotonic())
            if post.is_done:
                self._save()
            self._changed.notify_all()
        if refusal is not None:
            self._tell_failed([post])

    def _fill_hole(self, line: Line, now: float) -> None:
        after = self._timeline.after
        if after is None or not self._timeline.has_hole:
            self._hole_since = None
            return
        if self._hole_since is None:
            self._hole_since = now
        if now - self._hole_since < HOLE_SECONDS or self._hole_asked_at is not None:
            return
        self._hole_asked_at = now

        def answered(answer: dict[str, Any]) -> None:
            self._hole_answered(line, after, answer)

        line.emit("history", {"after": after, "limit": PAGE_EVENTS}, answered)

    def _hole_answered(self, line: Line, after: int, answer: dict[str, Any]) -> None:
        with self._changed:
            if line is not self._line:
                return
            self._hole_asked_at = None
            events = answer.get("events") or []
            if not events:
                line.drop()  # it makes no sense: begin anew, and hear what the welcome says
            else:
                self._meet(answer["members"])
                if events[0]["seq"] > after + 1 and self._timeline.after == after:
                    self._reset(events[0]["seq"])
                self._take(events)
            self._changed.notify_all()

    # Helpers, called with the lock held

    def _first_welcome(self, line: Line, events: list[Event], more: bool) -> None:
        """Find where to begin."""
        newest = events[-1]["seq"] if events else 0
        if self._begin != _JOINING:
            self._timeline.begin(newest + 1)
            return
        joined = [event["seq"] for event in events if self._is_own_joining(event)]
        if joined or not more:
            self._timeline.begin(joined[0] if joined else 1)
        else:
            # More has been said since than fits a welcome: everything is read, from the first
            # event on, and what was before our joining is passed over.
            self._timeline.begin(1)
            self._passing_over = True

    def _is_own_joining(self, event: Event) -> bool:
        return bool(event["kind"] == "member_joined" and event.get("by") == self.me["member_id"])

    def _take(self, events: list[Event]) -> None:
        for event in self._timeline.add(events):
            if self._passing_over and not self._is_own_joining(event):
                continue
            self._passing_over = False
            self._inbox.append(event)
            self._follow(event)

    def _follow(self, event: Event) -> None:
        kind, member_id = event["kind"], event.get("member_id")
        if kind == "member_joined":
            self._meet([event["member"]])
        elif kind == "member_renamed" and member_id in self.members:
            self.members[member_id] = {**self.members[member_id], "name": event["name"]}
        elif kind == "room_ended":
            self._end(Refused({"code": "room_ended", "message": "This room has ended."}))
        elif member_id == self.me.get("member_id") and (
            kind == "member_removed" or (kind == "member_left" and event.get("reason") != "gone")
        ):
            self._end(None)

    def _meet(self, members: list[dict[str, Any]]) -> None:
        self.members.update({member["member_id"]: member for member in members})

    def _reset(self, first: int) -> None:
        self._timeline.begin(first)
        if not self._passing_over:
            self._inbox.append(first)

    def _done_with_last(self) -> None:
        if self._reading is not None:
            self._handed_on, self._reading = self._reading, None

    def _save(self) -> None:
        if self._kept is None:
            return
        self._kept.write(self.token, self._handed_on, self._outbox.packets())
        self._saved_at, self._saved_after = time.monotonic(), self._handed_on

    # Helpers

    @classmethod
    def _come_in(
        cls, url: str, path: str, body: dict[str, Any], more: dict[str, Any]
    ) -> "RoomClient":
        patience = float(more.get("patience_seconds", 5.0))
        answer = _ask("POST", url.rstrip("/") + path, patience, json=body)
        return cls(
            url, answer["token"], after=_JOINING, room=answer["room"], me=answer["me"], **more
        )

    def _call(self, on_event: Callable[[Event], None]) -> None:
        try:
            for event in self:
                try:
                    on_event(event)
                except Exception:
                    log.exception("on_event failed on number %s", event["seq"])
        except Refused as refusal:
            log.warning("the room is closed to us: %s", refusal)

    def _end(self, refusal: Refused | None) -> None:
        """It is over: the server says why, or we have left."""
        with self._changed:
            self.error = refusal
            self._is_over = True
            gone = Refused({"code": "token_invalid", "message": "You have left this room."})
            failed = self._outbox.fail_all(refusal or gone)
            self._save()
            self._changed.notify_all()
        # The lock may be held further out, and whoever is told may want to wait for something.
        threading.Thread(target=self._tell_failed, args=(failed,), daemon=True).start()

    def _tell_failed(self, posts: list[Post]) -> None:
        if self._on_failed is not None:
            for post in posts:
                self._on_failed(post)


def _ask(method: str, url: str, timeout: float, **more: Any) -> dict[str, Any]:
    try:
        answer = requests.request(method, url, timeout=timeout, **more)
        body = answer.json()
    except (requests.RequestException, ValueError) as error:
        raise Unreachable(str(error)) from None
    if not answer.ok:
        raise Refused(body)
    assert isinstance(body, dict)
    return body
