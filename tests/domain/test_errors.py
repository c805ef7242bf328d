"""The refusals, and that docs/errors.md tells of each."""

import re
from pathlib import Path

import pytest

from flask_chat.domain.errors import ChatError, TooFast, every_error
from flask_chat.web import refusals

ERRORS_MD = Path(__file__).resolve().parents[2] / "docs" / "errors.md"


def rows() -> dict[str, list[str]]:
    """The table of docs/errors.md: code → status, meaning, what to do, whether to try again."""
    text = ERRORS_MD.read_text(encoding="utf-8")
    lines = re.findall(r"^\| `(\w+)` \| (\d+ \|.*) \|$", text, re.MULTILINE)
    assert len(dict(lines)) == len(lines), "a code is listed twice"
    return {code: [cell.strip() for cell in rest.split(" | ")] for code, rest in lines}


def test_each_refusal_has_a_code_of_its_own() -> None:
    codes = [error.code for error in every_error()]

    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


@pytest.mark.parametrize("error", every_error())
def test_each_refusal_is_a_sentence_for_people(error: type[ChatError]) -> None:
    refusal = error()

    assert refusal.message == str(refusal) == error.default_message
    assert re.fullmatch(r"[A-Z].*[.]", refusal.message)
    assert error is every_error()[0] or refusal.message != ChatError.default_message
    assert error.__doc__


def test_a_refusal_carries_what_a_client_can_act_on() -> None:
    refusal = TooFast("Slow down.", retry_after_seconds=0.5)

    assert refusal.message == "Slow down."
    assert refusal.data == {"retry_after_seconds": 0.5}


def test_every_refusal_is_found_also_one_that_specialises_another() -> None:
    def below(error: type[ChatError]) -> set[type[ChatError]]:
        return {error}.union(*map(below, error.__subclasses__()))

    assert set(every_error()) == below(ChatError) - {ChatError}


def test_the_document_lists_exactly_the_refusals_there_are() -> None:
    assert list(rows()) == sorted(error.code for error in every_error())


@pytest.mark.parametrize("error", every_error())
def test_the_document_tells_status_and_retry_as_they_are(error: type[ChatError]) -> None:
    status, meaning, advice, retry = rows()[error.code]

    assert status == str(refusals.status_of(error()).value)
    assert meaning
    assert advice
    assert retry == ("yes" if error.can_retry else "no")
