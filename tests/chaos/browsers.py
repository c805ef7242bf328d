"""Two people at real browsers, for a smaller part of the chaos: offline, reloads, closed tabs.

Runs in a thread of its own, as Playwright wants it. What pages show is compared with the log in the
end, since a page tells no times.
"""

import queue
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any

from playwright.sync_api import Browser, Error, Page
from playwright.sync_api import TimeoutError as Late

from tests.browser.conftest import launched
from tests.chaos.checker import Breach, Offer, Record
from tests.chaos.world import Proxy

NAMES = ("Browser 1", "Browser 2")
WAIT_MS = 20_000
SETTLE_SECONDS = 60


@dataclass
class Shown:
    """What a page showed in the end."""

    lines: list[tuple[int, str]] = field(default_factory=list)  # seq and text, top to bottom
    unsent: list[str] = field(default_factory=list)


class Reader:
    """Somebody at a browser. Only for the thread that made it."""

    def __init__(self, browser: Browser, name: str, url: str, code: str) -> None:
        self.name = name
        self.offers: list[Offer] = []
        self.trail: list[str] = []  # what was done, and how the page stood then
        self.online_at: list[float] = []  # times at which the page said so
        self._url = url
        self._code = code
        self._context = browser.new_context()
        self._context.set_default_timeout(WAIT_MS)
        self._page = self._context.new_page()
        self._page.goto(f"{url}/r/{code}")
        self._page.get_by_label("Your name").fill(name)
        self._page.get_by_role("button", name="Join", exact=True).click()
        self._page.wait_for_selector("#room[data-connection=online]")
        self.member_id = self._page.locator("#room").get_attribute("data-member-id") or ""

    def says(self) -> None:
        """Write and send; counts from the moment the page shows it."""
        text = f"{self.name} types {len(self.offers) + 1}"
        offer = Offer(self.name, f"page of {self.name}: {text}", text, time.monotonic())
        self._page.get_by_placeholder(re.compile("Message")).fill(text)
        self._page.get_by_role("button", name="Send").click()
        self._page.locator(".message .text").get_by_text(text, exact=True).wait_for()
        self.offers.append(offer)

    def sits_in_a_tunnel(self, seconds: float) -> None:
        self._context.set_offline(True)
        self.says()
        time.sleep(seconds)
        self.says()
        self._context.set_offline(False)

    def reloads(self) -> None:
        self.says()
        self._again(lambda page: page.reload())

    def closes_the_tab(self) -> None:
        """Right after sending, and opens a new one."""
        self.says()
        self._page.close()
        self._page = self._context.new_page()
        self._again(lambda page: page.goto(f"{self._url}/r/{self._code}"))

    def leaves_a_trail(self, what: str) -> None:
        """Note how the page stands, for whoever has to explain a breach."""
        read = """() => [document.querySelector("#room")?.dataset.connection,
            ...[...document.querySelectorAll("#lines .message[data-mine]:not([data-seq])")].map(
                (line) => line.querySelector(".state")?.dataset.state)].join(" ")"""
        with suppress(Error, Late):
            at, state = time.monotonic(), self._page.evaluate(read)
            self.trail.append(f"{at:.1f} {what}, {len(self.offers)}: {state}")
            if state.startswith("online"):
                self.online_at.append(at)

    def has_settled(self, last_seq: int) -> bool:
        """Whether everything is sent and shown as such, up to the last message."""
        waiting = self._page.locator(".message[data-mine] .state:not([data-state=kept])")
        is_online = self._page.locator("#room[data-connection=online]").count() == 1
        last = self._page.locator(f".message[data-seq='{last_seq}']")
        return is_online and waiting.count() == 0 and last.count() == 1

    def shows(self) -> Shown:
        read = """() => [...document.querySelectorAll("#lines .message")].map((line) => [
            Number(line.dataset.seq ?? 0), line.querySelector(".text").textContent,
            line.querySelector(".state")?.dataset.state ?? ""])"""
        lines: list[tuple[int, str, str]] = self._page.evaluate(read)
        return Shown(
            [(seq, text) for seq, text, _ in lines if seq],
            [f"{text} ({state})" for seq, text, state in lines if not seq],
        )

    def _again(self, load: Callable[[Page], Any]) -> None:
        """Load the page, however often that takes: the server may be away just now."""
        until = time.monotonic() + SETTLE_SECONDS + 60  # the long outage included
        while True:
            with suppress(Error, Late):
                load(self._page)
                if self._page.locator("#room").count():
                    return
            assert time.monotonic() < until, "the page does not load any more"
            time.sleep(0.3)
            load = lambda page: page.goto(f"{self._url}/r/{self._code}")  # noqa: E731


class Browsers:
    """The thread with both of them, from `start` to `ends`."""

    def __init__(self, proxy: Proxy, code: str, seed: int) -> None:
        self._proxy = proxy
        self._code = code
        self._chance = Random(f"{seed} browsers")
        self._urls = {name: proxy.link(name) for name in NAMES}
        self._stopping = threading.Event()
        self._last_seq: queue.Queue[int] = queue.Queue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.done: dict[str, int] = {}  # what they did → how often
        self.failure: BaseException | None = None
        self.offers: list[Offer] = []
        self.members: dict[str, str] = {}
        self.shown: dict[str, Shown] = {}
        self.trails: dict[str, list[str]] = {}
        self.online_at: dict[str, list[float]] = {}

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Do nothing more."""
        self._stopping.set()

    def look(self, last_seq: int) -> None:
        """Wait until everything is sent, and until the pages show the last message; read them."""
        self._last_seq.put(last_seq)
        self._thread.join(2 * SETTLE_SECONDS + 120)
        if self._thread.is_alive():
            self.failure = AssertionError("the browsers do not come to an end")

    def _work(self) -> None:
        try:
            with launched() as browser:
                self._play(browser)
        except BaseException as failure:
            self.failure = failure

    def _play(self, browser: Browser) -> None:
        readers = [Reader(browser, name, url, self._code) for name, url in self._urls.items()]
        self.members = {reader.name: reader.member_id for reader in readers}
        try:
            while not self._stopping.is_set():
                for reader in readers:
                    self._do_something(reader)
        finally:
            self.offers = [offer for reader in readers for offer in reader.offers]
            self.trails = {reader.name: reader.trail for reader in readers}
            self.online_at = {reader.name: reader.online_at for reader in readers}
        last_seq = self._last_seq.get(timeout=SETTLE_SECONDS)
        until = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < until and not all(each.has_settled(last_seq) for each in readers):
            time.sleep(0.2)
        for reader in readers:
            reader.leaves_a_trail("the end")
        self.shown = {reader.name: reader.shows() for reader in readers}

    def _do_something(self, reader: Reader) -> None:
        seconds = self._chance.uniform(0.2, 2.5)
        what = self._chance.choice(("say", "say", "link", "offline", "reload", "close", "tunnel"))
        self.done[what] = self.done.get(what, 0) + 1
        if what == "say":
            reader.says()
            time.sleep(seconds / 2)
        elif what == "link":
            with self._link_down(reader.name):
                reader.says()
                time.sleep(seconds)
                reader.says()
        elif what == "offline":
            reader.sits_in_a_tunnel(seconds)
        elif what == "reload":
            reader.reloads()
        elif what == "close":
            reader.closes_the_tab()
        else:
            self._closes_in_a_tunnel(reader)
        reader.leaves_a_trail(what)

    def _closes_in_a_tunnel(self, reader: Reader) -> None:
        self._proxy.takes_down(reader.name)
        reader.says()
        raised = threading.Timer(1.0, self._proxy.brings_up, [reader.name])
        raised.start()
        reader.closes_the_tab()
        raised.join()

    def _link_down(self, name: str) -> "_LinkDown":
        return _LinkDown(self._proxy, name)


class _LinkDown:
    def __init__(self, proxy: Proxy, name: str) -> None:
        self._proxy, self._name = proxy, name

    def __enter__(self) -> None:
        self._proxy.takes_down(self._name)

    def __exit__(self, *error: object) -> None:
        self._proxy.brings_up(self._name)


def add_to(record: Record, browsers: Browsers) -> None:
    """Put what was typed into the record. Pages draw their own keys, so the text says which."""
    record.members |= browsers.members
    for name, times in browsers.online_at.items():
        # Between two times at which a page was online it may have been without a line all along.
        record.absent[name] = list(pairwise([*times, record.ended_at]))
    posted = {(e["by"], e["text"]): e for e in record.log if e["kind"] == "message_posted"}
    first_seen = {
        one.seq: one.at
        for seen in record.seen.values()
        for one in reversed(seen)
        if one.kind != "reset"
    }
    for offer in browsers.offers:
        event = posted.get((browsers.members[offer.person], offer.text))
        if event is None:
            record.offered.append(offer)
            continue
        record.offered.append(Offer(offer.person, event["key"], offer.text, offer.at))
        at = first_seen.get(event["seq"], record.ended_at)
        record.acknowledged[event["key"]] = (event["seq"], at)


def judge_pages(record: Record, browsers: Browsers) -> Iterator[Breach]:
    """Compare what pages show with the log: the newest messages, each once, in order."""
    said = [(e["seq"], e["text"]) for e in record.log if e["kind"] == "message_posted"]
    texts = [(e["by"], e["text"]) for e in record.log if e["kind"] == "message_posted"]
    for offer in browsers.offers:
        if (times := texts.count((browsers.members[offer.person], offer.text))) > 1:
            yield Breach("doubled", f"{offer.text!r} was kept {times} times")
    for name, shown in browsers.shown.items():
        if shown.unsent:
            yield Breach("lost", f"the page of {name} still shows as unsent: {shown.unsent[:3]}")
        if not shown.lines:
            yield Breach("lost", f"the page of {name} shows nothing")
        elif shown.lines != said[-len(shown.lines) :]:
            wrong = [
                a for a, b in zip(shown.lines, said[-len(shown.lines) :], strict=False) if a != b
            ]
            yield Breach("gap", f"the page of {name} does not show the end of the log: {wrong[:3]}")
