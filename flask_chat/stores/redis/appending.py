"""Events into logs: what waits for one room goes in by one call, and all rooms by one pipeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask_chat.domain.errors import ChatError, Internal
from flask_chat.domain.events import (
    Event,
    MemberJoined,
    MemberLeft,
    MessagePosted,
    MessageRemoved,
    encode_event,
    numbered,
)
from flask_chat.domain.limits import Limits
from flask_chat.domain.rooms import RoomId
from flask_chat.redis_link.line import Request
from flask_chat.redis_link.link import Command, Library, Link
from flask_chat.redis_link.places import slot_of
from flask_chat.redis_link.wire import Word
from flask_chat.stores.base import Append, Appended, NoteChanges, Publish
from flask_chat.stores.redis import records
from flask_chat.stores.redis.records import Keys
from flask_chat.stores.redis.weight import Weight

# Redis does nothing else while a call runs, so one call takes only so many events.
_EVENTS_PER_CALL = 100

# Of these the second is known for what it is.
_TWICE = (MessagePosted, MessageRemoved, MemberJoined, MemberLeft)

Sink = Callable[[Appended | ChatError], None]  # gets the answer for one event


class Appender:
    """Appends events; `publish` hears of each new one before those who wait for it."""

    def __init__(
        self, link: Link, library: Library, limits: Limits, publish: Publish, weight: Weight
    ) -> None:
        self.link = link
        self.limits = limits
        self.publish = publish
        self.weight = weight
        self.function = library.name("append")
        self.keys = Keys(link.prefix)
        self.bounds = (
            records.limit(limits.history_events),
            records.limit(limits.history_bytes),
        )
        self._look_at = library.name("look_at")
        self.gathering: dict[RoomId, _Call] = {}  # calls that have not been sent

    def append_soon(
        self, appends: Sequence[Append], then: Callable[[list[Appended | ChatError]], None]
    ) -> None:
        """Append, and call `then` with all answers once they are there."""
        if len(appends) == 1:  # every post
            self._append(appends[0], lambda answer: then([answer]), 1)
            return
        answers: list[Any] = [None] * len(appends)
        missing = len(appends)

        def sink(place: int) -> Sink:
            def put(answer: Appended | ChatError) -> None:
                nonlocal missing
                answers[place] = answer
                missing -= 1
                if not missing:
                    then(answers)

            return put

        if not appends:
            then([])
        together = len(appends) <= _EVENTS_PER_CALL
        for place, append in enumerate(appends):
            self._append(append, sink(place), len(appends) - place if together else 1)

    def _append(self, append: Append, sink: Sink, places: int) -> None:
        """Add it to the call that gathers for its room, if that has so many places left."""
        room_id, event, notes = append
        deadline = records.ends_at(event, self.limits)
        if deadline is not None:  # in the list before it is so: see codes.lua
            self.will_end(room_id, deadline)
        call = self.gathering.get(room_id)
        if call is None or call.is_sent or len(call.events) + places > _EVENTS_PER_CALL:
            call = self.gathering[room_id] = _Call(self, room_id)
            call.add(event, notes, sink)
            self.link.send(call)
        else:
            call.add(event, notes, sink)

    def will_end(self, room_id: RoomId, at: float) -> Command:
        """Note that the room is to be looked at by then."""
        rooms = self.keys.rooms
        return self.link.ask(rooms, "FCALL", self._look_at, 1, rooms, room_id, repr(float(at)))


class _Call(Request):
    """One call with some events of one room."""

    __slots__ = ("_appender", "_words", "events", "room_id")

    def __init__(self, appender: Appender, room_id: RoomId) -> None:
        self.room_id = room_id
        self.events: list[tuple[bytes, Sink]] = []
        self._appender = appender
        self._words: list[Word] = ["FCALL", appender.function, 1, appender.keys.room(room_id)]
        self._words += appender.bounds
        super().__init__(slot_of(room_id), again=True)

    def add(self, event: Event, notes: NoteChanges, sink: Sink) -> None:
        """One more event. What can be told to have been appended before may be sent twice."""
        body = encode_event(event)
        self._words += records.event_to_words(event, self._appender.limits)
        self._words.append(body)
        for name, note in notes.items():
            self._words += ("n", *records.notes_to_words({name: note}), "")
        self.events.append((body, sink))
        self.again = self.again and isinstance(event, _TWICE)

    def command(self) -> tuple[Word, ...]:
        return tuple(self._words)

    def done(self, reply: Any) -> None:
        self._close()
        if isinstance(reply, bytes):
            refusal = records.refusal(reply, self._appender.limits)
            self._answer([refusal] * len(self.events))
            return
        answers = [
            self._read(body, answer)
            for (body, _), answer in zip(self.events, reply[1:], strict=True)
        ]
        self._appender.weight.add(self.room_id, reply[0], lambda: self._answer(answers))

    def failed(self, error: Exception) -> None:
        self._close()
        refusal = error if isinstance(error, ChatError) else Internal()
        self._answer([refusal] * len(self.events))

    def _close(self) -> None:
        """Take no more events."""
        gathering = self._appender.gathering
        if gathering.get(self.room_id) is self:
            del gathering[self.room_id]

    def _read(self, body: bytes, answer: Any) -> Appended | ChatError:
        if isinstance(answer, int):
            data = numbered(body, answer)
            self._appender.publish(self.room_id, answer, data)
            return Appended(answer, data, is_new=True)
        if isinstance(answer, bytes):
            return records.refusal(answer, self._appender.limits)
        seq, data = answer
        return Appended(seq, data, is_new=False)

    def _answer(self, answers: Sequence[Appended | ChatError]) -> None:
        for (_, sink), answer in zip(self.events, answers, strict=True):
            sink(answer)
