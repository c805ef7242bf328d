"""What somebody sees when the line, the server or the room goes away."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import Person
from tests.browser.road import Road, road_to
from tests.people import Place
from tests.servers import RunningServer


def test_a_tunnel_loses_nothing_and_doubles_nothing(person: Person, server: RunningServer) -> None:
    ada, grace = person("Ada"), person("Grace")
    grace.joins(ada.creates_a_room())

    grace.context.set_offline(True)
    grace.says("written in the tunnel 1")
    grace.says("written in the tunnel 2")
    ada.says("said meanwhile")
    ada.sees("said meanwhile")
    grace.context.set_offline(False)

    ada.sees("written in the tunnel 1")
    ada.sees("written in the tunnel 2")
    grace.sees("said meanwhile")
    expect(grace.page.locator("#lines .text")).to_have_count(3)
    assert ada.texts == grace.texts


def test_an_ended_room_says_so_and_keeps_what_was_written(
    person: Person, start_server: Callable[..., RunningServer]
) -> None:
    server = start_server(leave_grace_seconds=0.2, room_grace_seconds=0.3)
    ada = person("Ada", server.url)
    ada.creates_a_room()
    ada.writes("not sent yet")
    code = ada.page.url.rpartition("/")[2]

    ada.context.set_offline(True)
    ada.page.evaluate("window.dispatchEvent(new Event('offline'))")
    elsewhere = Place(server.url)
    elsewhere.wait_until_gone(code)
    ada.context.set_offline(False)

    expect(ada.page.get_by_role("heading", name="This room has ended")).to_be_visible()
    expect(ada.page.get_by_role("button", name="Copy what I wrote")).to_be_visible()
    expect(ada.page.get_by_role("link", name="Back to the lobby").last).to_be_visible()


def test_after_a_restart_that_kept_nothing_people_meet_under_the_same_code(
    person: Person, start_server: Callable[..., RunningServer]
) -> None:
    server = start_server()
    ada, grace = person("Ada", server.url), person("Grace", server.url)
    code = ada.creates_a_room()
    grace.joins(code)

    server.stop()
    start_server(port=server.port)

    for visitor in (ada, grace):
        expect(visitor.page.get_by_role("heading", name="This room has ended")).to_be_visible()
        visitor.page.get_by_role("link", name=f"See where {code} leads").click()
    expect(ada.page.get_by_text(f"There is no room {code}.")).to_be_visible()
    ada.page.get_by_label("Your name").fill("Ada")
    ada.page.get_by_role("button", name="Create it").click()
    ada.is_connected()
    grace.joins(code)
    grace.says("here we are again")
    ada.sees("here we are again")


def test_words_for_a_room_that_ended_meanwhile_are_in_the_lobby(
    person: Person, start_server: Callable[..., RunningServer]
) -> None:
    server = start_server(leave_grace_seconds=0.2, room_grace_seconds=0.3)
    with road_to(server.port) as road:
        ada = person("Ada", road.url)
        ada.creates_a_room()
        code = ada.page.url.rpartition("/")[2]
        road.close()
        ada.says("written in the tunnel")
        ada.says("and <b>more</b>")
        ada.waits_with("and <b>more</b>")
        ada.closes_the_tab()
        Place(server.url).wait_until_gone(code)
        road.open()

        ada.page = ada.opens_a_tab(road.url)
        words = ada.page.get_by_role("listitem").filter(has_text=f"You wrote this in {code}")
        expect(words).to_contain_text("written in the tunnel\n\nand <b>more</b>")
        ada.check_accessibility()
        words.get_by_role("button", name="Discard").click()

        expect(ada.page.get_by_role("heading", name="Never sent")).to_be_hidden()
        ada.page.reload()
        expect(ada.page.get_by_role("button", name="Create a room")).to_be_visible()
        expect(words).to_have_count(0)


def test_half_a_sentence_for_a_room_that_ended_is_in_the_lobby_too(
    person: Person, server: RunningServer
) -> None:
    place = Place(server.url)
    host = place.open_room().connects()
    with road_to(server.port) as road:
        grace = person("Grace", road.url)
        grace.joins(host.code)
        road.close()
        grace.says("written in the tunnel")
        grace.waits_with("written in the tunnel")
        grace.writes("half a sen")
        assert host.asks("moderate", {"action": "end_room"})["ok"]
        road.open()
        expect(grace.page.get_by_role("heading", name="This room has ended")).to_be_visible()
        grace.page.get_by_role("link", name="Back to the lobby").last.click()

        words = grace.page.get_by_role("listitem").filter(has_text="You wrote this in")
        expect(words).to_contain_text("written in the tunnel\n\nhalf a sen")
        words.get_by_role("button", name="Discard").click()
        expect(words).to_have_count(0)
        grace.page.reload()
        expect(grace.page.locator("html")).to_have_attribute("data-ready", "")
        expect(words).to_have_count(0)
    place.close()


def test_a_draft_comes_back_in_its_room_and_is_not_told_as_lost(person: Person) -> None:
    ada = person("Ada")
    ada.creates_a_room()
    ada.writes("half a sen")

    there = ada.page.url
    ada.page.goto(ada.url)
    expect(ada.page.get_by_text("You are still in")).to_be_visible()
    ada.page.wait_for_load_state("networkidle")  # what is unsent is looked for by then
    expect(ada.page.get_by_role("heading", name="Never sent")).to_be_hidden()
    ada.page.goto(there)

    expect(ada.page.get_by_placeholder("Message")).to_have_value("half a sen")


def test_the_lobby_tells_how_much_waits_in_a_room_that_goes_on(person: Person, road: Road) -> None:
    ada = person("Ada", road.url)
    ada.creates_a_room()
    road.close()
    ada.says("one")
    ada.says("two")
    ada.waits_with("two")
    ada.closes_the_tab()
    road.open()

    ada.page = ada.opens_a_tab(road.url)

    expect(ada.page.get_by_text("2 messages wait to be sent")).to_be_visible()
    expect(ada.page.get_by_role("heading", name="Never sent")).to_be_hidden()


def test_without_javascript_the_room_can_be_read(person: Person, server: RunningServer) -> None:
    place = Place(server.url)
    host = place.open_room().connects()
    host.says("readable by everybody")
    grace = person("Grace", java_script_enabled=False)

    grace.page.goto(f"{server.url}/r/{host.code}")
    grace.page.get_by_label("Your name").fill("Grace")
    grace.page.get_by_role("button", name="Join", exact=True).click()

    expect(grace.page.get_by_text("readable by everybody")).to_be_visible()
    place.close()
