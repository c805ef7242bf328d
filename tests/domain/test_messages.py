"""Drafts: what may be posted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_chat.domain.errors import ChatError, Invalid, MessageEmpty, MessageTooLong
from flask_chat.domain.messages import Draft, check_draft

LIMIT = 4000


def refusal_of(draft: Draft, limit: float = LIMIT) -> ChatError | None:
    try:
        check_draft(draft, limit)
    except ChatError as refusal:
        return refusal
    return None


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "  indented\n\n    code  ",
        "\n" * 50 + "after fifty line breaks",
        "<script>alert(1)</script>",
        "👩🏽‍💻" * 100,
        "مرحبا \u202eabc",
        "x" * LIMIT,
        "🦊" * LIMIT,  # a character is one code point, however many bytes
        "\x00",
    ],
)
def test_any_text_up_to_the_limit_may_be_posted(text: str) -> None:
    assert refusal_of(Draft(key="k1", text=text)) is None


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\t \u00a0\u3000\u2028"])
def test_nothing_but_white_space_is_no_message(text: str) -> None:
    refusal = refusal_of(Draft(key="k1", text=text))

    assert isinstance(refusal, MessageEmpty)
    assert refusal.data == {"field": "text"}


def test_one_character_too_many_is_refused_and_the_limit_named() -> None:
    refusal = refusal_of(Draft(key="k1", text="🦊" * (LIMIT + 1)))

    assert isinstance(refusal, MessageTooLong)
    assert refusal.data == {"field": "text", "limit": LIMIT}
    assert "4000" in refusal.message
    assert "4001" in refusal.message


def test_a_lifted_limit_lets_any_length_through() -> None:
    assert refusal_of(Draft(key="k1", text="x" * 100_000), limit=float("inf")) is None


@pytest.mark.parametrize("key", ["a", "A-z_09", "k" * 64])
def test_a_key_is_up_to_64_letters_digits_dashes_and_underscores(key: str) -> None:
    assert refusal_of(Draft(key=key, text="Hello")) is None


@pytest.mark.parametrize("key", ["", "k" * 65, "a b", "k\n", "ä", "１", "a/b", "<b>", "\x00"])
def test_any_other_key_is_refused(key: str) -> None:
    refusal = refusal_of(Draft(key=key, text="Hello"))

    assert isinstance(refusal, Invalid)
    assert refusal.data == {"field": "key"}


@pytest.mark.parametrize(
    ("reply_to", "is_fine"), [(None, True), (1, True), (0, False), (-1, False)]
)
def test_a_reply_is_to_a_seq_which_counts_from_one(reply_to: int | None, is_fine: bool) -> None:
    refusal = refusal_of(Draft(key="k1", text="Hello", reply_to=reply_to))

    assert (refusal is None) == is_fine
    assert is_fine or (refusal and refusal.data == {"field": "reply_to"})


@given(st.text(max_size=30), st.integers(min_value=1, max_value=20))
def test_a_draft_is_refused_for_its_length_or_its_emptiness_only(text: str, limit: int) -> None:
    refusal = refusal_of(Draft(key="k1", text=text), limit)

    if len(text) > limit:
        assert isinstance(refusal, MessageTooLong)
    elif not text.strip():
        assert isinstance(refusal, MessageEmpty)
    else:
        assert refusal is None
