"""What hosts do in front of their browser: the gestures of the moderation tests."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Locator, expect

from tests.browser.conftest import Visitor


def does(host: Visitor, act: str, name: str) -> None:
    """Choose something in the menu of somebody in the list of people."""
    host.page.get_by_role("button", name=f"{name}: more", exact=True).click()
    host.page.locator("#act-menu").get_by_role("button", name=act, exact=True).click()


def does_by_message(host: Visitor, act: str, text: str) -> None:
    """Choose something in the menu of a message."""
    bubble = host.bubble(text)
    bubble.hover()
    bubble.locator(".act-button").click()
    host.page.locator("#act-menu").get_by_role("button", name=act, exact=True).click()


def bans(host: Visitor, name: str, *, network: bool = False, long: str = "An hour") -> None:
    """Answer the question that *Ban …* asks."""
    dialog = host.page.get_by_role("dialog", name=f"Ban {name}")
    dialog.get_by_label(long).check()
    if network:
        dialog.get_by_label("Also keep out others from the same network").check()
    dialog.get_by_role("button", name="Ban", exact=True).click()


@contextmanager
def settings_of(host: Visitor) -> Iterator[Locator]:
    """The dialog *Room settings*, open for the length of a block."""
    host.page.get_by_role("button", name="Room menu").click()
    host.page.get_by_role("button", name="Room settings").click()
    dialog = host.page.get_by_role("dialog", name="Room settings")
    yield dialog
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()


def is_told(visitor: Visitor, sentence: str) -> None:
    """Wait until the notice says what was done, or why not."""
    expect(visitor.page.locator("#notice-text")).to_have_text(sentence)


def undoes(host: Visitor) -> None:
    """Press the button that takes back what was done last."""
    host.page.locator("#notice").get_by_role("button", name="Undo").click()


def reads(visitor: Visitor, line: str) -> None:
    """Wait until the timeline's last quiet line holds this."""
    expect(visitor.page.locator(".presence").last).to_contain_text(line)


def asks_to_join(visitor: Visitor, link: str, **fields: str) -> None:
    """Open a link to a room, fill in the form and send it, wherever that leads."""
    visitor.page.goto(link)
    visitor.page.get_by_label("Your name").fill(fields.pop("name", visitor.name))
    for label, value in fields.items():
        visitor.page.get_by_label(label.capitalize()).fill(value)
    visitor.page.get_by_role("button", name="Join", exact=True).click()


def mark_of(visitor: Visitor, name: str, mark: str) -> Locator:
    """The sign beside somebody in the list of people: host, co-host, muted."""
    return visitor.page.locator(".person", has_text=name).get_by_title(mark, exact=True)
