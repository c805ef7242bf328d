"""Makes docs/screenshot-home.png and docs/screenshot-room.png from the running program.

Run it with `make screenshots`, so that the pictures in the README never lie.
"""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import launched
from tests.people import Place
from tests.servers import running

SIZE = {"width": 1000, "height": 720}
TALK = [
    ("Grace", "Good morning! Is the projector on?"),
    ("Ada", "It is. Four letters on the wall, everybody is in 🎉"),
    ("Grace", "Then let us start with yesterday's question:"),
    ("Grace", "why does the first message never get lost?"),
    ("Ada", "Because it stays in your outbox until the room has it."),
]


def main() -> None:
    """Talk a little and take the pictures."""
    with tempfile.TemporaryDirectory() as folder:
        _take(Path(folder) / "server.log")


def _take(output: Path) -> None:
    with running(output, {}) as server, launched() as browser:
        place = Place(server.url)
        lobby(browser, server.url)
        room(browser, place)
        place.close()


def lobby(browser: Browser, url: str) -> None:
    """The start page as somebody sees it for the first time."""
    page = open_page(browser)
    page.goto(url)
    page.get_by_label("Your name").fill("Ada")
    page.screenshot(path=ROOT / "docs/screenshot-home.png")


def room(browser: Browser, place: Place) -> None:
    """The room in the middle of a conversation."""
    page = open_page(browser)
    page.goto(place.url)
    page.get_by_label("Your name").fill("Ada")
    page.get_by_role("button", name="Create a room").click()
    page.wait_for_url("**/r/*")
    grace = place.join(page.url.rpartition("/")[2]).connects()
    for name, text in TALK:
        if name == "Grace":
            grace.says(text)
        else:
            page.get_by_placeholder("Message").fill(text)
            page.get_by_role("button", name="Send").click()
        expect(page.locator(".message .text").get_by_text(text)).to_be_visible()
    grace.asks("typing", {"is_typing": True})
    expect(page.locator("#typing-text")).to_contain_text("Grace")
    page.screenshot(path=ROOT / "docs/screenshot-room.png")


def open_page(browser: Browser) -> Page:
    """A page of a browser that has never been here."""
    context = browser.new_context(
        viewport=SIZE, color_scheme="dark", reduced_motion="reduce", device_scale_factor=2
    )
    return context.new_page()


if __name__ == "__main__":
    main()
