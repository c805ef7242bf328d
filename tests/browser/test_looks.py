"""What there is to see where it is tight, in other colours, and when it is over."""

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import DESK, PHONE, Person
from tests.people import Place
from tests.servers import RunningServer

LONG_NAMES = ["Wolfeschlegelsteinhausenbergerdo", "Grace Brewster Murray Hopper RAd", "W" * 32]
NARROW = {"width": 320, "height": 640}


def is_whole(element: Locator) -> bool:
    """Whether nothing of the element is cut, by itself or by the edge of the window."""
    return bool(
        element.evaluate("""element => {
            const { left, right } = element.getBoundingClientRect();
            const isClipped = element.scrollWidth > element.clientWidth + 1 &&
                getComputedStyle(element).overflowX !== "visible";
            return !isClipped && left >= 0 && right <= innerWidth;
        }""")
    )


@pytest.mark.parametrize("viewport", [NARROW, PHONE, DESK], ids=["narrow", "phone", "desk"])
@pytest.mark.parametrize("name", LONG_NAMES, ids=["one word", "words", "wide"])
def test_a_long_name_is_shown_whole(
    person: Person, server: RunningServer, viewport: dict[str, int], name: str
) -> None:
    place = Place(server.url)
    host = place.open_room(name).connects()
    host.says("hello")
    grace = person("Grace", viewport=viewport)
    grace.joins(host.code)

    author = grace.bubble("hello").locator(".byline")
    expect(author).to_contain_text(name)
    assert is_whole(author)
    assert is_whole(author.locator(".author"))
    assert is_whole(author.locator(".when"))

    if viewport != DESK:
        grace.page.get_by_role("button", name="here. Show people").click()
    listed = grace.page.locator(".person-name").first
    expect(listed).to_have_text(name)
    expect(listed).to_be_visible()
    assert is_whole(listed)
    place.close()


def test_in_forced_colours_one_sees_whether_one_is_in_the_box(person: Person) -> None:
    ada = person("Ada", forced_colors="active")
    ada.creates_a_room()
    composer = ada.page.locator("#composer")
    width = "element => parseFloat(getComputedStyle(element).outlineWidth)"

    ada.page.locator("#text").focus()
    inside = composer.evaluate(width)
    ada.page.get_by_role("button", name="Room menu").focus()

    assert inside >= 3
    assert composer.evaluate("element => getComputedStyle(element).outlineStyle") == "none"


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_nobody_is_here_any_more_when_the_room_has_ended(
    person: Person, server: RunningServer, viewport: dict[str, int]
) -> None:
    place = Place(server.url)
    host = place.open_room().connects()
    grace = person("Grace", viewport=viewport)
    grace.joins(host.code)
    if viewport == PHONE:
        grace.page.get_by_role("button", name="here. Show people").click()
    expect(grace.page.get_by_text("Here now · 2")).to_be_visible()

    assert host.asks("moderate", {"action": "end_room"})["ok"]

    expect(grace.page.get_by_role("heading", name="This room has ended")).to_be_visible()
    expect(grace.page.get_by_text("Here now")).to_be_hidden()
    expect(grace.page.locator("#people-button")).to_be_hidden()
    place.close()
