"""Wrong codes in a browser: mistakes of others cost a moment, and nobody has to understand why."""

import re
from collections.abc import Callable

import requests
from playwright.sync_api import expect

from tests.browser.conftest import Person
from tests.people import Place
from tests.servers import RunningServer


def guess(server: RunningServer, times: int) -> None:
    """Try wrong codes from this network, as a program does."""
    for _ in range(times):
        requests.get(f"{server.url}/api/v1/rooms/QQQQ", timeout=10)


def test_a_guest_gets_in_although_somebody_in_the_network_guesses(
    person: Person, start_server: Callable[..., RunningServer]
) -> None:
    server = start_server(failed_lookups_per_day=8)
    place = Place(server.url)
    host = place.open_room()
    guess(server, 5)
    grace = person("Grace", server.url)

    grace.joins(host.code)

    assert grace.page.url.endswith(f"/r/{host.code}")
    place.close()


def test_an_invitation_works_although_somebody_in_the_network_guesses(
    person: Person, start_server: Callable[..., RunningServer]
) -> None:
    server = start_server(failed_lookups_per_day=8)
    place = Place(server.url)
    host = place.open_room()
    guess(server, 5)
    grace = person("Grace", server.url)

    answer = grace.page.goto(f"{server.url}/r/{host.code}")
    assert answer is not None
    assert answer.status == 429
    expect(grace.page.get_by_role("alert")).to_have_count(0)
    grace.page.get_by_label("Your name").fill("Grace")
    grace.page.get_by_role("button", name="Join", exact=True).click()

    grace.is_connected()
    place.close()


def test_create_it_still_creates_that_room_after_the_sum(
    person: Person, start_server: Callable[..., RunningServer]
) -> None:
    server = start_server(failed_lookups_per_day=8)
    ada = person("Ada", server.url)
    ada.page.goto(server.url)
    ada.page.get_by_label("Your name").fill("Ada")
    ada.page.get_by_label("Room code").fill("WXYZ")
    ada.page.get_by_role("button", name="Join", exact=True).click()
    expect(ada.page.get_by_text("There is no room WXYZ.")).to_be_visible()
    guess(server, 5)

    ada.page.get_by_role("button", name="Create it").click()

    ada.page.wait_for_url("**/r/WXYZ")
    ada.is_connected()


def test_whoever_is_wrong_too_often_is_told_how_long_to_wait(
    person: Person, start_server: Callable[..., RunningServer]
) -> None:
    server = start_server(failed_lookups_per_minute=1)
    mallory = person("Mallory", server.url)
    mallory.page.goto(server.url)
    mallory.page.get_by_label("Your name").fill("Mallory")
    for code in ("QQQQ", "QQQB"):
        mallory.page.get_by_label("Room code").fill(code)
        mallory.page.get_by_role("button", name="Join", exact=True).click()

    expect(mallory.page.get_by_role("alert")).to_contain_text(
        re.compile(r"many wrong codes\. Please try again in \d+ seconds?")
    )
