"""The log of one room in memory."""

from collections import deque
from itertools import islice

from flask_chat.domain.events import numbered
from flask_chat.domain.members import MemberId
from flask_chat.stores.base import Page

KeyOf = tuple[MemberId | None, str]  # who posted, with which key
Entry = tuple[bytes, KeyOf | None]  # an event as it is kept


class Log:
    """The newest events of one room, and the keys of those that were posted."""

    __slots__ = ("_entries", "bytes", "last_seq", "seq_by_key")

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()
        self.seq_by_key: dict[KeyOf, int] = {}
        self.last_seq = 0
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def first_seq(self) -> int:
        return self.last_seq - len(self._entries) + 1

    def add(self, body: bytes, key: KeyOf | None) -> bytes:
        data = numbered(body, self.last_seq + 1)
        self.push((data, key))
        return data

    def push(self, entry: Entry) -> None:
        """Add an event that has the next number in it."""
        data, key = entry
        self.last_seq += 1
        self._entries.append(entry)
        self.bytes += len(data)
        if key is not None:
            self.seq_by_key[key] = self.last_seq

    def drop_oldest(self) -> Entry:
        """Forget the oldest event, which is handed out."""
        entry = data, key = self._entries.popleft()
        if key is not None:
            del self.seq_by_key[key]
        self.bytes -= len(data)
        return entry

    def put_back(self, entry: Entry) -> None:
        """Know the event again that was dropped last."""
        data, key = entry
        self._entries.appendleft(entry)
        self.bytes += len(data)
        if key is not None:
            self.seq_by_key[key] = self.first_seq

    def take_back(self) -> int:
        """Be as before the newest event was added; how many bytes that freed."""
        data, key = self._entries.pop()
        self.last_seq -= 1
        self.bytes -= len(data)
        if key is not None:
            del self.seq_by_key[key]
        return len(data)

    def at(self, seq: int) -> bytes:
        data, _ = self._entries[seq - self.first_seq]
        return data

    def keeps(self, seq: int) -> bool:
        """Whether the event with this number is kept."""
        return self.first_seq <= seq <= self.last_seq

    def rewrite(self, seq: int, data: bytes) -> int:
        """Have a kept event read otherwise from now on; how many bytes more that takes."""
        old, key = self._entries[seq - self.first_seq]
        self._entries[seq - self.first_seq] = (data, key)
        self.bytes += len(data) - len(old)
        return len(data) - len(old)

    def page(self, first: int, last: int) -> Page:
        """The events from `first`, which is kept or the next one, to `last` or the newest."""
        events = self._between(first, min(last, self.last_seq))
        return Page(events, first, self.first_seq, self.last_seq)

    def _between(self, first: int, last: int) -> list[bytes]:
        if last - first > 1000:  # indexing a deque costs the distance to its nearer end
            start = first - self.first_seq
            return [entry[0] for entry in islice(self._entries, start, start + last - first + 1)]
        return [self.at(seq) for seq in range(first, last + 1)]
