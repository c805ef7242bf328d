"""Two people, two browsers: the main job."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PHONE, Person

SEVERAL_SCRIPTS = [
    "<script>alert('hi')</script> & <b>bold</b>",
    "שלום עולם, 123",
    "你好\nworld",
    "👩‍👩‍👧‍👦",
    "line\n" * 50 + "end",
    "x" * 4000,
    "  two  spaces  stay ",
]


def test_two_people_meet_by_the_code_and_talk_both_ways(person: Person) -> None:
    ada, grace = person("Ada"), person("Grace")
    code = ada.creates_a_room()

    grace.joins(f" {code[:2].lower()}-{code[2:].lower()} ")
    grace.says("Hello Ada")
    ada.sees("Hello Ada")
    ada.says("Hello Grace")

    grace.sees("Hello Grace")
    assert grace.texts == ada.texts == ["Hello Ada", "Hello Grace"]


def test_an_invitation_link_leads_into_the_room(person: Person) -> None:
    ada, grace = person("Ada"), person("Grace")
    ada.creates_a_room()

    grace.follows(ada.page.url)

    grace.says("here I am")
    ada.sees("here I am")


def test_a_latecomer_sees_what_was_said(person: Person) -> None:
    ada, grace = person("Ada"), person("Grace")
    code = ada.creates_a_room()
    ada.says("first")
    ada.says("second")
    ada.sees("second")

    grace.joins(code)

    grace.sees("first")
    assert grace.texts == ["first", "second"]


def test_a_reload_keeps_room_identity_and_history(person: Person) -> None:
    ada, grace = person("Ada"), person("Grace")
    code = ada.creates_a_room()
    grace.joins(code)
    grace.says("before")
    ada.sees("before")

    grace.page.reload()
    grace.is_connected()
    grace.says("after")

    ada.sees("after")
    grace.sees("before")
    expect(ada.page.locator(".presence")).not_to_contain_text("left")
    expect(grace.page.locator(".message[data-mine]")).to_have_count(2)


def test_the_last_one_reloading_does_not_destroy_the_room(person: Person) -> None:
    ada = person("Ada")
    ada.creates_a_room()
    ada.says("still here")
    ada.sees("still here")

    ada.page.reload()
    ada.is_connected()

    ada.sees("still here")


def test_typing_is_shown_and_goes_away(person: Person) -> None:
    ada, grace = person("Ada"), person("Grace")
    grace.joins(ada.creates_a_room())

    grace.page.get_by_placeholder("Message").press_sequentially("hel")
    expect(ada.page.locator("#typing-text")).to_have_text("Grace is typing")
    grace.says("hello")

    expect(ada.page.locator("#typing-text")).to_have_text("")


@pytest.mark.parametrize("text", SEVERAL_SCRIPTS, ids=range(len(SEVERAL_SCRIPTS)))
def test_every_text_is_shown_exactly_as_it_was_typed(person: Person, text: str) -> None:
    ada, grace = person("Ada"), person("Grace")
    grace.joins(ada.creates_a_room())

    ada.says(text)

    expect(grace.page.locator("#lines .text")).to_have_count(1)
    assert grace.texts == [text]
    assert ada.texts == [text]


def test_on_a_phone_it_works_the_same(person: Person) -> None:
    ada = person("Ada", viewport=PHONE, has_touch=True, is_mobile=True)
    grace = person("Grace", viewport=PHONE, has_touch=True, is_mobile=True, color_scheme="light")
    grace.joins(ada.creates_a_room())

    grace.says("from my phone")
    ada.sees("from my phone")
    ada.page.get_by_role("button", name="Show people").click()

    expect(ada.page.get_by_role("complementary")).to_contain_text("Grace")
    width = ada.page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]


def test_too_long_a_message_stays_in_the_box(person: Person) -> None:
    ada = person("Ada")
    ada.creates_a_room()

    ada.writes("x" * 4001)
    ada.page.keyboard.press("Enter")

    expect(ada.page.get_by_role("button", name="Send")).to_be_disabled()
    expect(ada.page.locator("#send-reason")).to_contain_text("1 character too many")
    expect(ada.page.get_by_placeholder("Message")).to_have_value("x" * 4001)
    assert ada.texts == []


def test_leaving_goes_to_the_lobby_and_tells_the_others(person: Person) -> None:
    ada, grace = person("Ada"), person("Grace")
    code = ada.creates_a_room()
    grace.joins(code)

    grace.page.get_by_role("button", name="Room menu").click()
    grace.page.get_by_role("button", name="Leave the room").click()

    grace.page.wait_for_url(grace.url + "/")
    expect(ada.page.locator(".presence").last).to_contain_text("Grace came and went")


def test_the_link_is_copied_by_one_press(person: Person) -> None:
    ada = person("Ada", permissions=["clipboard-read", "clipboard-write"])
    ada.creates_a_room()

    ada.page.get_by_role("button", name="Copy link").first.click()

    expect(ada.page.get_by_role("button", name="Copied").first).to_be_visible()
    copied = ada.page.evaluate("navigator.clipboard.readText()")
    assert copied == ada.page.locator("#share-url").input_value()
    assert copied.startswith(f"{ada.page.url}?invite=")


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("viewport", [PHONE, {"width": 1280, "height": 800}], ids=["phone", "desk"])
def test_lobby_and_room_pass_the_accessibility_check(
    person: Person, scheme: str, viewport: dict[str, int]
) -> None:
    ada = person("Ada", color_scheme=scheme, viewport=viewport)
    ada.page.goto(ada.url)
    ada.check_accessibility()

    ada.creates_a_room()
    ada.check_accessibility()
    ada.says("hello")
    ada.sees("hello")
    ada.check_accessibility()


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("viewport", [PHONE, {"width": 1280, "height": 800}], ids=["phone", "desk"])
def test_the_room_passes_the_accessibility_check_offline_too(
    person: Person, scheme: str, viewport: dict[str, int]
) -> None:
    ada = person("Ada", color_scheme=scheme, viewport=viewport)
    ada.creates_a_room()

    ada.context.set_offline(True)
    ada.says("from the train")
    banner = ada.page.get_by_role("region", name="Connection")
    expect(banner).to_contain_text("You are offline. 1 message waits to be sent.")
    expect(banner.get_by_role("button")).to_have_text("Try now")
    expect(banner).to_have_css("opacity", "1")
    ada.check_accessibility()

    ada.context.set_offline(False)
    ada.has_sent_everything()
