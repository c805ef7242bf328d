"""A long history: what one reads stays where it is, whatever comes above or below."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import DESK, PHONE, Person, Visitor
from tests.people import Person as Member
from tests.people import Place
from tests.servers import running

MESSAGES = 400
PAGE_SIZE = 100

# The first message one sees at least a part of, and how far it is below the upper edge.
READ = """scroller => {
  const edge = scroller.getBoundingClientRect().top;
  const boxes = [...scroller.querySelectorAll(".message")].map(
    (node) => [node, node.getBoundingClientRect()]);
  const [node, box] = boxes.find(([, { bottom }]) => bottom > edge + 1);
  return { seq: Number(node.dataset.seq), below: box.top - edge };
}"""


@pytest.fixture(scope="module")
def long_room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    """A room in which much has been said today, by Ada."""
    output = tmp_path_factory.mktemp("long") / "server.log"
    with running(output, {"posts_per_second": 0, "events_per_second": 0}) as server:
        place = Place(server.url)
        ada = place.open_room().connects()
        for number in range(MESSAGES):
            assert ada.says(message(number))["ok"]
        yield ada
        place.close()


def message(number: int) -> str:
    return f"message {number} " + "lorem ipsum dolor " * (number % 7)


@pytest.fixture
def reader(person: Person, long_room: Member) -> Callable[..., Visitor]:
    """`reader(viewport=PHONE)`: a late-comer, who sees the newest message."""

    guests = itertools.count(len(long_room.events))  # names stay taken for a while

    def joins(**options: object) -> Visitor:
        grace = person(f"Grace {next(guests)}", long_room.url, **options)
        grace.joins(long_room.code)
        grace.sees(message(MESSAGES - 1))
        return grace

    return joins


def drags_to(top: int) -> Callable[[Page, Locator], object]:
    return lambda page, scroller: scroller.evaluate(f"(node) => {{ node.scrollTop = {top}; }}")


def turns_the_wheel(page: Page, scroller: Locator) -> None:
    box = scroller.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    for _ in range(7):
        page.mouse.wheel(0, -800)
        page.wait_for_timeout(100)


def reads_of(visitor: Visitor) -> dict[str, Any]:
    found: dict[str, Any] = visitor.page.locator("#scroller").evaluate(READ)
    return found


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize(
    "goes_up",
    [
        pytest.param(drags_to(0), id="top"),
        pytest.param(drags_to(90), id="nearly the top"),
        pytest.param(drags_to(400), id="near the top"),
        pytest.param(turns_the_wheel, id="wheel"),
    ],
)
def test_older_messages_come_without_a_jump(
    reader: Callable[..., Visitor],
    viewport: dict[str, int],
    goes_up: Callable[[Page, Locator], object],
) -> None:
    grace = reader(viewport=viewport)
    messages = grace.page.locator("#lines .message")
    shown = messages.count()

    goes_up(grace.page, grace.page.locator("#scroller"))
    expect(messages).not_to_have_count(shown)
    grace.page.wait_for_timeout(1000)  # one more page would come at once

    assert messages.count() <= shown + 2 * PAGE_SIZE
    assert reads_of(grace)["seq"] > MESSAGES - 2 * PAGE_SIZE


def test_what_comes_below_moves_nobody_who_reads_above(
    reader: Callable[..., Visitor], long_room: Member
) -> None:
    grace = reader()
    grace.page.locator("#scroller").evaluate("(node) => { node.scrollTop -= 900; }")
    expect(grace.page.get_by_role("button", name="To the newest")).to_be_visible()
    before = reads_of(grace)

    long_room.says("something new")

    pill = grace.page.get_by_role("button", name="1 new message")
    expect(pill).to_be_visible()
    assert reads_of(grace) == before
    pill.click()
    expect(grace.messages("something new")).to_be_in_viewport()
    expect(pill).to_be_hidden()
