"""What a page may weigh, and how soon somebody is in the room."""

import time
from collections.abc import Callable

from tests.browser.conftest import Person, Visitor
from tests.people import Place
from tests.servers import RunningServer

GUESTS = ("Grace", "Alan", "Kate")
LOBBY_BYTES = 30_000
ROOM_BYTES = 70_000
HOST_BYTES = 10_000  # more, for the host
FULL_ROOM_BYTES = 120_000  # and the lobby before it

# 300 ms on a quiet machine; a busy one gets some slack, and the fastest of three counts.
FIRST_MESSAGES_SECONDS = 0.8


def test_lobby_and_room_are_light(person: Person, server: RunningServer) -> None:
    ada, grace = person("Ada"), person("Grace")
    weigh, weigh_for_guest = scales(ada), scales(grace)

    ada.page.goto(ada.url)
    ada.page.wait_for_load_state("networkidle")
    lobby = weigh()
    grace.joins(ada.creates_a_room())
    host, guest = weigh_room(ada, weigh), weigh_room(grace, weigh_for_guest)

    assert 1_000 < lobby < LOBBY_BYTES
    assert 10_000 < guest < ROOM_BYTES
    assert 1_000 < host - guest < HOST_BYTES


def test_a_room_full_of_long_messages_is_light(
    person: Person, start_server: Callable[..., RunningServer]
) -> None:
    server = start_server(posts_per_second=0)
    place = Place(server.url)
    host = place.open_room().connects()
    for number in range(50):
        host.says(f"message {number} ".ljust(4000, "x"))
    grace = person("Grace", server.url)
    weigh = scales(grace)

    grace.joins(host.code)
    grace.sees("message 49 ".ljust(4000, "x"))

    assert 10_000 < weigh() < FULL_ROOM_BYTES
    place.close()


def test_the_first_fifty_messages_are_there_at_once(
    person: Person, start_server: Callable[..., RunningServer]
) -> None:
    server = start_server(posts_per_second=0)
    place = Place(server.url)
    host = place.open_room().connects()
    for number in range(50):
        host.says(f"message {number} " + "lorem ipsum " * 20)

    times = [seconds_to_join(person(name, server.url), host.code) for name in GUESTS]

    assert min(times) < FIRST_MESSAGES_SECONDS
    place.close()


def seconds_to_join(guest: Visitor, code: str) -> float:
    """From pressing Join to the newest message on screen and an open line."""
    guest.page.goto(f"{guest.url}/r/{code}")
    guest.page.get_by_label("Your name").fill(guest.name)
    began = time.monotonic()
    guest.page.get_by_role("button", name="Join", exact=True).click()
    guest.sees("message 49 " + "lorem ipsum " * 20)
    guest.is_connected()
    return time.monotonic() - began


def weigh_room(visitor: Visitor, weigh: Callable[[], float]) -> float:
    """How many bytes the room's page takes, with all that it brings."""
    before = weigh()
    visitor.page.reload()
    visitor.is_connected()
    visitor.page.wait_for_load_state("networkidle")
    return weigh() - before


def scales(visitor: Visitor):  # type: ignore[no-untyped-def]
    """A function that tells how many bytes this browser has received so far, as they were sent."""
    seen: dict[str, float] = {}
    session = visitor.context.new_cdp_session(visitor.page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    session.on(
        "Network.loadingFinished",
        lambda event: seen.__setitem__(event["requestId"], event["encodedDataLength"]),
    )
    return lambda: sum(seen.values())
