"""What the lobby does with a code that leads nowhere, and with a form that has grown old."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import DESK, PHONE, Person
from tests.servers import RunningServer


def middle_of(element: Locator) -> float:
    box = element.bounding_box()
    assert box
    return box["y"] + box["height"] / 2


def test_a_link_to_no_room_puts_whoever_is_known_on_the_code(person: Person) -> None:
    ada = person("Ada")
    ada.creates_a_room()  # from now on the lobby knows her name

    ada.page.goto(f"{ada.url}/r/QRWC")

    expect(ada.page.get_by_text("There is no room QRWC.")).to_be_visible()
    expect(ada.page.get_by_label("Your name")).to_have_value("Ada")
    expect(ada.page.get_by_label("Room code")).to_be_focused()


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_a_complaint_stands_on_one_line_with_its_icon_and_its_button(
    person: Person, viewport: dict[str, int]
) -> None:
    ada = person("Ada", viewport=viewport)
    ada.page.goto(f"{ada.url}/r/QRWC")
    complaint = ada.page.locator("#code-error")

    words = middle_of(complaint.locator("[data-error-text]"))

    assert abs(middle_of(complaint.locator(".icon")) - words) <= 1
    assert abs(middle_of(complaint.get_by_role("button")) - words) <= 1


def test_what_is_missing_is_said_before_the_server_has_to(person: Person) -> None:
    ada = person("Ada")
    ada.page.goto(ada.url)

    ada.page.get_by_label("Your name").fill("\u200b")
    ada.page.get_by_role("button", name="Create a room").click()

    expect(ada.page.locator("#name-error")).to_have_text("Type a name first")
    expect(ada.page.get_by_label("Your name")).to_be_focused()


def test_a_lobby_left_open_over_a_restart_needs_one_more_press(
    person: Person, start_server: Callable[..., RunningServer]
) -> None:
    server = start_server()
    ada = person("Ada", server.url)
    ada.page.goto(server.url)
    ada.page.get_by_label("Your name").fill("Ada")

    server.stop()
    start_server(port=server.port)
    ada.page.get_by_role("button", name="Create a room").click()
    expect(ada.page.get_by_role("alert")).to_contain_text("Please press once more")
    ada.page.get_by_role("button", name="Create a room").click()

    ada.is_connected()
