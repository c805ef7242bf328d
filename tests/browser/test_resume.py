"""Coming back after a tunnel, a nap or another page: nothing is missing, nobody is there twice."""

import re
import time
from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import Person, Visitor
from tests.browser.road import Road
from tests.people import Place
from tests.servers import RunningServer


def test_going_back_brings_the_room_out_as_it_was_and_up_to_date(
    person: Person, server: RunningServer
) -> None:
    place = Place(server.url)
    host = place.open_room().connects()
    grace = person("Grace")
    grace.joins(host.code)
    host.says("before")
    grace.sees("before")
    grace.page.evaluate("window.isTheSame = true")

    grace.writes("half a word")
    grace.page.goto(grace.url)
    host.says("meanwhile")
    goes_back(grace)

    grace.sees("meanwhile")
    grace.is_connected()
    assert grace.page.evaluate("window.isTheSame"), "the page was loaded anew"
    expect(grace.page.get_by_placeholder("Message")).to_have_value("half a word")
    grace.says("after")
    host.sees("after")
    grace.has_sent_everything()
    assert grace.texts == ["before", "meanwhile", "after"]
    assert [event["kind"] for event in host.events].count("member_joined") == 2
    place.close()


def test_going_back_after_leaving_shows_nothing_of_the_room(person: Person) -> None:
    ada = person("Ada")
    ada.creates_a_room()
    ada.says("between us")
    ada.sees("between us")

    ada.page.get_by_role("button", name="Room menu").click()
    ada.page.get_by_role("button", name="Leave the room").click()
    ada.page.wait_for_url(ada.url + "/")
    goes_back(ada)

    expect(ada.page.get_by_label("Your name")).to_be_visible()
    expect(ada.page.get_by_text("between us")).to_have_count(0)


def wait_until(condition: Callable[[], object], visitor: Visitor) -> None:
    """Wait for what no page shows, while the browser goes on."""
    for _ in range(100):
        if condition():
            return
        visitor.page.wait_for_timeout(100)
    raise AssertionError("waited in vain")


def goes_back(visitor: Visitor) -> None:
    """Press the browser's back button. A page that was put aside loads nothing to wait for."""
    visitor.page.evaluate("setTimeout(() => history.back())")
    visitor.page.wait_for_timeout(300)


def test_a_dead_line_is_noticed_when_the_tab_wakes(person: Person, road: Road) -> None:
    ada, grace = person("Ada"), person("Grace", road.url)
    grace.joins(ada.creates_a_room())
    before = road.opened

    road.fall_silent()
    ada.says("said into the void")
    ada.sees("said into the void")
    grace.page.evaluate("document.dispatchEvent(new Event('resume'))")

    began = time.monotonic()
    grace.sees("said into the void")
    assert time.monotonic() - began < 5
    assert road.opened > before


def test_a_post_without_an_answer_shows_that_the_line_is_dead(person: Person, road: Road) -> None:
    ada, grace = person("Ada"), person("Grace", road.url)
    grace.joins(ada.creates_a_room())

    road.fall_silent()
    began = time.monotonic()
    grace.says("after the network forgot us")
    ada.says("do you read me?")

    ada.sees("after the network forgot us")
    grace.sees("do you read me?")
    assert time.monotonic() - began < 10
    grace.has_sent_everything()
    assert ada.texts == grace.texts == ["do you read me?", "after the network forgot us"]
    expect(ada.page.locator(".presence")).to_have_count(1)


def test_what_arrived_though_its_answer_did_not_is_there_once(person: Person, road: Road) -> None:
    ada, grace = person("Ada"), person("Grace", road.url)
    grace.joins(ada.creates_a_room())

    road.lose_answers()
    began = time.monotonic()
    grace.says("said once")
    ada.sees("said once")
    ada.says("do you read me?")

    grace.sees("do you read me?")
    assert time.monotonic() - began < 10
    grace.has_sent_everything()
    assert ada.texts == grace.texts == ["said once", "do you read me?"]


def test_a_dead_line_over_polling_is_noticed_too(person: Person, road: Road) -> None:
    ada, grace = person("Ada"), person("Grace", road.url)
    code = ada.creates_a_room()
    road.swallow_upgrades()
    grace.joins(code)

    road.fall_silent_everywhere()
    grace.says("after the network forgot us")
    room = grace.page.locator("#room")
    expect(room).not_to_have_attribute("data-connection", "online", timeout=10_000)
    road.close()  # or the browser would go on using silent connections that are open
    road.open()

    # It may have to find out once more that nobody answers its wish for a WebSocket.
    expect(ada.messages("after the network forgot us")).to_have_count(1, timeout=45_000)
    grace.has_sent_everything()
    assert ada.texts == grace.texts == ["after the network forgot us"]


def test_a_dead_line_that_cannot_be_replaced_is_said_in_the_banner(
    person: Person, road: Road
) -> None:
    grace = person("Grace", road.url)
    grace.creates_a_room()
    banner = grace.page.locator("#banner")

    road.fall_silent()
    road.swallow_upgrades()
    grace.says("into the void")
    expect(grace.page.locator("#room")).to_have_attribute("data-connection", "connecting")
    lost_at = time.monotonic()
    expect(banner).not_to_be_visible()

    expect(banner).to_have_text(re.compile("1 message waits to be sent"))
    expect(banner).to_be_visible()
    assert 1.5 < time.monotonic() - lost_at < 5
    grace.has_sent_everything()
    assert grace.texts == ["into the void"]


def test_a_slow_server_that_gives_a_sign_of_life_keeps_its_lines(
    person: Person, road: Road
) -> None:
    ada, grace = person("Ada"), person("Grace", road.url)
    code = ada.creates_a_room()
    grace.page.route_web_socket(re.compile("socket.io"), lose_acknowledgements_of("post"))
    grace.joins(code)
    before = road.opened

    grace.says("kept, but nobody says so")
    ada.sees("kept, but nobody says so")
    grace.page.wait_for_timeout(8000)  # long enough for a doubt and a probe in vain

    expect(grace.page.locator("#room")).to_have_attribute("data-connection", "online")
    assert road.opened == before


def test_a_visible_page_that_slept_reconnects_without_asking(person: Person, road: Road) -> None:
    grace = person("Grace", road.url)
    grace.page.clock.install()
    grace.creates_a_room()
    before = road.opened

    grace.page.clock.fast_forward(120_000)

    wait_until(lambda: road.opened > before, grace)
    grace.is_connected()


def test_the_banner_comes_late_counts_down_and_goes_with_a_press(
    person: Person, road: Road
) -> None:
    ada = person("Ada", road.url)
    ada.creates_a_room()
    banner = ada.page.get_by_role("region", name="Connection")

    road.close()
    expect(ada.page.locator("#room")).not_to_have_attribute("data-connection", "online")
    expect(banner).not_to_be_visible()  # most losses are over before anybody need know
    expect(banner).to_contain_text(re.compile("Trying again in [0-9]+ s"))
    road.open()
    banner.get_by_role("button", name="Now").click()

    ada.is_connected()
    expect(banner).not_to_be_visible()


def test_a_short_loss_stays_unseen_and_nobody_joins_twice(person: Person, road: Road) -> None:
    ada, grace = person("Ada"), person("Grace", road.url)
    grace.joins(ada.creates_a_room())

    for _ in range(3):
        road.close()
        expect(grace.page.locator("#room")).not_to_have_attribute("data-connection", "online")
        road.open()
        grace.is_connected()
    road.fall_silent()  # the server keeps that line for a while, beside the new one
    opened = road.opened
    grace.page.evaluate("document.dispatchEvent(new Event('resume'))")
    wait_until(lambda: road.opened > opened, grace)
    grace.is_connected()
    grace.page.reload()
    grace.is_connected()

    expect(ada.page.locator("#people-count")).to_have_text("2")
    expect(ada.page.locator(".person")).to_have_count(2)
    ada.says("still two")
    grace.sees("still two")
    for visitor in (ada, grace):
        expect(visitor.page.locator(".presence")).to_have_count(1)


def test_hundreds_of_missed_messages_are_all_there(
    person: Person, start_server: Callable[..., RunningServer]
) -> None:
    server = start_server(posts_per_second=0, events_per_second=0)
    place = Place(server.url)
    host = place.open_room().connects()
    road = Road(server.port)
    grace = person("Grace", road.url)
    grace.joins(host.code)

    road.close()
    for number in range(250):
        host.says(f"missed {number}")
    road.open()

    expect(grace.messages("missed 249")).to_have_count(1)
    assert grace.texts == [f"missed {number}" for number in range(250)]
    expect(grace.page.locator("#pill-text")).to_have_text(re.compile("new message|To the newest"))
    place.close()
    road.stop()


def test_what_is_no_longer_kept_starts_over_from_the_newest(
    person: Person, start_server: Callable[..., RunningServer]
) -> None:
    server = start_server(posts_per_second=0, events_per_second=0, history_limit_events=20)
    place = Place(server.url)
    host = place.open_room().connects()
    road = Road(server.port)
    grace = person("Grace", road.url)
    grace.joins(host.code)
    host.says("long ago")
    grace.sees("long ago")

    road.close()
    grace.says("from the tunnel")
    for number in range(30):
        host.says(f"missed {number}")
    road.open()

    grace.sees("from the tunnel")
    grace.has_sent_everything()
    texts = grace.texts
    assert "long ago" not in texts
    assert texts[-1] == "from the tunnel"
    assert texts[-11:-1] == [f"missed {number}" for number in range(20, 30)]
    place.close()
    road.stop()


def test_a_server_that_closes_the_line_sees_the_page_again(person: Person, road: Road) -> None:
    ada = person("Ada", road.url)
    ada.creates_a_room()
    told: list[str] = []

    # Socket.IO's DISCONNECT, as if the server had sent it: the log says nothing of an end.
    ada.page.route_web_socket(re.compile("socket.io"), disconnect_at_once(told))
    ada.page.reload()
    wait_until(lambda: told, ada)

    ada.is_connected()
    ada.says("here again")
    ada.has_sent_everything()


def disconnect_at_once(told: list[str]):  # type: ignore[no-untyped-def]
    """Routes WebSockets through us; the first one gets a good-bye behind its welcome."""

    def route(line):  # type: ignore[no-untyped-def]
        server = line.connect_to_server()

        def pass_on(message: str | bytes) -> None:
            line.send(message)
            if not told and isinstance(message, str) and message.startswith('42["welcome"'):
                told.append("41")
                line.send("41")

        server.on_message(pass_on)

    return route


def lose_acknowledgements_of(name: str):  # type: ignore[no-untyped-def]
    """Routes WebSockets through us; what answers this event does not come through."""

    def route(line):  # type: ignore[no-untyped-def]
        server = line.connect_to_server()
        asked: list[str] = []

        def carry_up(message: str | bytes) -> None:
            if isinstance(message, str) and (found := re.match(rf'42(\d+)\["{name}"', message)):
                asked.append(f"43{found[1]}[")
            server.send(message)

        def carry_down(message: str | bytes) -> None:
            if not (isinstance(message, str) and message.startswith(tuple(asked))):
                line.send(message)

        line.on_message(carry_up)
        server.on_message(carry_down)

    return route
