"""The rules by which rooms change, and the order in which that is told."""

import heapq
from collections.abc import Callable, Collection, Sequence

from flask_chat.domain.codes import Code
from flask_chat.domain.errors import (
    ChatError,
    CodeTaken,
    NameTaken,
    RoomEnded,
    RoomFull,
    ServerFull,
    TokenInvalid,
)
from flask_chat.domain.events import (
    Event,
    HostChanged,
    MemberChanged,
    MemberJoined,
    MemberLeft,
    MemberRemoved,
    MemberRenamed,
    MessagePosted,
    MessageRemoved,
    RoomChanged,
    decode_event,
    encode_event,
    people_in,
    redacted,
)
from flask_chat.domain.events import RoomEnded as RoomEndedEvent
from flask_chat.domain.limits import Limits
from flask_chat.domain.members import Member, MemberId, is_moderator
from flask_chat.domain.moderation import (
    Act,
    check_moderator,
    no_such_message,
    no_such_person,
    refused_to_act,
    refused_to_speak,
)
from flask_chat.domain.rooms import Room, RoomId, member_after, room_after, subjects_of
from flask_chat.stores.base import (
    NO_CHANGES,
    Append,
    Appended,
    Door,
    DoorChanged,
    NoteChanges,
    Page,
    Publish,
    Snapshot,
)
from flask_chat.stores.memory.log import Entry, KeyOf, Log
from flask_chat.stores.memory.room import RoomState

# Those who left keep a record, since their messages are still shown with their name. A room forgets
# nobody, so it takes in at most this many times the people that may be in it at once.
_RECORDS_PER_PLACE = 20


class MemoryStore:
    """The contract of `stores.base` with dicts and deques."""

    may_block = False

    def __init__(self, limits: Limits, publish: Publish) -> None:
        self._limits = limits
        self._publish = publish
        self._rooms: dict[RoomId, RoomState] = {}
        self._by_code: dict[Code, RoomId] = {}
        self._bytes = 0  # of all logs
        self._deadlines: list[tuple[float, RoomId]] = []  # a heap; entries may be out of date

    def create_room(self, room: Room, host: Member, joined: MemberJoined, marks: str = "") -> None:
        if room.code in self._by_code:
            raise CodeTaken(field="code")
        if len(self._rooms) >= self._limits.rooms:
            raise ServerFull
        self._rooms[room.room_id] = RoomState(room)
        self._by_code[room.code] = room.room_id
        self.admit(room.room_id, host, joined, marks)

    def find_room(self, code: Code) -> Room | None:
        room_id = self._by_code.get(code)
        return None if room_id is None else self._rooms[room_id].record

    def room(self, room_id: RoomId) -> Room:
        return self._room(room_id).record

    def admit(
        self,
        room_id: RoomId,
        member: Member,
        joined: MemberJoined,
        marks: str = "",
        *,
        notes: NoteChanges = NO_CHANGES,
        version: int | None = None,
    ) -> None:
        room = self._room(room_id)
        if room.has_ended:
            raise RoomEnded
        if version not in (None, room.version):
            raise DoorChanged
        if room.is_taken(member.name, member.member_id):
            raise NameTaken(field="name")
        places = self._limits.members_per_room
        if len(room.here) >= places or len(room.members) >= places * _RECORDS_PER_PLACE:
            raise RoomFull(limit=places)
        room.members[member.member_id] = member
        room.claim_name(member)
        if marks:
            room.marks[member.member_id] = marks
        self._add(room, joined)
        if notes:
            self._set_notes(room, notes)

    def member(self, room_id: RoomId, member_id: MemberId) -> Member | None:
        room = self._room(room_id)
        return room.members[member_id] if member_id in room.names else None

    def members(self, room_id: RoomId, also: Collection[MemberId] = ()) -> list[Member]:
        room = self._room(room_id)
        away = (member_id for member_id in dict.fromkeys(also) if member_id not in room.here)
        return [
            *(room.members[member_id] for member_id in room.here),
            *(room.members[member_id] for member_id in away if member_id in room.members),
        ]

    def marks(self, room_id: RoomId, member_id: MemberId) -> str:
        return self._room(room_id).marks.get(member_id, "")

    def twins(self, room_id: RoomId, member_id: MemberId) -> list[Member]:
        room = self._room(room_id)
        who = room.speaker(member_id)
        others = (each for each in room.names if each != member_id)
        return [room.members[each] for each in others if room.speaker(each) == who]

    def names(self, room_id: RoomId) -> list[str]:
        room = self._room(room_id)
        return [room.members[member_id].name for member_id in room.names]

    def count_here(self, room_id: RoomId) -> int:
        return len(self._room(room_id).here)

    def append(self, appends: Sequence[Append]) -> list[Appended | ChatError]:
        return [self._append(*append) for append in appends]

    def append_soon(
        self, appends: Sequence[Append], then: Callable[[list[Appended | ChatError]], None]
    ) -> None:
        then(self.append(appends))

    def read_after(self, room_id: RoomId, after: int, limit: int) -> Page:
        log = self._room(room_id).log
        first = max(after + 1, log.first_seq)
        return log.page(first, first + limit - 1)

    def read_before(self, room_id: RoomId, before: int | None, limit: int) -> Page:
        log = self._room(room_id).log
        last = log.last_seq if before is None else min(before - 1, log.last_seq)
        return log.page(max(last - limit + 1, log.first_seq), last)

    def snapshot(self, room_id: RoomId, after: int | None, *, newest: int, most: int) -> Snapshot:
        room = self._room(room_id)
        log = room.log
        is_complete = (
            after is not None and log.first_seq - 1 <= after <= log.last_seq <= after + most
        )
        page = (
            self.read_after(room_id, after, most)
            if after is not None and is_complete
            else self.read_before(room_id, None, newest)
        )
        return Snapshot(
            room.record, page, self.members(room_id, people_in(page.events)), is_complete
        )

    def door(self, room_id: RoomId) -> Door:
        room = self._room(room_id)
        return Door(room.record, dict(room.notes), room.version)

    def set_notes(self, room_id: RoomId, changes: NoteChanges, by: MemberId | None = None) -> None:
        room = self._room(room_id)
        if by is not None:
            if by not in room.names:
                raise TokenInvalid
            check_moderator(room.members[by])
        self._set_notes(room, changes)

    def deadline(self, room_id: RoomId) -> float | None:
        return self._room(room_id).deadline

    def room_ids(self) -> list[RoomId]:
        return list(self._rooms)

    def set_deadline(self, room_id: RoomId, at: float | None) -> None:
        self._room(room_id).deadline = at
        if at is not None:
            heapq.heappush(self._deadlines, (at, room_id))
            self._drop_old_deadlines()

    def due(self, now: float) -> list[RoomId]:
        found: dict[RoomId, float] = {}
        while self._deadlines and self._deadlines[0][0] <= now:
            at, room_id = heapq.heappop(self._deadlines)
            room = self._rooms.get(room_id)
            if room is not None and room.deadline == at:
                found[room_id] = at
        for room_id, at in found.items():  # due until they are removed or the deadline is moved
            heapq.heappush(self._deadlines, (at, room_id))
        return list(found)

    def remove_room(self, room_id: RoomId) -> None:
        room = self._rooms.pop(room_id, None)
        if room is not None:
            del self._by_code[room.record.code]
            self._bytes -= room.log.bytes
            self._drop_old_deadlines()

    def close(self) -> None:
        for room_id in list(self._rooms):
            self.remove_room(room_id)

    def _room(self, room_id: RoomId) -> RoomState:
        try:
            return self._rooms[room_id]
        except KeyError:
            raise RoomEnded from None

    def _set_notes(self, room: RoomState, changes: NoteChanges) -> None:
        room.version += 1
        for name, note in changes.items():
            if note is None:
                room.notes.pop(name, None)
            else:
                room.notes[name] = note

    def _append(
        self, room_id: RoomId, event: Event, notes: NoteChanges = NO_CHANGES
    ) -> Appended | ChatError:
        answer = self._append_event(room_id, event)
        if notes and isinstance(answer, Appended) and answer.is_new:
            self._set_notes(self._rooms[room_id], notes)
        return answer

    def _append_event(self, room_id: RoomId, event: Event) -> Appended | ChatError:
        room = self._rooms.get(room_id)
        if room is None:
            return RoomEnded()
        if not isinstance(event, MessagePosted):
            return self._append_other(room, event)
        log, key = room.log, (event.by, event.key)
        known = log.seq_by_key.get(key)
        if known is not None:
            return Appended(known, log.at(known), is_new=False)
        if room.has_ended:
            return RoomEnded()
        if event.by not in room.names:
            return TokenInvalid()
        refusal = self._take_turn(room, event)
        return refusal or self._add(room, event, key)

    def _take_turn(self, room: RoomState, event: MessagePosted) -> ChatError | None:
        """Why somebody may not speak now. Where they may, slow mode counts from here."""
        assert event.by is not None
        member, record = room.members[event.by], room.record
        spoke_at = room.spoke_at.get(room.speaker(event.by)) if record.slow_mode_seconds else None
        refusal = refused_to_speak(record, member, spoke_at, event.at)
        if refusal is None and record.slow_mode_seconds and not is_moderator(member):
            room.spoke_at[room.speaker(event.by)] = event.at
        return refusal

    def _append_other(self, room: RoomState, event: Event) -> Appended | ChatError:
        if room.has_ended:
            return RoomEnded()
        if refusal := self._not_allowed(room, event):
            return refusal
        match event:
            case MemberJoined() | MemberLeft():
                (subject,) = subjects_of(event)
                if subject not in room.names:
                    return TokenInvalid()
                says_nothing = (subject in room.here) == isinstance(event, MemberJoined)
                if says_nothing and getattr(event, "reason", "gone") == "gone":
                    return self._nothing_new(room)
            case MemberChanged() | MemberRemoved() if event.member_id not in room.names:
                return no_such_person()
            case MemberRenamed() if room.is_taken(event.name, event.member_id):
                return NameTaken(field="name")
            case HostChanged():
                return self._change_host(room, event)
            case MessageRemoved():
                return self._remove_message(room, event)
            case RoomEndedEvent(reason="empty") if room.here:
                return self._nothing_new(room)
        return self._add(room, event)

    def _not_allowed(self, room: RoomState, event: Event) -> ChatError | None:
        """Why whoever brings this about may not. What nobody does is allowed."""
        if event.by is None or not isinstance(event, Act):
            return None
        if event.by not in room.names:
            return TokenInvalid()
        return refused_to_act(event, room.members[event.by], self._target(room, event))

    def _target(self, room: RoomState, event: Act) -> Member | None:
        match event:
            case MemberChanged() | MemberRemoved() if event.member_id in room.names:
                return room.members[event.member_id]
            case MessageRemoved() if room.log.keeps(event.target):
                found = decode_event(room.log.at(event.target))
                if isinstance(found, MessagePosted) and found.by is not None:
                    return room.members.get(found.by)
        return None

    def _change_host(self, room: RoomState, event: HostChanged) -> Appended | ChatError:
        if event.member_id not in room.names:
            return no_such_person()
        is_back = event.reason == "gone" and event.previous in room.here
        if is_back or event.previous != room.record.host_id:
            return self._nothing_new(room)
        return self._add(room, event)

    def _remove_message(self, room: RoomState, event: MessageRemoved) -> Appended | ChatError:
        log = room.log
        target = decode_event(log.at(event.target)) if log.keeps(event.target) else None
        if not isinstance(target, MessagePosted):
            return no_such_message()
        if target.removed:
            return self._nothing_new(room)
        self._rewrite(room, event.target, redacted(log.at(event.target)))
        return self._add(room, event)

    def _rewrite(self, room: RoomState, seq: int, data: bytes) -> None:
        self._bytes += room.log.rewrite(seq, data)

    def _nothing_new(self, room: RoomState) -> Appended:
        return Appended(room.log.last_seq, b"", is_new=False)

    def _add(self, room: RoomState, event: Event, key: KeyOf | None = None) -> Appended:
        log = room.log
        before = log.bytes
        data = log.add(encode_event(event), key)
        self._bytes += log.bytes - before
        if key is None:
            self._update_records(room, event)
        self._trim(log)
        self._publish(room.record.room_id, log.last_seq, data)
        return Appended(log.last_seq, data, is_new=True)

    def _trim(self, log: Log) -> None:
        # A full store is paid for by the room that speaks: it forgets its own oldest events.
        limits = self._limits
        while (
            log.bytes > limits.history_bytes
            or self._bytes > limits.store_bytes
            or len(log) > limits.history_events
        ) and len(log) > 1:
            self._drop_oldest(log)

    def _drop_oldest(self, log: Log) -> Entry:
        entry = log.drop_oldest()
        self._bytes -= len(entry[0])
        return entry

    def _drop_old_deadlines(self) -> None:
        if len(self._deadlines) > 2 * len(self._rooms):
            rooms = self._rooms.items()
            now = [(room.deadline, id_) for id_, room in rooms if room.deadline is not None]
            self._deadlines = sorted(now)

    def _update_records(self, room: RoomState, event: Event) -> None:
        room.record = room_after(room.record, event)
        room.version += isinstance(event, RoomChanged)
        if isinstance(event, RoomEndedEvent):
            room.has_ended = True
            self.set_deadline(room.record.room_id, event.at.timestamp())
        if not room.record.slow_mode_seconds:
            room.spoke_at.clear()
        for subject in subjects_of(event):
            self._update_member(room, subject, event)

    def _update_member(self, room: RoomState, subject: MemberId, event: Event) -> None:
        member = room.members.get(subject)
        if member is None:
            return
        changed = room.members[member.member_id] = member_after(member, event)
        if isinstance(event, MemberRenamed) and subject in room.names:
            room.claim_name(changed)
        if isinstance(event, MemberRemoved) or (
            isinstance(event, MemberLeft) and event.reason != "gone"
        ):
            room.free_name(changed.member_id)
        if changed.here:
            room.here.setdefault(changed.member_id, room.log.last_seq)
            if room.deadline is not None:
                self.set_deadline(room.record.room_id, None)
        elif room.here.pop(changed.member_id, None) is not None and not room.here:
            end = event.at.timestamp() + self._limits.room_grace_seconds
            self.set_deadline(room.record.room_id, end)
