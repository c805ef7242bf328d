"""Small parts of the engine without a server: frames, deadlines, edits of a room's text."""

import pytest

from flask_chat.delivery import frames
from flask_chat.delivery.deadlines import Deadlines
from flask_chat.delivery.rooms import edited, not_straight, send_to_all


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 70000])
def test_frames_can_be_taken_apart_again(size: int) -> None:
    payload = b"x" * size
    data = frames.text(payload) + frames.binary(payload) + frames.text(b"end")

    parts = [(opcode, data[start:end]) for opcode, start, end in frames.split(data)]

    assert parts == [(frames.TEXT, payload), (frames.BINARY, payload), (frames.TEXT, b"end")]


def test_a_reason_that_is_too_long_is_cut() -> None:
    assert len(frames.close(1000, "x" * 500)) == 2 + 125


def test_edits_put_in_and_cut_out() -> None:
    edits = [(0, 2, b""), (4, 4, b"ack"), (4, 6, b""), (8, 8, b"end")]

    assert edited(b"01234567", edits) == b"23ack67end"


def test_no_edit_leaves_the_text_as_it_is() -> None:
    assert edited(b"0123", []) == b"0123"


def test_one_send_that_fails_does_not_keep_others_from_theirs() -> None:
    def full(_: bytes) -> int:
        raise BlockingIOError

    def broken(_: bytes) -> int:
        raise ConnectionResetError

    sends = [len, full, len, broken, not_straight, lambda data: 1, len]

    assert send_to_all(sends, b"data") == [4, 0, 4, -2, -1, 1, 4]


def test_what_is_due_is_acted_on_once_and_in_order() -> None:
    seen: list[str] = []
    deadlines: Deadlines[str] = Deadlines(10, lambda item, late_by: seen.append(item))
    deadlines.add("a")
    deadlines.add("b")
    deadlines.add("c", late_by=100)
    deadlines.add("a")
    deadlines.remove("c")

    deadlines.expire(0)
    assert seen == []
    deadlines.expire(float("inf"))
    deadlines.expire(float("inf"))

    assert seen == ["b", "a"]
    assert len(deadlines) == 0


def test_an_action_may_add_again_and_take_others_away() -> None:
    seen: list[str] = []

    def act(item: str, late_by: float) -> None:
        seen.append(item)
        deadlines.remove("b")
        deadlines.add("a")

    deadlines: Deadlines[str] = Deadlines(0, act)
    deadlines.add("a")
    deadlines.add("b")
    deadlines.expire(float("inf"))

    assert seen == ["a"]
    assert "a" in deadlines
    assert "b" not in deadlines
