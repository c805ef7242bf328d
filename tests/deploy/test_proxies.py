"""One server behind nginx, HAProxy and Caddy, set up as deploy/ says."""

import re
from collections.abc import Iterator
from contextlib import suppress

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.poolmanager import PoolManager
from websocket import WebSocketBadStatusException, create_connection

from tests.deploy.proxies import PROXIES, Front, missing
from tests.people import Place
from tests.servers import running

TRANSPORTS = ["websocket", "polling"]
GRINS = "😀" * 4000  # the longest message there is: 16 KB, or 48 KB where JSON keeps to ASCII
ROOMS_PER_HOUR = 20


@pytest.fixture(scope="module", params=sorted(PROXIES))
def front(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    """A proxy with one server behind it."""
    if why := missing(request.param):
        pytest.skip(why)
    folder = tmp_path_factory.mktemp(request.param)
    settings = {
        "trusted_proxies": 1,
        "node": "app1",
        "rooms_per_hour": ROOMS_PER_HOUR,
        "allowed_origins": "https://chat.example",
    }
    with (
        running(folder / "server.log", settings) as server,
        PROXIES[request.param](folder, [server.port]) as started,
    ):
        yield started


@pytest.fixture
def place(front: Front) -> Iterator[Place]:
    there = Place(front.url, certificate=front.certificate)
    yield there
    there.close()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_people_talk_through_it(place: Place, transport: str) -> None:
    ada = place.open_room().connects(transports=[transport])
    grace = place.join(ada.code).connects(transports=[transport])

    ada.says("Hello from behind")
    grace.sees("Hello from behind")
    grace.says(GRINS)

    assert ada.sees(GRINS)["by"] == grace.me["member_id"]
    assert ada.client.transport() == transport


def test_a_polling_client_changes_to_a_websocket(place: Place) -> None:
    ada = place.open_room().connects()

    ada.says("On the better road")

    assert ada.client.transport() == "websocket"


def test_cookies_are_for_https_only_and_links_are_https(front: Front) -> None:
    with visitor(front) as browser:
        form = re.search(
            r'name="csrf_token"[^>]*value="([^"]+)"', browser.get(front.url + "/").text
        )
        assert form is not None
        room = browser.post(
            front.url + "/",
            data={"csrf_token": form[1], "name": "Ada", "create": ""},
            headers={"Referer": front.url + "/", "Origin": front.url},
        )
        cookie = room.history[0].headers["Set-Cookie"]

        assert "Secure" in cookie
        assert "HttpOnly" in cookie
        assert room.url.startswith(front.url + "/r/")
        assert f"{front.url}/r/" in room.text


def test_plain_http_leads_to_https(front: Front) -> None:
    answer = requests.get(
        f"http://localhost:{front.http_port}/r/BCDF", allow_redirects=False, timeout=10
    )

    assert answer.status_code == 308
    assert answer.headers["Location"].startswith("https://localhost")
    assert answer.headers["Location"].endswith("/r/BCDF")


def test_pages_of_other_sites_cannot_connect(front: Front) -> None:
    url = f"wss://localhost:{front.https_port}/socket.io/?EIO=4&transport=websocket"
    trust = {"ca_certs": str(front.certificate)}

    own = create_connection(url, origin=front.url, sslopt=trust, timeout=10)
    own.close()

    with pytest.raises(WebSocketBadStatusException, match="403"):
        create_connection(url, origin="https://evil.example", sslopt=trust, timeout=10)


def test_the_name_of_the_site_arrives_as_it_was_typed(front: Front) -> None:
    if front.name == "caddy":  # it answers for its own site only
        return
    with visitor(front) as browser:
        own = browser.get(front.url + "/", headers={"Host": "chat.example"})
        other = browser.get(front.url + "/", headers={"Host": "evil.example"})

    assert own.status_code == 200
    assert other.status_code == 421


def test_what_a_client_says_of_its_address_changes_nothing(front: Front) -> None:
    """The limit of rooms an hour is per address, so it tells which address the server sees."""

    def opens_room(source: str, number: int) -> int:
        lies = {
            "X-Forwarded-For": f"203.0.113.{number}",
            "X-Real-IP": f"203.0.113.{number}",
            "X-Forwarded-Host": "evil.example",
            "X-Forwarded-Port": "99",
            "X-Forwarded-Prefix": "/evil",
            "Forwarded": f"for=203.0.113.{number};host=evil.example",
        }
        url = f"https://127.0.0.1:{front.https_port}/api/v1/rooms"
        if front.name == "caddy":  # it has a certificate for the name only
            url = front.url + "/api/v1/rooms"
        with visitor(front, source) as client:
            return client.post(url, json={"name": "Mallory"}, headers=lies, timeout=10).status_code

    mallory = [opens_room("127.0.0.2", number) for number in range(ROOMS_PER_HOUR + 3)]
    ada = opens_room("127.0.0.3", 1)

    assert mallory == [201] * ROOMS_PER_HOUR + [429] * 3
    assert ada == 201


def test_a_body_that_is_too_large_is_refused_by_the_proxy(front: Front) -> None:
    head = (
        f"POST /api/v1/rooms HTTP/1.1\r\nHost: localhost:{front.https_port}\r\n"
        "Content-Type: application/json\r\nContent-Length: 12000000\r\n\r\n"
    )

    with front.line() as line:
        line.sendall(head.encode())
        if front.name == "caddy":  # it reads until it is too much
            with suppress(OSError):
                line.sendall(b"x" * 12_000_000)
        answer = line.recv(1000)

    assert answer.startswith(b"HTTP/1.1 413 ")


class From(HTTPAdapter):
    """Connections from one of the addresses of the loopback network."""

    def __init__(self, source: str) -> None:
        self._source = source
        super().__init__()

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **_: object
    ) -> None:
        source = (self._source, 0)
        self.poolmanager = PoolManager(connections, maxsize, block=block, source_address=source)


def visitor(front: Front, source: str = "127.0.0.1") -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.verify = str(front.certificate)
    session.mount("https://", From(source))
    return session
