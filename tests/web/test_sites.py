"""Hosts and origins: what is ours, and that nothing a request says of itself makes it so."""

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_chat.app import create_app
from flask_chat.settings import Settings
from flask_chat.web.security_log import SecurityLog
from flask_chat.web.sites import Sites


class Line:
    """A connection that came in at an address of this machine."""

    def __init__(self, address: str) -> None:
        self._address = address

    def getsockname(self) -> tuple[str, int]:
        return self._address, 5000


def sites(*origins: str) -> Sites:
    return Sites(Settings(allowed_origins=origins), SecurityLog())


def request(host: str | None, *, scheme: str = "http", at: str = "127.0.0.1") -> dict[str, Any]:
    environ = {"wsgi.url_scheme": scheme, "chat.socket": Line(at), "REMOTE_ADDR": "192.0.2.7"}
    return environ if host is None else environ | {"HTTP_HOST": host}


@pytest.mark.parametrize(
    ("host", "at"),
    [
        ("localhost:5000", "127.0.0.1"),
        ("LocalHost", "127.0.0.1"),
        ("chat.localhost:8080", "127.0.0.1"),
        ("127.0.0.1:5000", "127.0.0.1"),
        ("127.8.8.8", "127.0.0.1"),
        ("[::1]:5000", "::1"),
        ("192.168.1.20:5000", "192.168.1.20"),
        ("192.168.1.20:5000", "::ffff:192.168.1.20"),
        ("[fe80::1]:5000", "fe80::1%eth0"),
        (None, "127.0.0.1"),
    ],
)
def test_a_laptop_and_its_network_need_no_setting(host: str | None, at: str) -> None:
    environ = request(host, at=at)

    assert sites().knows_host(environ)
    if host is not None:
        assert sites().accepts(f"http://{host}", environ)


@pytest.mark.parametrize(
    "host",
    [
        "mallory.example",
        "mallory.example:5000",
        "localhost.mallory.example",
        "127.0.0.1.nip.example",
        "mallory.example:80@localhost",
        "localhost:5000, mallory.example",
        "localhost\\@mallory.example",
        "localhost/",
        "",
        ":5000",
        "[::1",
        "192.168.1.99",
        "0x7f.1",
        "localhost:5000:5000",
        "lоcalhost",
    ],
)
def test_a_name_that_leads_here_by_mallorys_doing_is_refused(host: str) -> None:
    environ = request(host, at="192.168.1.20")

    assert not sites().knows_host(environ)
    assert not sites().accepts(f"http://{host}", environ)


@pytest.mark.parametrize(
    "origin",
    [
        "http://mallory.example",
        "http://localhost:3000",  # another program on this machine
        "http://localhost",
        "https://localhost:5000",
        "http://127.0.0.1:5000",  # ours too, yet not the one that was asked
        "http://localhost:5000.mallory.example",
        "http://localhost:5000@mallory.example",
        "http://localhost:5000/",
        "null",
        "",
        "file://",
        "http://",
        "localhost:5000",
        "chrome-extension://abcdefgh",
    ],
)
def test_a_page_from_elsewhere_is_refused(origin: str) -> None:
    assert not sites().accepts(origin, request("localhost:5000"))


def test_the_host_never_widens_what_is_ours() -> None:
    environ = request("mallory.example") | {"HTTP_X_FORWARDED_HOST": "mallory.example"}

    assert not sites().accepts("http://mallory.example", environ)


def test_behind_a_proxy_the_origin_of_the_settings_counts_whatever_the_host_says() -> None:
    proxied = sites("https://chat.example")

    assert proxied.accepts("https://chat.example", request("127.0.0.1:5000"))
    assert proxied.accepts("https://CHAT.example", request("chat.example", scheme="https"))
    assert proxied.knows_host(request("chat.example"))
    assert not proxied.accepts("http://chat.example", request("chat.example"))
    assert not proxied.accepts("https://chat.example:444", request("chat.example"))
    assert not proxied.knows_host(request("other.example"))


def test_a_star_lets_every_page_in() -> None:
    assert sites("*").accepts("https://anything.example", request("whatever.example"))
    assert sites("*").knows_host(request("whatever.example"))


def test_no_origin_is_no_page() -> None:
    assert sites().accepts(None, request("localhost"))


@pytest.mark.parametrize(
    ("origins", "host", "scheme", "secure"),
    [
        ((), "localhost", "http", False),
        ((), "localhost", "https", True),
        (("https://chat.example",), "chat.example", "http", True),
        (("https://chat.example", "http://chat.example"), "chat.example", "http", False),
        (("https://chat.example",), "localhost", "http", False),
    ],
)
def test_https_is_known_from_the_proxy_or_from_the_settings(
    origins: tuple[str, ...], host: str, scheme: str, secure: bool
) -> None:
    assert sites(*origins).is_secure(request(host, scheme=scheme)) is secure


@pytest.fixture
def app() -> Flask:
    return create_app(Settings(trusted_proxies=1, allowed_origins=("https://chat.example",)))


@pytest.fixture
def grace(app: Flask) -> FlaskClient:
    return app.test_client()


PROXIED = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "chat.example"}


@pytest.mark.parametrize("path", ["/", "/static/favicon.svg", "/socket.io/?EIO=4", "/api/docs"])
def test_an_unknown_host_gets_a_plain_page_and_nothing_else(grace: FlaskClient, path: str) -> None:
    answer = grace.get(path, headers={"Host": "mallory.example"})

    assert answer.status_code == 421
    assert answer.mimetype == "text/plain"
    assert "CHAT_ALLOWED_ORIGINS" in answer.text
    assert "mallory" not in answer.text
    assert "Set-Cookie" not in answer.headers


def test_a_load_balancer_may_ask_for_the_health_by_any_name(grace: FlaskClient) -> None:
    assert grace.get("/health", headers={"Host": "10.0.0.9"}).status_code == 200


def test_a_forwarded_host_is_looked_at_like_any_other(grace: FlaskClient) -> None:
    answer = grace.get("/", headers={"X-Forwarded-Host": "mallory.example"})

    assert answer.status_code == 421


def test_a_forwarded_host_means_nothing_without_trusted_proxies() -> None:
    mallory = create_app(Settings()).test_client()
    forged = {"X-Forwarded-Host": "mallory.example", "X-Forwarded-Proto": "https"}

    answer = mallory.get("/", headers=forged)
    posted = mallory.post("/", headers=forged | {"Origin": "https://mallory.example"})

    assert answer.status_code == 200
    assert "Strict-Transport-Security" not in answer.headers
    assert posted.status_code == 403


def test_by_https_the_cookie_is_secure_and_bound_to_the_host(grace: FlaskClient) -> None:
    cookie = grace.get("/", headers=PROXIED).headers["Set-Cookie"]

    assert cookie.startswith("__Host-flask_chat=")
    assert re.search(r"; Secure(;|$)", cookie)
    assert "; HttpOnly" in cookie
    assert "; Path=/" in cookie
    assert "; SameSite=Lax" in cookie
    assert "Domain" not in cookie


def test_by_http_the_cookie_works_as_well(grace: FlaskClient) -> None:
    cookie = grace.get("/").headers["Set-Cookie"]

    assert cookie.startswith("flask_chat=")
    assert "Secure" not in cookie


@pytest.mark.parametrize("path", ["/", "/static/favicon.svg", "/nothing", "/health", "/socket.io/"])
def test_every_answer_says_how_it_may_be_used(grace: FlaskClient, path: str) -> None:
    secure = grace.get(path, headers=PROXIED, buffered=True).headers
    plain = grace.get(path, buffered=True).headers

    assert secure["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert "Strict-Transport-Security" not in plain
    for headers in (secure, plain):
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize(
    ("method", "path", "fetch", "status"),
    [
        ("GET", "/r/QQQQ", {"Site": "cross-site", "Mode": "navigate"}, 404),
        ("GET", "/r/QQQQ", {"Site": "cross-site", "Mode": "no-cors", "Dest": "image"}, 403),
        ("GET", "/api/v1/rooms/QQQQ", {"Site": "cross-site", "Mode": "no-cors"}, 403),
        ("POST", "/api/v1/rooms", {"Site": "cross-site", "Mode": "navigate"}, 403),
        ("GET", "/api/v1/rooms/QQQQ", {"Site": "same-origin", "Mode": "cors"}, 404),
        ("GET", "/api/v1/rooms/QQQQ", {"Site": "none", "Mode": "navigate"}, 404),
    ],
)
def test_what_other_sites_have_browsers_fetch_is_refused_and_links_are_not(
    grace: FlaskClient, method: str, path: str, fetch: dict[str, str], status: int
) -> None:
    headers = {f"Sec-Fetch-{name}": value for name, value in fetch.items()}

    assert grace.open(path, method=method, headers=headers).status_code == status


def test_a_page_of_an_allowed_origin_may_use_rest(grace: FlaskClient) -> None:
    headers = {"Origin": "https://chat.example", "Sec-Fetch-Site": "cross-site"}

    answer = grace.post("/api/v1/rooms", json={"name": "Ada"}, headers=headers)

    assert answer.status_code == 201


@pytest.mark.parametrize("path", ["/", "/room", "/r/QQQQ", "/r/QQQQ/qr.svg", "/api/v1/rooms/QQQQ"])
def test_nothing_is_changed_by_get(path: str) -> None:
    app = create_app(Settings())
    ada = app.test_client()
    ada.post("/api/v1/rooms", json={"name": "Ada", "code": "QQQQ"})
    store = app.extensions["chat_runtime"].store
    (room_id,) = store.room_ids()
    before = store.snapshot(room_id, None, newest=100, most=100)

    ada.get(path)

    assert store.snapshot(room_id, None, newest=100, most=100) == before
    assert store.room_ids() == [room_id]


def test_an_address_behind_trusted_proxies_is_the_one_they_saw() -> None:
    app = create_app(Settings(trusted_proxies=1, rooms_per_hour=1))
    http = app.test_client()

    def opens(seen: str) -> int:
        forwarded = {"X-Forwarded-For": seen}
        return http.post("/api/v1/rooms", json={"name": "Ada"}, headers=forwarded).status_code

    assert opens("192.0.2.1") == 201
    assert opens("198.51.100.9, 192.0.2.1") == 429  # what a client claims stands further left
    assert opens("192.0.2.2") == 201


def test_a_claimed_address_means_nothing_without_trusted_proxies() -> None:
    http = create_app(Settings(rooms_per_hour=1)).test_client()

    answers = [
        http.post(
            "/api/v1/rooms", json={"name": "Ada"}, headers={"X-Forwarded-For": f"192.0.2.{n}"}
        ).status_code
        for n in range(2)
    ]

    assert answers == [201, 429]
