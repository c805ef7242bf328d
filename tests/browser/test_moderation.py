"""Hosts keep order: what they do, what the others see of it, and what can be taken back."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESK, PHONE, Person, Visitor
from tests.browser.hosting import (
    asks_to_join,
    bans,
    does,
    does_by_message,
    is_told,
    mark_of,
    reads,
    settings_of,
    undoes,
)
from tests.people import Place
from tests.servers import RunningServer

FLOOD = 20  # more than a member may post at once


def floods(visitor: Visitor) -> None:
    """Post as quickly as a script does it."""
    visitor.page.evaluate(
        """count => {
            const box = document.querySelector("#text");
            for (let number = 0; number < count; number += 1) {
                box.value = `spam ${number}`;
                box.form.requestSubmit();
            }
        }""",
        FLOOD,
    )


def room_of(visitor: Visitor) -> str:
    return f"{visitor.url}/r/{visitor.page.url.rpartition('/')[2]}"


def test_a_troll_is_muted_removed_and_banned_while_the_others_go_on(person: Person) -> None:
    ada, grace, mallory = person("Ada"), person("Grace"), person("Mallory")
    code = ada.creates_a_room()
    grace.joins(code)

    asks_to_join(mallory, room_of(ada), name="\u0391da")  # a Greek letter in front
    expect(mallory.page.locator("#name-error")).not_to_be_empty()
    mallory.page.get_by_label("Your name").fill("Mallory")
    mallory.page.get_by_role("button", name="Join", exact=True).click()
    mallory.is_connected()
    floods(mallory)
    expect(mallory.page.locator("#queue")).to_contain_text("Sending slowly")
    ada.sees("spam 3")

    does_by_message(ada, "Mute until lifted", "spam 3")
    is_told(ada, "Mallory was muted")
    expect(mallory.page.locator("#hushed")).to_contain_text("You are muted until a host")
    expect(mallory.page.locator(".failure-text").last).to_contain_text("muted")
    mallory.writes("let me speak")
    mallory.page.keyboard.press("Enter")
    expect(mallory.page.get_by_placeholder("Message")).to_have_value("let me speak")
    reads(grace, "Ada muted Mallory")

    does_by_message(ada, "Remove message", "spam 0")
    expect(grace.page.get_by_text("Message removed")).to_have_count(1)
    expect(grace.messages("spam 0")).to_have_count(0)
    does(ada, "Remove from the room", "Mallory")
    expect(
        mallory.page.get_by_role("heading", name="You were removed from this room")
    ).to_be_visible()
    reads(grace, "Mallory was removed")

    eve = person("Eve")
    eve.joins(code)
    eve.says("me again")
    ada.sees("me again")
    does_by_message(ada, "Ban …", "me again")
    bans(ada, "Eve", network=True)
    is_told(ada, "Eve was banned")
    expect(eve.page.get_by_role("heading", name="You were banned from this room")).to_be_visible()
    trudy = person("Trudy")
    asks_to_join(trudy, room_of(ada))
    expect(trudy.page.get_by_role("alert")).to_contain_text("does not let you into this room")

    grace.says("where were we?")
    ada.sees("where were we?")
    expect(ada.page.locator("#people-count")).to_have_text("2")


def test_what_was_done_can_be_taken_back(person: Person) -> None:
    ada, grace = person("Ada"), person("Grace")
    grace.joins(ada.creates_a_room())

    does(ada, "Mute for an hour", "Grace")
    expect(grace.page.locator("#hushed")).to_be_visible()
    expect(mark_of(ada, "Grace", "Muted")).to_be_visible()
    undoes(ada)
    is_told(ada, "Grace can write again")
    expect(grace.page.locator("#hushed")).to_be_hidden()

    does(ada, "Make co-host", "Grace")
    expect(mark_of(ada, "Grace", "Co-host")).to_be_visible()
    ada.page.keyboard.press("Control+z")
    is_told(ada, "Grace is no longer a co-host")
    expect(mark_of(ada, "Grace", "Co-host")).to_be_hidden()

    with settings_of(ada) as dialog:
        dialog.get_by_role("switch", name="Lock the room").check()
        expect(dialog.get_by_text("The room is locked")).to_be_visible()
        dialog.get_by_role("button", name="Undo").click()
        expect(dialog.get_by_role("switch", name="Lock the room")).not_to_be_checked()
    reads(grace, "Ada opened the room again")


def test_a_ban_is_lifted_in_the_settings(person: Person) -> None:
    ada, mallory = person("Ada"), person("Mallory")
    mallory.joins(ada.creates_a_room())
    does(ada, "Ban …", "Mallory")
    bans(ada, "Mallory", long="A day")
    expect(mallory.page.locator("#over-text")).to_contain_text("not before")
    asks_to_join(mallory, room_of(ada))
    expect(mallory.page.get_by_role("alert")).to_be_visible()

    with settings_of(ada) as dialog:
        dialog.get_by_role("button", name="Let back in Mallory").click()
        expect(dialog.get_by_text("Mallory may come back in")).to_be_visible()
        expect(dialog.get_by_text("Nobody.")).to_be_visible()
    asks_to_join(mallory, room_of(ada))

    mallory.is_connected()


def test_a_mute_ends_by_itself_and_the_text_is_still_there(
    person: Person, server: RunningServer
) -> None:
    place = Place(server.url)
    host = place.open_room().connects()
    grace = person("Grace")
    grace.joins(host.code)
    me = grace.page.locator("#room").get_attribute("data-member-id")
    grace.writes("half a sentence")

    assert host.asks("moderate", {"action": "mute", "member_id": me, "seconds": 3})["ok"]
    expect(grace.page.locator("#hushed")).to_contain_text("What you write stays here")
    expect(grace.page.get_by_role("button", name="Send")).to_be_disabled()
    expect(grace.page.locator("#hushed")).to_be_hidden()

    grace.page.get_by_role("button", name="Send", exact=True).click()
    host.sees("half a sentence")
    place.close()


def test_slow_mode_counts_down_in_the_button_and_spares_the_host(person: Person) -> None:
    ada, grace = person("Ada"), person("Grace")
    grace.joins(ada.creates_a_room())
    with settings_of(ada) as dialog:
        dialog.get_by_label("Slow mode").select_option("5 seconds")
        expect(dialog.locator("[data-setting=slow_mode_seconds] [role=status]")).to_contain_text(
            "one message every 5 seconds"
        )
    expect(grace.page.locator("#queue")).to_have_text("Slow mode: one message every 5 seconds")

    for text in ("one", "two"):
        ada.says(text)
        grace.says(f"my {text}")
    ada.sees("two")
    ada.sees("my one")
    expect(grace.page.locator("#send-wait")).to_have_text(re.compile("[1-6]"))
    expect(grace.page.locator("#queue")).to_contain_text("1 message in")
    expect(ada.page.locator("#send-wait")).to_be_empty()

    ada.sees("my two")
    grace.has_sent_everything()
    expect(grace.page.locator("#send-wait")).to_have_text(re.compile("[1-6]"))  # until the next
    expect(grace.page.locator("#send-wait")).to_be_empty()


def test_a_long_slow_mode_counts_minutes_and_not_while_somebody_is_muted(person: Person) -> None:
    ada, grace = person("Ada"), person("Grace", viewport=PHONE)
    grace.joins(ada.creates_a_room())
    with settings_of(ada) as dialog:
        dialog.get_by_label("Slow mode").select_option("5 minutes")
    reads(grace, "one message every 5 minutes")
    grace.says("first")
    grace.says("second")
    expect(grace.page.locator("#queue")).to_have_text("Slow mode: 1 message in 5 min")
    expect(grace.page.locator("#send-wait")).to_have_text("5m")

    does(ada, "Mute until lifted", "Grace")
    expect(grace.page.locator("#hushed")).to_contain_text("You are muted")
    expect(grace.page.locator("#queue")).to_have_text("")
    expect(grace.page.locator("#send-wait")).to_have_text("")
    undoes(ada)
    expect(grace.page.locator("#queue")).to_have_text("Slow mode: 1 message in 5 min")

    does(ada, "Remove from the room", "Grace")
    expect(grace.page.locator("#over-title")).to_be_visible()
    expect(grace.page.locator("#queue")).to_have_text("")


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_nobody_is_clipped_who_has_a_long_name(
    person: Person, server: RunningServer, viewport: dict[str, int]
) -> None:
    ada, name = person("Ada", viewport=viewport), "W" * 32
    place = Place(server.url)
    place.join(ada.creates_a_room(), name).connects()
    if viewport == PHONE:
        ada.page.locator("#people-button").click()

    does(ada, "Ban …", name)

    title = ada.page.locator("#ban-title")
    expect(title).to_be_visible()
    assert title.evaluate("title => title.scrollWidth <= title.clientWidth")
    place.close()


def test_who_waits_for_slow_mode_goes_on_at_once_when_it_ends(person: Person) -> None:
    ada, grace = person("Ada"), person("Grace")
    grace.joins(ada.creates_a_room())
    with settings_of(ada) as dialog:
        dialog.get_by_label("Slow mode").select_option("5 minutes")
        expect(dialog.get_by_text("one message every 5 minutes")).to_be_visible()
        grace.says("now")
        grace.says("in five minutes")
        grace.waits_with("in five minutes")

        dialog.get_by_label("Slow mode").select_option("Off")
    ada.sees("in five minutes")


def test_the_room_is_handed_over(person: Person) -> None:
    ada, grace = person("Ada"), person("Grace")
    grace.joins(ada.creates_a_room())

    does(ada, "Hand over the room …", "Grace")
    ada.page.get_by_role("button", name="Hand over", exact=True).click()

    reads(grace, "You are the host now")
    expect(mark_of(ada, "Grace", "Host")).to_be_visible()
    expect(ada.page.get_by_role("button", name="Grace: more", exact=True)).to_be_hidden()
    with settings_of(grace) as dialog:
        expect(dialog.get_by_role("button", name="End the room …")).to_be_visible()
    with settings_of(ada) as dialog:
        expect(dialog.get_by_role("button", name="End the room …")).to_be_hidden()


def test_a_cohost_keeps_guests_in_order_and_not_the_host(person: Person) -> None:
    ada, grace, mallory = person("Ada"), person("Grace"), person("Mallory")
    code = ada.creates_a_room()
    grace.joins(code)
    mallory.joins(code)
    ada.says("from the host")
    does(ada, "Make co-host", "Grace")

    expect(grace.page.get_by_role("button", name="Ada: more", exact=True)).to_be_hidden()
    does(grace, "Mute until lifted", "Mallory")
    expect(mallory.page.locator("#hushed")).to_be_visible()
    does_by_message(grace, "Remove message", "from the host")
    expect(mallory.page.get_by_text("Message removed")).to_be_visible()
    does(ada, "No longer co-host", "Grace")

    expect(grace.page.get_by_role("button", name="Mallory: more", exact=True)).to_be_hidden()


def test_a_mute_outlasts_a_reload_and_the_draft_does_too(person: Person) -> None:
    ada, grace = person("Ada"), person("Grace")
    grace.joins(ada.creates_a_room())
    does(ada, "Mute until lifted", "Grace")
    expect(grace.page.locator("#hushed")).to_be_visible()
    grace.writes("half a sentence")
    grace.page.get_by_placeholder("Message").blur()

    grace.page.reload()
    grace.is_connected()
    expect(grace.page.locator("#hushed")).to_be_visible()
    expect(grace.page.get_by_placeholder("Message")).to_have_value("half a sentence")
    does(ada, "Unmute", "Grace")

    grace.page.get_by_role("button", name="Send", exact=True).click()
    ada.sees("half a sentence")


def test_who_was_removed_may_come_back(person: Person) -> None:
    ada, grace = person("Ada"), person("Grace")
    grace.joins(ada.creates_a_room())

    does(ada, "Remove from the room", "Grace")
    expect(ada.page.locator("#notice").get_by_role("button", name="Ban …")).to_be_visible()
    grace.page.get_by_role("link", name="Join again").click()
    grace.page.get_by_label("Your name").fill("Grace")
    grace.page.get_by_role("button", name="Join", exact=True).click()

    grace.is_connected()
    reads(ada, "Grace was removed")


def test_the_notice_goes_away_but_not_while_somebody_is_on_it(person: Person) -> None:
    ada, grace = person("Ada"), person("Grace")
    ada.page.clock.install()
    grace.joins(ada.creates_a_room())
    does(ada, "Mute for an hour", "Grace")
    is_told(ada, "Grace was muted")

    ada.page.locator("#notice-act").focus()
    ada.page.clock.fast_forward(11_000)
    expect(ada.page.locator("#notice")).to_be_visible()
    ada.page.get_by_placeholder("Message").focus()
    ada.page.clock.fast_forward(9_000)
    expect(ada.page.locator("#notice")).to_be_visible()
    ada.page.clock.fast_forward(1_500)

    expect(ada.page.locator("#notice")).to_be_hidden()


def test_a_guest_is_offered_nothing_but_their_own_messages(person: Person) -> None:
    ada, grace = person("Ada"), person("Grace")
    grace.joins(ada.creates_a_room())
    ada.says("from the host")
    grace.says("oops, that was my password")
    grace.sees("from the host")

    expect(grace.bubble("from the host").locator(".act-button")).to_be_hidden()
    expect(grace.page.get_by_role("button", name="Ada: more")).to_be_hidden()
    does_by_message(grace, "Remove message", "oops, that was my password")

    expect(ada.page.get_by_text("Message removed")).to_be_visible()
    grace.page.get_by_role("button", name="Rewrite").click()
    expect(grace.page.get_by_placeholder("Message")).to_have_value("oops, that was my password")
    grace.page.reload()
    grace.is_connected()
    expect(grace.messages("oops, that was my password")).to_have_count(0)
    expect(grace.bubble("Message removed").locator(".act-button")).to_be_hidden()


def test_who_follows_a_host_gets_the_tools_that_guests_have_no_part_of(person: Person) -> None:
    ada, grace = person("Ada"), person("Grace")
    grace.joins(ada.creates_a_room())
    assert not re.search("Room settings</h2>|ban-form", grace.page.content())

    ada.page.get_by_role("button", name="Room menu").click()
    ada.page.locator("#leave-button").click()
    reads(grace, "You are the host now")

    with settings_of(grace) as dialog:
        dialog.get_by_label("Topic").fill("Mine now")
        dialog.get_by_role("button", name="Save").first.click()
        expect(grace.page.locator("#topic")).to_have_text("Mine now")
    asks_to_join(ada, room_of(grace))
    ada.is_connected()
    does(grace, "Mute until lifted", "Ada")
    is_told(grace, "Ada was muted")


def test_tools_that_cannot_be_loaded_say_so_and_how_to_get_them(person: Person) -> None:
    ada, grace = person("Ada"), person("Grace")
    grace.joins(ada.creates_a_room())
    grace.page.route("**/host-tools-*.html", lambda route: route.fulfill(status=404))

    does(ada, "Make co-host", "Grace")
    reads(grace, "made you a co-host")
    grace.page.get_by_role("button", name="Room menu").click()
    grace.page.get_by_role("button", name="Room settings").click()
    is_told(grace, "The settings could not be loaded")

    grace.complaints.clear()  # of what was kept from it
    grace.page.unroute("**/host-tools-*.html")
    grace.page.get_by_role("button", name="Load the page again").click()
    grace.is_connected()
    with settings_of(grace) as dialog:
        expect(dialog.get_by_label("Topic")).to_be_visible()


def test_the_host_ends_the_room(person: Person) -> None:
    ada, grace = person("Ada"), person("Grace")
    grace.joins(ada.creates_a_room())

    ada.page.get_by_role("button", name="Room menu").click()
    ada.page.get_by_role("button", name="Room settings").click()
    ada.page.get_by_role("button", name="End the room …").click()
    ada.page.get_by_role("dialog", name="End the room?").get_by_role(
        "button", name="End the room"
    ).click()

    for visitor in (ada, grace):
        expect(visitor.page.get_by_role("heading", name="This room has ended")).to_be_visible()


def test_a_refusal_is_said_where_it_was_asked_for(
    person: Person, start_server: Callable[..., RunningServer]
) -> None:
    server = start_server()
    ada = person("Ada", server.url)
    ada.creates_a_room()

    with settings_of(ada) as dialog:
        dialog.get_by_role("button", name="Set", exact=True).click()
        dialog.get_by_label("New passcode").fill("abc")
        dialog.get_by_label("New passcode").press("Enter")
        expect(dialog.get_by_text("at least 4 characters.")).to_be_visible()
        ada.context.set_offline(True)
        ada.page.evaluate("window.dispatchEvent(new Event('offline'))")
        server.stop()
        dialog.get_by_role("switch", name="Lock the room").click()
        expect(dialog.get_by_text("The server does not answer")).to_be_visible()
        expect(dialog.get_by_role("switch", name="Lock the room")).not_to_be_checked()


def test_everything_works_from_the_keyboard(person: Person) -> None:
    ada, grace = person("Ada"), person("Grace")
    grace.joins(ada.creates_a_room())
    grace.says("first")
    ada.says("mine")
    grace.says("last")
    ada.sees("last")

    ada.page.get_by_placeholder("Message").focus()
    ada.page.keyboard.press("Shift+Tab")
    expect(ada.bubble("last").locator(".act-button")).to_be_focused()
    ada.page.keyboard.press("ArrowUp")
    ada.page.keyboard.press("ArrowUp")
    expect(ada.bubble("first").locator(".act-button")).to_be_focused()
    ada.page.keyboard.press("Enter")
    expect(ada.page.get_by_role("button", name="Remove message")).to_be_focused()
    ada.page.keyboard.press("ArrowDown")
    expect(ada.page.get_by_role("button", name="Mute for 5 minutes")).to_be_focused()
    ada.page.keyboard.press("Escape")
    expect(ada.bubble("first").locator(".act-button")).to_be_focused()
    ada.page.keyboard.press("Enter")
    ada.page.keyboard.press("Enter")

    expect(grace.page.get_by_text("Message removed")).to_be_visible()


def test_on_a_phone_the_menus_are_sheets(person: Person) -> None:
    ada = person("Ada", viewport=PHONE, has_touch=True, is_mobile=True)
    grace = person("Grace")
    grace.joins(ada.creates_a_room())
    grace.says("first")
    grace.says("second")
    ada.sees("second")

    ada.bubble("second").locator(".bubble").tap()
    ada.bubble("second").locator(".act-button").tap()
    ada.page.wait_for_timeout(400)  # a finger is not that fast either
    ada.page.get_by_role("button", name="Remove message").tap()
    expect(grace.page.get_by_text("Message removed")).to_be_visible()
    ada.page.get_by_role("button", name="Show people").tap()
    ada.page.get_by_role("button", name="Grace: more", exact=True).tap()
    ada.page.wait_for_timeout(400)
    ada.page.get_by_role("button", name="Mute for an hour").tap()

    is_told(ada, "Grace was muted")
    expect(ada.page.locator("#people")).to_be_visible()  # the list has stayed open
    ada.page.locator("#notice").get_by_role("button", name="Undo").tap()
    is_told(ada, "Grace can write again")


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_host_tools_pass_the_accessibility_check(
    person: Person, server: RunningServer, scheme: str, viewport: dict[str, int]
) -> None:
    ada = person("Ada", color_scheme=scheme, viewport=viewport)
    place = Place(server.url)
    guest = place.join(ada.creates_a_room()).connects()
    guest.says("hello")
    ada.sees("hello")

    open_people(ada.page)
    does(ada, "Mute for an hour", "Grace")
    is_told(ada, "Grace was muted")
    ada.check_accessibility()
    ada.page.get_by_role("button", name="Grace: more", exact=True).click()
    ada.check_accessibility()
    ada.page.get_by_role("button", name="Ban …").click()
    ada.check_accessibility()
    bans(ada, "Grace")
    ada.check_accessibility()
    with settings_of(ada) as dialog:
        dialog.get_by_role("switch", name="Lock the room").check()
        dialog.get_by_role("button", name="Set", exact=True).click()
        expect(dialog.get_by_text("Undo")).to_be_visible()
        ada.check_accessibility()
    place.close()


def open_people(page: Page) -> None:
    """Show the list of people where it is not there anyway."""
    if not page.locator("#people").is_visible():
        page.get_by_role("button", name="Show people").click()


def test_names_that_run_from_right_to_left_leave_who_muted_whom_as_it_was(person: Person) -> None:
    ada, mallory = person("דהו"), person("سلام")
    mallory.joins(ada.creates_a_room())

    does(ada, "Mute until lifted", mallory.name)

    for reader in (ada, mallory):
        reader.page.reload()
        reads(reader, "muted")
        assert reader.page.locator(".presence", has_text="muted").evaluate(
            """line => {
                const text = line.querySelector(".presence-text").firstChild;
                const start = text.data.indexOf("muted");
                const left = (from, to) => {
                    const range = new Range();
                    range.setStart(text, from);
                    range.setEnd(text, to);
                    return range.getBoundingClientRect().left;
                };
                const verb = left(start, start + 5);
                return left(0, start) < verb && verb < left(start + 5, text.length);
            }"""
        )
