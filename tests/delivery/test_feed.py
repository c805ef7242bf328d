"""Whether a log goes on from what the listeners of a room were shown."""

import pytest

from flask_chat.delivery.feed import Feed
from flask_chat.domain.events import (
    MessagePosted,
    MessageRemoved,
    encode_event,
    moment,
    numbered,
    redacted,
)
from flask_chat.domain.members import MemberId

AT = moment(1_795_381_398)
ADA = MemberId("m-ada")


def said(text: str, key: str = "k1") -> bytes:
    return numbered(encode_event(MessagePosted(at=AT, by=ADA, text=text, key=key)), 41)


REMOVAL = numbered(encode_event(MessageRemoved(at=AT, by=ADA, target=41)), 42)


@pytest.mark.parametrize(
    ("newest", "read", "goes_on"),
    [
        (said("Hello"), [said("Hello")], True),
        (said("Hello"), [redacted(said("Hello")), REMOVAL], True),
        (redacted(said("Hello")), [redacted(said("Hello"))], True),
        (said("Hello"), [said("Something else")], False),
        (said("Hello"), [redacted(said("Hello", key="k2"))], False),
        (said("Hello"), [], False),
        (REMOVAL, [REMOVAL], True),
        (REMOVAL, [said("Hello")], False),
    ],
)
def test_a_log_goes_on_when_it_has_what_was_shown_or_what_is_left_of_it(
    newest: bytes, read: list[bytes], goes_on: bool
) -> None:
    feed = Feed("r-maths")
    feed.begin(41, newest)

    assert feed.continues(41, 41, read) is goes_on
