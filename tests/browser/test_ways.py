"""Where a WebSocket does not come through, people talk by long polling, and soon."""

import time

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Person, Visitor
from tests.browser.road import Road

NO_WEBSOCKET = "delete window.WebSocket"
BLOCKED_WEBSOCKET = "window.WebSocket = class { constructor() { throw new Error('blocked') } }"


def test_where_wishes_for_websockets_are_swallowed_people_talk_within_seconds(
    person: Person, road: Road
) -> None:
    ada, grace = person("Ada"), person("Grace", road.url)
    code = ada.creates_a_room()
    road.swallow_upgrades()

    grace.joins(code)
    began = time.monotonic()
    grace.page.reload()
    grace.says("through the proxy")
    ada.sees("through the proxy")
    assert time.monotonic() - began < 10
    ada.says("and back")
    grace.sees("and back")
    grace.has_sent_everything()

    assert road.websockets == 0
    swallowed = road.swallowed
    began = time.monotonic()
    reconnects(grace, road)
    assert time.monotonic() - began < 5, "a WebSocket was waited for again"
    assert road.swallowed > swallowed, "none is tried for any more"
    ada.says("still there")
    grace.sees("still there")


def test_a_network_without_such_a_proxy_has_its_websocket_again(person: Person, road: Road) -> None:
    ada, grace = person("Ada"), person("Grace", road.url)
    code = ada.creates_a_room()
    road.swallow_upgrades()
    grace.joins(code)

    road.swallow_upgrades(False)
    reconnects(grace, road)
    for _ in range(100):
        if road.websockets == 1:
            break
        grace.page.wait_for_timeout(100)
    grace.says("on the way up")
    ada.sees("on the way up")
    grace.has_sent_everything()

    asked: list[str] = []
    grace.page.on("request", lambda request: asked.append(request.url))
    reconnects(grace, road)
    assert not [url for url in asked if "transport=polling" in url]
    ada.says("by WebSocket")
    grace.sees("by WebSocket")
    assert ada.texts == grace.texts == ["on the way up", "by WebSocket"]


@pytest.mark.parametrize("init", [NO_WEBSOCKET, BLOCKED_WEBSOCKET], ids=["absent", "blocked"])
def test_a_browser_without_websockets_talks_too(person: Person, init: str) -> None:
    ada, grace = person("Ada"), person("Grace")
    grace.context.add_init_script(init)
    grace.joins(ada.creates_a_room())

    grace.says("by polling")
    ada.sees("by polling")
    ada.says("and back")
    grace.sees("and back")


def reconnects(visitor: Visitor, road: Road) -> None:
    """Lose the line and be back on another."""
    road.close()
    expect(visitor.page.locator("#room")).not_to_have_attribute("data-connection", "online")
    road.open()
    visitor.page.evaluate("window.dispatchEvent(new Event('online'))")
    visitor.is_connected()
