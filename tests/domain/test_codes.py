"""Codes: drawing them, and reading what people type."""

import random
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_chat.domain.codes import ALPHABET, draw_code, parse_code
from flask_chat.domain.errors import CodeInvalid

CODES = st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=4, max_size=4)
SEPARATORS = st.sampled_from(
    ["", " ", "  ", "-", "–", " - ", ".", "·", "\n", "\t", "\u00a0", "\u200b"]
)


@pytest.mark.parametrize(
    "typed",
    [
        "BCDF",
        "bcdf",
        " bcdf\n",
        "B C D F",
        "bc-df",
        "BC–DF",
        "b.c.d.f",
        "ＢＣｄｆ",
        "\u200bBCDF",
        "BC\u00adDF\ufeff",
        "\u2068BCDF\u2069",
        "https://chat.example/r/\u200bBCDF",
        "http://127.0.0.1:5000/r/BCDF",
        "https://chat.example/r/bcdf/",
        "https://chat.example/r/BC-DF",
        "https://chat.example/r/BCDF?invite=abc",
        "https://chat.example/r/BCDF#latest",
        "https://chat.example/r/BCDF?to=/r/WXZB",
        "HTTPS://CHAT.EXAMPLE/R/BCDF",
        "chat.example/sub/r/BCDF",
        "/r/BCDF",
        "Join me: https://chat.example/r/BCDF.",
        "https://chat.example/r/BCDF see you",
        "<https://chat.example/r/BCDF>, see you there",
    ],
)
def test_a_code_is_read_however_it_is_typed_or_pasted(typed: str) -> None:
    assert parse_code(typed) == "BCDF"


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "BCD",
        "BCDFG",
        "BCD1",
        "БВГД",
        "ÄBCD",
        "ßß",  # its upper case is SSSS
        "ıbcd",  # dotless, its upper case is IBCD
        "BCDF!",
        "BCDF WXZB",
        "https://chat.example/",
        "https://chat.example/r/",
        "https://chat.example/r/BCDFG",
        "https://chat.example/r/?code=BCDF",
        "<script>",
        "A" * 100_000,
        "/r/" * 50_000,
    ],
)
def test_what_holds_no_code_is_refused(typed: str) -> None:
    with pytest.raises(CodeInvalid) as refusal:
        parse_code(typed)

    assert refusal.value.data["field"] == "code"


@given(CODES, st.lists(SEPARATORS, min_size=5, max_size=5), st.lists(st.booleans(), min_size=4))
def test_case_and_separators_never_matter(code: str, gaps: list[str], small: list[bool]) -> None:
    letters = [c.lower() if is_small else c for c, is_small in zip(code, small, strict=False)]

    typed = "".join(gap + letter for gap, letter in zip(gaps, [*letters, ""], strict=True))

    assert parse_code(typed) == code


@given(st.text(max_size=60))
def test_any_text_is_either_a_code_or_refused(typed: str) -> None:
    try:
        code = parse_code(typed)
    except CodeInvalid:
        return

    assert len(code) == 4
    assert code.isascii()
    assert code.isupper()
    assert parse_code(code) == code


@given(st.randoms(use_true_random=False))
def test_a_drawn_code_has_four_letters_that_are_not_misread(chance: random.Random) -> None:
    code = draw_code(chance.choice)

    assert len(code) == 4
    assert set(code) <= set(ALPHABET)
    assert parse_code(code.lower()) == code


def test_the_alphabet_has_no_vowels_and_nothing_like_a_digit() -> None:
    assert not set(ALPHABET) & set("AEIOUYL")
    assert len(set(ALPHABET)) == len(ALPHABET)


@pytest.mark.parametrize("rude", ["FCKB", "BFCK", "CNTS", "SHTB", "BTCH", "DCKS", "KKKB", "WTFB"])
def test_a_rude_code_is_drawn_again(rude: str) -> None:
    letters = iter(rude + "BCDF")

    assert draw_code(lambda _: next(letters)) == "BCDF"


def test_what_is_not_rude_is_drawn_the_first_time() -> None:
    letters = iter("WXZB" + "BCDF")

    assert draw_code(lambda _: next(letters)) == "WXZB"


def test_there_are_more_codes_than_rooms_and_chance_reaches_all_letters() -> None:
    drawn = {draw_code(secrets.choice) for _ in range(2_000)}

    assert {letter for code in drawn for letter in code} == set(ALPHABET)
    assert len(drawn) > 1_900  # of about 129,000
