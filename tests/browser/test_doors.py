"""Ways into a room that is not open to everybody: passcode, lock, knocking, invite links."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESK, PHONE, Person, Visitor
from tests.browser.hosting import asks_to_join, reads, settings_of


def link_of(host: Visitor) -> str:
    """The invite link, as the dialog shows it."""
    return host.page.locator("#share-url").input_value()


def address_of(host: Visitor) -> str:
    """The room's address without an invite."""
    return f"{host.url}/r/{host.page.url.rpartition('/')[2]}"


def asks_before(host: Visitor) -> None:
    """Let newcomers knock."""
    with settings_of(host) as dialog:
        dialog.get_by_role("switch", name="Ask before letting people in").check()
        expect(dialog.get_by_text("Newcomers have to knock")).to_be_visible()


def sets_passcode(host: Visitor, passcode: str) -> None:
    with settings_of(host) as dialog:
        dialog.get_by_role("button", name="Set", exact=True).click()
        dialog.get_by_label("New passcode").fill(passcode)
        dialog.get_by_label("New passcode").press("Enter")
        expect(dialog.get_by_text("The passcode is set")).to_be_visible()
        expect(dialog.locator("#passcode-on")).to_be_visible()


def test_a_passcode_is_asked_for_with_the_code_but_not_with_the_link(person: Person) -> None:
    ada, grace, mallory = person("Ada"), person("Grace"), person("Mallory")
    ada.creates_a_room()
    sets_passcode(ada, "open sesame")

    asks_to_join(mallory, address_of(ada))
    expect(mallory.page.locator("#passcode-error")).to_contain_text("has a passcode")
    expect(mallory.page.get_by_label("Passcode")).to_be_focused()
    mallory.page.get_by_label("Passcode").fill("guessed")
    mallory.page.keyboard.press("Enter")
    expect(mallory.page.locator("#passcode-error")).to_contain_text("not the passcode")
    mallory.check_accessibility()
    mallory.page.get_by_label("Passcode").fill("open sesame")
    mallory.page.keyboard.press("Enter")
    mallory.is_connected()
    grace.follows(link_of(ada))

    with settings_of(ada) as dialog:
        dialog.get_by_role("button", name="Lift").click()
        expect(dialog.get_by_text("The passcode is lifted")).to_be_visible()
    reads(grace, "Ada lifted the passcode")
    person("Eve").joins(ada.page.url.rpartition("/")[2])


def test_a_locked_room_looks_like_none_and_the_link_leads_in(person: Person) -> None:
    ada, grace, mallory = person("Ada"), person("Grace"), person("Mallory")
    ada.creates_a_room()
    with settings_of(ada) as dialog:
        dialog.get_by_role("switch", name="Lock the room").check()
        expect(dialog.get_by_text("The room is locked")).to_be_visible()
    expect(ada.page.get_by_title("Locked")).to_be_visible()

    mallory.page.goto(ada.url)
    mallory.page.get_by_label("Your name").fill("Mallory")
    mallory.page.get_by_label("Room code").fill(ada.page.url.rpartition("/")[2])
    mallory.page.get_by_role("button", name="Join", exact=True).click()
    expect(mallory.page.locator("#code-error")).to_contain_text("There is no room")
    grace.follows(link_of(ada))

    grace.says("in by the link")
    ada.sees("in by the link")


def test_a_pasted_link_brings_its_invite(person: Person) -> None:
    ada = person("Ada")
    grace = person("Grace", permissions=["clipboard-read", "clipboard-write"])
    ada.creates_a_room()
    sets_passcode(ada, "open sesame")
    grace.page.goto(grace.url)
    grace.page.get_by_label("Your name").fill("Grace")
    grace.page.evaluate("text => navigator.clipboard.writeText(text)", link_of(ada))

    grace.page.get_by_label("Room code").focus()
    grace.page.keyboard.press("Control+v")
    grace.page.get_by_role("button", name="Join", exact=True).click()

    grace.is_connected()


def test_a_renewed_link_takes_the_place_of_the_old_one_for_everybody(person: Person) -> None:
    ada, grace, mallory = person("Ada"), person("Grace"), person("Mallory")
    ada.creates_a_room()
    old = link_of(ada)
    grace.follows(old)
    sets_passcode(ada, "open sesame")

    with settings_of(ada) as dialog:
        dialog.get_by_role("button", name="Renew the link").click()
        expect(dialog.get_by_text("There is a new link")).to_be_visible()

    reads(grace, "Ada renewed the invite link")
    expect(grace.page.locator("#share-url")).not_to_have_value(old)
    assert link_of(ada) == link_of(grace)
    asks_to_join(mallory, old)
    expect(mallory.page.get_by_label("Passcode")).to_be_visible()
    grace.page.get_by_role("button", name="Invite", exact=True).click()
    expect(grace.page.locator("#invite-hint")).to_contain_text("need the passcode")
    expect(grace.page.locator("#qr")).to_have_attribute("src", f"/r/{code_in(old)}/qr.svg?v=1")


def code_in(link: str) -> str:
    return link.partition("/r/")[2].partition("?")[0]


def test_whoever_knocks_waits_and_is_let_in(person: Person) -> None:
    ada, grace = person("Ada"), person("Grace")
    ada.creates_a_room()
    asks_before(ada)

    asks_to_join(grace, address_of(ada))
    grace.page.wait_for_url("**/wait")
    expect(grace.page.get_by_role("heading", name="Waiting to be let in")).to_be_visible()
    grace.check_accessibility()
    expect(ada.page.locator("#door-text")).to_have_text("Grace is at the door")
    ada.check_accessibility()
    ada.page.locator("#door").get_by_role("button", name="Let in Grace").click()

    grace.is_connected()
    expect(ada.page.locator("#door")).to_be_hidden()
    grace.says("thank you")
    ada.sees("thank you")


def test_a_knock_is_counted_in_the_title_of_a_host_who_is_elsewhere(person: Person) -> None:
    ada, grace = person("Ada"), person("Grace")
    ada.creates_a_room()
    asks_before(ada)
    title = ada.page.title()
    elsewhere = ada.context.new_page()
    elsewhere.bring_to_front()
    ada.page.evaluate("document.hasFocus = () => false")  # headless pages all think they have it

    asks_to_join(grace, address_of(ada))

    expect(ada.page).to_have_title(f"(1) {title}")


def test_whoever_is_refused_is_told_so(person: Person) -> None:
    ada, mallory = person("Ada"), person("Mallory")
    ada.creates_a_room()
    asks_before(ada)

    asks_to_join(mallory, address_of(ada))
    ada.page.get_by_role("complementary").get_by_role("button", name="Refuse Mallory").click()

    expect(mallory.page.get_by_role("heading", name="You were not let in")).to_be_visible()
    mallory.page.get_by_role("button", name="Back to the lobby").click()
    mallory.page.wait_for_url(mallory.url + "/")


def test_several_at_the_door_are_counted_and_listed(person: Person) -> None:
    ada, grace, mallory = person("Ada"), person("Grace"), person("Mallory")
    ada.creates_a_room()
    asks_before(ada)

    asks_to_join(mallory, address_of(ada))
    asks_to_join(grace, address_of(ada))
    expect(ada.page.locator("#door-text")).to_have_text("2 people are at the door")
    ada.page.locator("#door").get_by_role("button", name="Show").click()
    ada.page.locator("#door").get_by_role("button", name="Refuse Mallory").click()
    expect(ada.page.locator("#door-text")).to_have_text("Grace is at the door")
    grace.page.get_by_role("button", name="Cancel").click()

    grace.page.wait_for_url(grace.url + "/")
    expect(ada.page.locator("#door")).to_be_hidden()


def test_who_is_let_in_and_then_needs_another_name_need_not_knock_again(person: Person) -> None:
    ada, grace, other = person("Ada"), person("Grace"), person("Grace")
    ada.creates_a_room()
    asks_before(ada)
    asks_to_join(grace, address_of(ada))
    grace.page.wait_for_url("**/wait")
    other.follows(link_of(ada))

    ada.page.locator("#door").get_by_role("button", name="Let in Grace").click()
    expect(grace.page.locator("#name-error")).to_contain_text("Grace")
    grace.page.get_by_role("button", name="Join as").click()

    grace.is_connected()


def test_who_reloads_still_sees_who_waits(person: Person) -> None:
    ada, grace = person("Ada"), person("Grace")
    ada.creates_a_room()
    asks_before(ada)
    asks_to_join(grace, address_of(ada))
    grace.page.wait_for_url("**/wait")

    ada.page.reload()

    expect(ada.page.locator("#door-text")).to_have_text("Grace is at the door")


def test_without_scripts_the_waiting_page_offers_the_way_in(person: Person) -> None:
    ada, grace = person("Ada"), person("Grace", java_script_enabled=False)
    ada.creates_a_room()
    asks_before(ada)
    asks_to_join(grace, address_of(ada))
    expect(grace.page.get_by_role("heading", name="Waiting to be let in")).to_be_visible()

    ada.page.locator("#door").get_by_role("button", name="Let in Grace").click()
    grace.page.get_by_role("button", name="Go in").click()

    grace.page.wait_for_url(f"**/r/{code_in(address_of(ada))}")
    expect(grace.page.get_by_role("complementary")).to_contain_text("Grace")


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_doors_pass_the_accessibility_check(
    person: Person, scheme: str, viewport: dict[str, int]
) -> None:
    looks = {"color_scheme": scheme, "viewport": viewport}
    ada, grace, mallory = person("Ada", **looks), person("Grace", **looks), person("Mallory")
    ada.creates_a_room()
    asks_before(ada)
    asks_to_join(mallory, address_of(ada))
    asks_to_join(grace, address_of(ada))

    expect(ada.page.locator("#door-text")).to_have_text("2 people are at the door")
    ada.page.locator("#door").get_by_role("button", name="Show").click()
    ada.check_accessibility()
    expect(grace.page.get_by_role("heading", name="Waiting to be let in")).to_be_visible()
    grace.check_accessibility()
    ada.page.locator("#door").get_by_role("button", name="Refuse Grace").click()
    expect(grace.page.get_by_role("heading", name="You were not let in")).to_be_visible()
    grace.check_accessibility()
