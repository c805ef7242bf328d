"""The pages in a browser that runs no scripts: nothing looks alive that does nothing."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESK, PHONE, Person, Visitor
from tests.people import Place
from tests.servers import RunningServer


def enters(visitor: Visitor, code: str) -> None:
    visitor.page.goto(f"{visitor.url}/r/{code}")
    visitor.page.get_by_label("Your name").fill(visitor.name)
    visitor.page.get_by_role("button", name="Join", exact=True).click()
    visitor.page.wait_for_url(f"**/r/{code}")


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_a_room_has_no_button_that_does_nothing(
    person: Person, server: RunningServer, viewport: dict[str, int]
) -> None:
    place = Place(server.url)
    grace = person("Grace", java_script_enabled=False, viewport=viewport)
    enters(grace, place.open_room().code)
    page = grace.page

    page.get_by_role("button", name="Room menu").click()  # this one needs no script

    buttons = [button.inner_text().split() for button in page.get_by_role("button").all()]
    the_code, the_menu = ["Room", page.url[-4:]], []
    assert buttons == [the_code, the_menu, ["Leave", "the", "room"]]
    expect(page.get_by_role("textbox")).to_have_count(0)
    link = page.get_by_role("link", name=f"{page.url}?invite=")
    expect(link).to_be_visible()
    expect(link).to_be_in_viewport(ratio=1)
    place.close()


def test_a_room_says_when_in_a_time_zone_that_it_names(
    person: Person, server: RunningServer
) -> None:
    place = Place(server.url)
    host = place.open_room().connects()
    host.says("hello")
    grace = person("Grace", java_script_enabled=False, timezone_id="Asia/Tokyo")
    enters(grace, host.code)

    when = grace.page.locator(".message .when")

    at = when.get_attribute("datetime")
    assert at
    expect(when).to_have_text(f"{at[11:16]} UTC")
    grace.page.goto(grace.url)
    expect(grace.page.locator(".room-link time")).to_have_text(re.compile(r"^\d\d:\d\d UTC$"))
    place.close()


def test_a_code_with_unseen_characters_around_it_leads_in(
    person: Person, server: RunningServer
) -> None:
    place = Place(server.url)
    host = place.open_room()
    grace = person("Grace", java_script_enabled=False)

    grace.page.goto(grace.url)
    grace.page.get_by_label("Your name").fill("Grace")
    grace.page.get_by_label("Room code").fill(f"\u200b{host.code}\u2060")
    grace.page.get_by_role("button", name="Join", exact=True).click()

    grace.page.wait_for_url(f"**/r/{host.code}")
    place.close()
