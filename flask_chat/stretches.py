"""How much of a room's log one answer brings."""

from collections.abc import Iterable

from flask_chat.stores.base import Page

# However few events that are: a connection may have twice as much unsent before it is cut off, so
# that a room full of the longest messages can still be entered.
ANSWER_BYTES = 512 * 1024


def newest_part(page: Page, most_bytes: int = ANSWER_BYTES) -> Page:
    """The end of the page, as much of it as one answer may bring."""
    count = _fitting(reversed(page.events), most_bytes)
    left_out = len(page.events) - count
    return page._replace(events=page.events[left_out:], start=page.start + left_out)


def oldest_part(page: Page) -> Page:
    """The beginning of the page, as much of it as one answer may bring."""
    return page._replace(events=page.events[: _fitting(page.events, ANSWER_BYTES)])


def _fitting(events: Iterable[bytes], most_bytes: int) -> int:
    """How many of these events go into so much: one at least."""
    count, room_left = 0, most_bytes
    for event in events:
        room_left -= len(event)
        if room_left < 0 and count:
            break
        count += 1
    return count
