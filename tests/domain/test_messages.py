"""Drafts: what may be posted."""

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_chat.domain.errors import ChatError, Invalid, MessageEmpty, MessageTooLong
from flask_chat.domain.messages import Draft, check_draft
from flask_chat.domain.unseen import is_blank

LIMIT = 4000
# The list that tests/js/text.test.js holds the browser to.
UNSEEN_CHARACTERS = {
    chr(code)
    for first, last in json.loads((Path(__file__).parents[1] / "unseen.json").read_text())
    for code in range(int(first, 16), int(last, 16) + 1)
}
UNSEEN = st.sampled_from(sorted(UNSEEN_CHARACTERS))


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
        "👨\u200d👩\u200d👧",
        "\u200d❤\ufe0f\u200b",
        "می\u200cخواهم",
        "\u0301",  # an accent on nothing is shown
        "\u0600",  # a format character that is shown
        "\x00.",
    ],
)
def test_any_text_up_to_the_limit_may_be_posted(text: str) -> None:
    assert refusal_of(Draft(key="k1", text=text)) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\n\n",
        "\t \u00a0\u3000\u2028",
        "\u200b",
        "\ufeff\u2060 \u200d",
        "\u202e\u2069",
        "\ufe0f",
        "\u3164",
        "\u2800",
        "\x00",
        "\U000e0041\U000e007f",
    ],
)
def test_nothing_that_can_be_seen_is_no_message(text: str) -> None:
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


@given(st.text(max_size=10), st.text(UNSEEN, max_size=10), st.text(UNSEEN, max_size=10))
def test_what_cannot_be_seen_around_a_text_changes_nothing(
    text: str, before: str, after: str
) -> None:
    alone, among = (
        refusal_of(Draft(key="k1", text=each)) for each in (text, before + text + after)
    )

    assert type(alone) is type(among)


@given(st.text(max_size=30) | st.text(UNSEEN, max_size=5), st.integers(min_value=1, max_value=20))
def test_a_draft_is_refused_for_its_length_or_its_emptiness_only(text: str, limit: int) -> None:
    refusal = refusal_of(Draft(key="k1", text=text), limit)

    if len(text) > limit:
        assert isinstance(refusal, MessageTooLong)
    elif all(char in UNSEEN_CHARACTERS for char in text):
        assert isinstance(refusal, MessageEmpty)
    else:
        assert refusal is None


def test_the_characters_that_cannot_be_seen_are_those_of_the_list() -> None:
    surrogates = range(0xD800, 0xE000)
    characters = (chr(code) for code in range(sys.maxunicode + 1) if code not in surrogates)

    assert {char for char in characters if is_blank(char)} == UNSEEN_CHARACTERS
