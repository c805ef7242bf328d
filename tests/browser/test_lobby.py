"""The lobby's form as people use it."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESK, PHONE, Person


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_typed_letters_stay_in_their_boxes(person: Person, viewport: dict[str, int]) -> None:
    ada = person("Ada", viewport=viewport)
    ada.page.goto(ada.url)
    code = ada.page.get_by_label("Room code")

    code.press_sequentially("wmqx")

    expect(code).to_have_value("WMQX")
    assert code.evaluate("(input) => input.scrollLeft") == 0
    code.press("ArrowLeft")
    code.press("End")
    assert code.evaluate("(input) => input.scrollLeft") == 0
