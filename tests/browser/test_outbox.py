"""Nothing typed is lost: it goes out once, in order, whatever happens to line, tab and server."""

import re
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Person, Visitor
from tests.browser.road import Road
from tests.servers import LIFTED, RunningServer, check_end, launch

NO_INDEXED_DB = "Object.defineProperty(window, 'indexedDB', {value: undefined})"
NO_STORAGE = NO_INDEXED_DB + "; Object.defineProperty(window, 'localStorage', {get() { throw 1 }})"
NO_LOCKS = "Object.defineProperty(Navigator.prototype, 'locks', {value: undefined})"

# Makes everything in the outbox eleven minutes older.
AGE = """
new Promise((done) => {
  indexedDB.open('flask-chat').onsuccess = ({target: {result: database}}) => {
    const transaction = database.transaction('outbox', 'readwrite');
    transaction.objectStore('outbox').openCursor().onsuccess = ({target: {result: cursor}}) => {
      if (!cursor) return;
      cursor.update({...cursor.value, written_at: cursor.value.written_at - 11 * 60_000});
      cursor.continue();
    };
    transaction.oncomplete = () => { database.close(); done(); };
  };
})
"""


def test_written_in_a_tunnel_with_the_tab_closed_it_is_sent_later(
    person: Person, road: Road
) -> None:
    ada, grace = person("Ada"), person("Grace", road.url)
    grace.joins(ada.creates_a_room())

    road.close()
    for number in range(3):
        grace.says(f"in the tunnel {number}")
    grace.waits_with("in the tunnel 2")
    grace.closes_the_tab()
    road.open()
    grace.comes_back()

    grace.has_sent_everything()
    ada.sees("in the tunnel 2")
    assert ada.texts == grace.texts == [f"in the tunnel {number}" for number in range(3)]


def test_a_message_shows_at_once_and_tells_how_it_stands(person: Person, road: Road) -> None:
    ada = person("Ada", road.url)
    ada.creates_a_room()
    state = ada.page.locator(".message .state")

    road.fall_silent()
    ada.says("on its way")
    expect(state).to_have_attribute("data-state", "sending", timeout=500)
    road.close()
    expect(state).to_have_attribute("data-state", "waiting")
    road.open()

    expect(state).to_have_attribute("data-state", "kept")


def test_a_reload_before_the_answer_neither_loses_nor_doubles(person: Person, road: Road) -> None:
    ada, grace = person("Ada"), person("Grace", road.url)
    grace.joins(ada.creates_a_room())

    road.lose_answers()
    grace.says("arrived, but nobody said so")
    ada.sees("arrived, but nobody said so")
    grace.says("still in the box")
    grace.page.reload()
    grace.has_sent_everything()

    ada.sees("still in the box")
    assert ada.texts == grace.texts == ["arrived, but nobody said so", "still in the box"]


@pytest.mark.parametrize("init", ["", NO_LOCKS], ids=["locks", "lease"])
def test_two_tabs_that_wrote_offline_send_all_of_it_once(
    person: Person, road: Road, init: str
) -> None:
    ada, grace = person("Ada"), person("Grace", road.url)
    grace.context.add_init_script(init)
    grace.joins(ada.creates_a_room())
    other = grace.opens_another_tab()

    road.close()
    for number in range(5):
        grace.says(f"one {number}")
        other.says(f"two {number}")
    other.waits_with("one 4")
    grace.waits_with("two 4")
    road.open()

    for visitor in (grace, other):
        visitor.has_sent_everything()
        expect(visitor.page.locator("#lines .text")).to_have_count(10)
    ada.sees("two 4")
    assert ada.texts == grace.texts == other.texts
    for tab in ("one", "two"):
        told = [text for text in ada.texts if text.startswith(tab)]
        assert told == [f"{tab} {number}" for number in range(5)]


def test_what_one_tab_writes_waits_in_the_other_too_and_goes_when_either_can(
    person: Person, road: Road
) -> None:
    ada = person("Ada", road.url)
    ada.creates_a_room()
    other = ada.opens_another_tab()

    road.close()
    ada.says("from the first tab")
    other.waits_with("from the first tab")
    ada.closes_the_tab()
    road.open()

    other.has_sent_everything()
    other.sees("from the first tab")


def test_a_killed_server_loses_nothing_and_doubles_nothing(person: Person, tmp_path: Path) -> None:
    settings = {
        **LIFTED,
        "store": f"sqlite:///{tmp_path}/chat.db",
        "posts_per_second": 0,
        "events_per_second": 0,
    }
    server = launch(tmp_path / "first.log", settings)
    ada, grace = person("Ada", server.url), person("Grace", server.url)
    grace.joins(ada.creates_a_room())

    for number in range(4):
        ada.says(f"ada {number}")
        grace.says(f"grace {number}")
    server.stop(signal.SIGKILL)
    for number in range(4, 8):
        ada.says(f"ada {number}")
        grace.says(f"grace {number}")
    server = launch(tmp_path / "second.log", {**settings, "port": server.port})

    for visitor in (ada, grace):
        visitor.has_sent_everything()
        expect(visitor.page.locator("#lines .text")).to_have_count(16)
    assert ada.texts == grace.texts
    for name in ("ada", "grace"):
        told = [text for text in ada.texts if text.startswith(name)]
        assert told == [f"{name} {number}" for number in range(8)]
    expect(ada.page.locator(".presence")).not_to_contain_text("left")
    check_end(server)


def test_a_refused_message_stays_with_its_reason(
    person: Person, start_server: Callable[..., RunningServer]
) -> None:
    ada = person("Ada", start_server(message_limit_characters=20).url)
    ada.creates_a_room()
    ada.page.route("**/r/*", without_limit)
    ada.page.reload()
    ada.is_connected()

    ada.says("far too long for this room")
    ada.says("short")

    ada.sees("short")
    failed = ada.page.locator(".message", has=ada.page.locator("[data-state=failed]"))
    expect(failed).to_contain_text(re.compile("Not sent. .*20 characters"))
    ada.page.reload()
    ada.is_connected()
    expect(failed).to_contain_text("Not sent.")
    failed.get_by_role("button", name="Edit").click()
    expect(ada.page.get_by_placeholder("Message")).to_have_value("far too long for this room")
    expect(failed).to_have_count(0)
    ada.says("far too long again, it seems")
    failed.get_by_role("button", name="Discard").click()
    expect(failed).to_have_count(0)
    ada.page.reload()
    ada.is_connected()
    assert ada.texts == ["short"]


def without_limit(route):  # type: ignore[no-untyped-def]
    """The room page, as if its script did not know how long a message may be."""
    response = route.fetch()
    body = re.sub(r'data-message-limit="\d+"', 'data-message-limit="0"', response.text())
    route.fulfill(response=response, body=body)


def test_what_is_old_asks_before_it_goes(person: Person, road: Road) -> None:
    ada = person("Ada", road.url)
    ada.creates_a_room()
    road.close()
    for text in ("old one", "old two", "old three"):
        ada.says(text)
    ada.waits_with("old three")
    ada.page.evaluate(AGE)
    ada.closes_the_tab()
    road.open()

    ada.comes_back()
    question = ada.page.get_by_role("group", name=re.compile("3 messages were written"))
    expect(question).to_be_visible()
    ada.says("new")
    ada.sees("new")
    bubble = ada.bubble("old two")
    # A test that runs just after midnight finds what was written on the day before.
    expect(bubble).to_contain_text(re.compile("Not sent yet, written (yesterday )?at"))
    bubble.get_by_role("button", name="Discard").click()
    ada.page.get_by_role("button", name="Send all").click()

    ada.has_sent_everything()
    expect(question).to_be_hidden()
    assert ada.texts == ["new", "old one", "old three"]


@pytest.mark.parametrize("init", [NO_INDEXED_DB, NO_INDEXED_DB + ";" + NO_LOCKS])
def test_without_indexed_db_it_survives_a_closed_tab_all_the_same(
    person: Person, road: Road, init: str
) -> None:
    ada = person("Ada", road.url)
    ada.context.add_init_script(init)
    ada.creates_a_room()

    road.close()
    ada.says("one")
    ada.says("two")
    ada.waits_with("two")
    ada.closes_the_tab()
    road.open()
    ada.comes_back()

    ada.has_sent_everything()
    assert ada.texts == ["one", "two"]


def test_without_any_storage_it_is_sent_too_and_closing_asks(person: Person, road: Road) -> None:
    ada = person("Ada", road.url)
    ada.context.add_init_script(NO_STORAGE)
    ada.creates_a_room()

    road.close()
    ada.says("only in here")
    ada.waits_with("only in here")
    asked = []
    ada.page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    ada.page.close(run_before_unload=True)
    ada.page.wait_for_timeout(300)
    road.open()

    ada.has_sent_everything()
    ada.sees("only in here")
    assert asked == ["beforeunload"]


def test_thirty_messages_from_a_tunnel_go_at_the_rooms_pace(person: Person, road: Road) -> None:
    ada, grace = person("Ada"), person("Grace", road.url)
    grace.joins(ada.creates_a_room())

    road.close()
    for number in range(30):
        grace.says(f"note {number}")
    road.open()
    expect(grace.page.locator("#queue")).to_have_text(
        re.compile(r"^Sending slowly: \d+ messages, \d+ s$")
    )
    expect(grace.page.locator("[data-state=failed]")).to_have_count(0)

    grace.has_sent_everything()
    expect(grace.page.locator("#queue")).to_have_text("")
    ada.sees("note 29")
    assert ada.texts == grace.texts == [f"note {number}" for number in range(30)]


def test_a_locked_disk_is_said_in_words_that_ask_nothing_of_people(
    person: Person, start_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    ada = person("Ada", start_server(store=f"sqlite:///{tmp_path}/chat.db").url)
    ada.creates_a_room()

    with closing(sqlite3.connect(tmp_path / "chat.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        ada.says("when the disk is back")
        expect(ada.page.locator("#queue")).to_have_text(
            re.compile(r"^The server cannot keep messages just now\. 1 message in \d+ s$")
        )
        expect(ada.page.locator("#room")).to_have_attribute("data-connection", "online")

    ada.has_sent_everything()
    expect(ada.page.locator("#queue")).to_have_text("")
    assert ada.texts == ["when the disk is back"]


def test_on_a_slow_line_the_bubble_does_not_wait(person: Person) -> None:
    ada, grace = person("Ada"), person("Grace")
    grace.joins(ada.creates_a_room())
    slow_down(grace)

    for number in range(3):
        grace.says(f"slow {number}")
    expect(grace.page.locator("#lines .text")).to_have_count(3, timeout=500)

    grace.has_sent_everything()
    ada.sees("slow 2")
    assert ada.texts == grace.texts == ["slow 0", "slow 1", "slow 2"]


def slow_down(visitor: Visitor) -> None:
    """A phone at the edge of the network: 400 ms there and back, 6 kB a second."""
    session = visitor.context.new_cdp_session(visitor.page)
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": 400,
            "downloadThroughput": 6000,
            "uploadThroughput": 6000,
        },
    )
