"""People in front of real browsers: `ada = person("Ada")`, a context of their own each."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.road import Road, road_to
from tests.servers import RunningServer

DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"

# What Chromium itself logs about a refusal, or about a line that a test has cut.
EXPECTED = re.compile(
    "status of 4|ERR_INTERNET_DISCONNECTED|ERR_CONNECTION|ERR_SOCKET|ERR_EMPTY_RESPONSE"
    "|WebSocket connection to .* failed"
)

expect.set_options(timeout=20_000)


class Visitor:
    """Somebody with a browser. What people do, and what they see; nothing about how it works."""

    def __init__(self, context: BrowserContext, url: str, name: str) -> None:
        self.context = context
        self.url = url
        self.name = name
        self.complaints: list[str] = []  # errors in the console, and requests that left the host
        self.page = self._new_page()

    def creates_a_room(self) -> str:
        """Create a room from the lobby; its code."""
        self.page.goto(self.url)
        self.page.get_by_label("Your name").fill(self.name)
        self.page.get_by_role("button", name="Create a room").click()
        self.page.wait_for_url("**/r/*")
        self.is_connected()
        return self.page.url.rpartition("/")[2]

    def joins(self, code: str) -> None:
        """Join from the lobby with the code."""
        self.page.goto(self.url)
        self.page.get_by_label("Your name").fill(self.name)
        self.page.get_by_label("Room code").fill(code)
        self.page.get_by_role("button", name="Join", exact=True).click()
        self.page.wait_for_url("**/r/*")
        self.is_connected()

    def follows(self, link: str) -> None:
        """Open an invitation and join with the own name."""
        self.page.goto(link)
        self.page.get_by_label("Your name").fill(self.name)
        self.page.get_by_role("button", name="Join", exact=True).click()
        self.is_connected()

    def is_connected(self) -> None:
        """Wait until messages can be sent."""
        expect(self.page.locator("#room")).to_have_attribute("data-connection", "online")

    def writes(self, text: str) -> None:
        """Put text into the composer, as typing or pasting does."""
        self.page.get_by_placeholder(re.compile("Message")).fill(text)

    def says(self, text: str) -> None:
        """Write and send."""
        self.writes(text)
        self.page.get_by_role("button", name="Send", exact=True).click()

    def sees(self, text: str) -> None:
        """Wait until exactly one message with exactly this text is shown."""
        expect(self.messages(text)).to_have_count(1)
        expect(self.messages(text)).to_be_visible()

    def messages(self, text: str):  # type: ignore[no-untyped-def]
        """The bubbles with exactly this text."""
        return self.page.locator(".message .text").get_by_text(text, exact=True)

    def bubble(self, text: str):  # type: ignore[no-untyped-def]
        """The whole message with exactly this text: who, when, how it stands, what can be done."""
        exactly = self.page.locator(".text").get_by_text(text, exact=True)
        return self.page.locator(".message").filter(has=exactly)

    @property
    def texts(self) -> list[str]:
        """All messages on the page, from top to bottom, as they are in the document."""
        return [node.text_content() or "" for node in self.page.locator("#lines .text").all()]

    def check_accessibility(self) -> None:
        """Run axe over the page as it is now; WCAG 2.2 AA and best practices."""
        self.page.evaluate(AXE.read_text())
        found = self.page.evaluate("axe.run()")["violations"]
        assert not found, [(each["id"], each["nodes"][0]["html"][:200]) for each in found]

    def opens_another_tab(self) -> "Visitor":
        """A second tab of the same browser, at the same place."""
        tab = copy(self)  # complaints are collected together
        tab.page = self._new_page()
        tab.page.goto(self.page.url)
        tab.is_connected()
        return tab

    def opens_a_tab(self, url: str) -> Page:
        """A new tab of the same browser, at any address."""
        page = self._new_page()
        page.goto(url)
        return page

    def closes_the_tab(self) -> None:
        """As the cross of the tab does it."""
        self.left = self.page.url
        self.page.close()

    def comes_back(self) -> None:
        """Open a new tab where the closed one was."""
        self.page = self._new_page()
        self.page.goto(self.left)
        self.is_connected()

    def waits_with(self, text: str) -> None:
        """Wait until the message with this text is shown as waiting to be sent."""
        state = self.bubble(text).locator(".state")
        expect(state).to_have_attribute("data-state", "waiting")

    def has_sent_everything(self) -> None:
        """Wait until every own message is shown as kept by the server."""
        self.is_connected()
        expect(self.page.locator("#room")).to_have_attribute("data-unsent", "0", timeout=40_000)
        unsent = self.page.locator(".message[data-mine] .state:not([data-state=kept])")
        expect(unsent).to_have_count(0)

    def _new_page(self) -> Page:
        page = self.context.new_page()
        self._listen(page)
        return page

    def _listen(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                self.complaints.append(message.text)
                if message.type == "error" and not EXPECTED.search(message.text)
                else None
            ),
        )
        page.on(
            "request",
            lambda request: (
                self.complaints.append(request.url)
                if not request.url.startswith((self.url, "ws" + self.url[4:], "data:", "blob:"))
                else None
            ),
        )


Person = Callable[..., Visitor]


@contextmanager
def launched() -> Iterator[Browser]:
    """A running Chromium: the one on the PATH, else Playwright's own. The way back works."""
    flags = ["--disable-background-networking", "--disable-quic"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        flags.append("--no-sandbox")
    path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=flags,
            ignore_default_args=["--disable-back-forward-cache"],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture
def road(server: RunningServer) -> Iterator[Road]:
    """A way to the shared server that can be closed: `ada = person("Ada", road.url)`."""
    with road_to(server.port) as road:
        yield road


@pytest.fixture
def person(chromium: Browser, server: RunningServer) -> Iterator[Person]:
    """`person("Ada", viewport=PHONE, color_scheme="light")`: everybody has a context of their own.

    After the test nobody's browser may have complained.
    """
    visitors: list[Visitor] = []

    def make(name: str, url: str = server.url, **options: object) -> Visitor:
        options = {"viewport": DESK, "color_scheme": "dark", "reduced_motion": "reduce", **options}
        visitor = Visitor(chromium.new_context(**options), url, name)  # type: ignore[arg-type]
        visitors.append(visitor)
        return visitor

    yield make
    for visitor in visitors:
        visitor.context.close()
    assert [visitor.complaints for visitor in visitors] == [[] for _ in visitors]
