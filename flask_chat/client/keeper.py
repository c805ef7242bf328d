"""One thread keeps the line: it connects, comes back after every loss, sends and fills holes.

Everything a client knows is in here, behind one lock. room.py is the face of it.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from flask_chat.client.errors import Refused, Unreachable
from flask_chat.client.inbox import Inbox
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

JOINING = "joining"  # begin with one's own joining
NOW = "now"  # begin with what happens from now on


# What an event may say is otherwise with a member.
_CHANGEABLE = {"name", "role", "muted_until"}


class Keeper:
    """What a client knows, and the thread that keeps it up to date.

    Read and change it with `changed` held, which is notified of every change.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        begin: int | str,
        room: dict[str, Any],
        me: dict[str, Any],
        kept: Kept | None,
        patience_seconds: float,
        on_failed: Callable[[Post], None] | None,
        on_line: Callable[[bool], None] | None,
    ) -> None:
        self.room = room
        self.me = me
        self.members: dict[str, dict[str, Any]] = {}
        self.error: Refused | None = None
        self.is_over = False
        self.line: Line | None = None
        self.changed = threading.Condition(threading.RLock())

        if kept is not None and kept.after is not None:
            begin = kept.after
        self._begin = begin
        self._timeline = Timeline(begin if isinstance(begin, int) else None)
        self.outbox = Outbox(kept.posts if kept is not None else ())
        self.inbox = Inbox(self._timeline.after)

        self._url, self._token = url, token
        self._kept = kept
        self._patience = patience_seconds
        self._on_failed, self._on_line = on_failed, on_line
        self._saved_at = 0.0
        self._saved_after = self.inbox.handed_on
        self._passing_over = False  # events from before our joining
        self._hole_since: float | None = None
        self._hole_asked_at: float | None = None
        self._thread = threading.Thread(target=self._keep_line, name="chat-line", daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self.save()
        self._thread.start()

    def stop(self) -> None:
        """Cut the line and do not come back."""
        with self.changed:
            self.is_over = True
            self.inbox.done_with_last()
            self.save()
            line = self.line
            self.changed.notify_all()
        if line is not None:
            line.drop()
        if threading.current_thread() is not self._thread:
            self._thread.join(1.0)  # it may be busy connecting to nothing; it ends then

    def save(self) -> None:
        """Write the state file, if there is one. With the lock held."""
        if self._kept is None:
            return
        self._kept.write(self._token, self.inbox.handed_on, self.outbox.packets())
        self._saved_at, self._saved_after = time.monotonic(), self.inbox.handed_on

    def meet(self, members: list[dict[str, Any]]) -> None:
        """Know these members. With the lock held."""
        self.members.update({member["member_id"]: member for member in members})

    # What comes over the line, in threads of the Socket.IO client

    def welcomed(self, line: Line, welcome: dict[str, Any]) -> None:
        """A line begins."""
        with self.changed:
            if line is not self.line:
                return
            self.room, self.me = welcome["room"], welcome["me"]
            self.meet(welcome["members"])
            events = welcome["events"]
            if self._timeline.after is None:
                self._first_welcome(events, welcome["more"])
            elif welcome["reset"]:
                self._reset(events[0]["seq"] if events else self._timeline.after + 1)
            self._take(events)
            self.changed.notify_all()
        if self._on_line is not None:
            self._on_line(True)

    def happened(self, line: Line, event: Event) -> None:
        """An event, perhaps ahead of others."""
        with self.changed:
            self._take([event])
            self.changed.notify_all()

    def line_changed(self, line: Line) -> None:
        """Refused or lost: the keeper looks."""
        with self.changed:
            self.changed.notify_all()

    # The keeper of the line

    def _keep_line(self) -> None:
        tries = 0
        while not self.is_over:
            line = Line(self, self._patience)
            if self._serve(line):
                tries = 0
            refusal = line.refusal
            if refusal is not None and not refusal.is_passing:
                self._end(refusal)
                return
            pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(tries, 10))
            pause *= random.uniform(0.5, 1.0)
            if refusal is not None and refusal.retry_after_seconds is not None:
                pause = max(pause, refusal.retry_after_seconds)
            tries += 1
            with self.changed:
                self.changed.wait_for(lambda: self.is_over, pause)

    def _serve(self, line: Line) -> bool:
        """Use a line until it is lost; whether it ever was a good one."""
        with self.changed:
            if self.is_over:
                return False
            after = self._timeline.after
            self.line = line
        auth = {"token": self._token} if after is None else {"token": self._token, "after": after}
        try:
            line.open(self._url, auth)
            self._work(line)
        except Unreachable as error:
            log.debug("line lost: %s", error)
        line.drop()
        with self.changed:
            self.line = None
            self.outbox.line_lost()
            self._hole_since = self._hole_asked_at = None
        if line.is_welcomed and self._on_line is not None:
            self._on_line(False)
        return line.is_welcomed

    def _work(self, line: Line) -> None:
        """Send, fill holes, and wait for what is to do next. Raises Unreachable on a dead line."""
        opened_at = time.monotonic()
        with self.changed:
            while not (self.is_over or line.is_lost):
                now = time.monotonic()
                if not line.is_welcomed:
                    self._check_patience(opened_at, now, "welcome")
                    self.changed.wait(LOOK_SECONDS)
                    continue
                self._check_patience(self.outbox.waits_since(), now, "post")
                self._check_patience(self._hole_asked_at, now, "history")
                self._fill_hole(line, now)
                self._send(line, now)
                self._save_place(now)
                self.changed.wait(self._until_next(time.monotonic()))

    def _save_place(self, now: float) -> None:
        if now - self._saved_at > SAVE_SECONDS and self._saved_after != self.inbox.handed_on:
            self.save()

    def _check_patience(self, since: float | None, now: float, what: str) -> None:
        if since is not None and now - since > self._patience:
            raise Unreachable(f"no answer to {what!r} within {self._patience} s")

    def _until_next(self, now: float) -> float:
        due = self.outbox.due_at()
        hole = None if self._hole_since is None else self._hole_since + HOLE_SECONDS
        times = [at for at in (due, hole) if at is not None and at > now]
        return max(0.005, min([LOOK_SECONDS, *(at - now for at in times)]))

    def _send(self, line: Line, now: float) -> None:
        post = self.outbox.take(now)
        if post is None:
            return

        def answered(answer: dict[str, Any]) -> None:
            self._answered(post, answer)

        line.emit("post", post.packet(), answered)

    def _answered(self, post: Post, answer: dict[str, Any]) -> None:
        with self.changed:
            refusal = self.outbox.answered(post, answer, time.monotonic())
            if post.is_done:
                self.save()
            self.changed.notify_all()
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
        with self.changed:
            if line is not self.line:
                return
            self._hole_asked_at = None
            events = answer.get("events") or []
            wait = Refused(answer.get("error") or {}).retry_after_seconds
            if wait is not None:
                self._hole_since = time.monotonic() + wait - HOLE_SECONDS
            elif not events:
                line.drop()  # it makes no sense: begin anew, and hear what the welcome says
            else:
                self.meet(answer["members"])
                if events[0]["seq"] > after + 1 and self._timeline.after == after:
                    self._reset(events[0]["seq"])
                self._take(events)
            self.changed.notify_all()

    # Helpers, called with the lock held

    def _first_welcome(self, events: list[Event], more: bool) -> None:
        """Find where to begin."""
        newest = events[-1]["seq"] if events else 0
        if self._begin != JOINING:
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
            self.inbox.add(event)
            self._follow(event)

    def _follow(self, event: Event) -> None:
        kind, member_id = event["kind"], event.get("member_id")
        if kind == "member_joined":
            self.meet([event["member"]])
        elif kind == "room_changed":
            self.room |= {name: event[name] for name in event.keys() & self.room.keys()}
        elif kind == "host_changed":
            self.room["host_id"] = member_id
            former = "cohost" if event["reason"] == "handed_over" else "guest"
            self._change(event["previous"], role=former)
            self._change(member_id, role="host", muted_until=None)
        elif kind in ("member_changed", "member_renamed"):
            told = {name: event[name] for name in _CHANGEABLE & event.keys()}
            self._change(member_id, **told)
        elif kind == "room_ended":
            self._end(Refused({"code": "room_ended", "message": "This room has ended."}))
        elif member_id == self.me.get("member_id") and (
            kind == "member_removed" or (kind == "member_left" and event.get("reason") != "gone")
        ):
            self._end(None)

    def _change(self, member_id: str | None, **changes: Any) -> None:
        """Somebody is otherwise than before; None for what is no longer so."""
        for person in (self.me, self.members.get(member_id or "", {})):
            if person.get("member_id") == member_id:
                person.update(changes)
                for name in [name for name in changes if person[name] is None]:
                    del person[name]

    def _reset(self, first: int) -> None:
        self._timeline.begin(first)
        if not self._passing_over:
            self.inbox.add_reset(first)

    def _end(self, refusal: Refused | None) -> None:
        """It is over: the server says why, or we have left."""
        with self.changed:
            self.error = refusal
            self.is_over = True
            gone = Refused({"code": "token_invalid", "message": "You have left this room."})
            failed = self.outbox.fail_all(refusal or gone)
            self.save()
            self.changed.notify_all()
        # The lock may be held further out, and whoever is told may want to wait for something.
        threading.Thread(target=self._tell_failed, args=(failed,), daemon=True).start()

    def _tell_failed(self, posts: list[Post]) -> None:
        if self._on_failed is not None:
            for post in posts:
                self._on_failed(post)
