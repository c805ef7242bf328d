"""Requests that mean harm: paths, headers, tokens, sessions, pages of other sites, slow lines."""

import json
import re
import secrets
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress

import pytest
import requests
from itsdangerous import URLSafeSerializer

from tests.delivery.raw import WebSocket
from tests.hostile.conftest import Mallory
from tests.people import WAIT_SECONDS, Person, wait_until
from tests.servers import RunningServer

SECRETS = ("root:", "monkey.patch_all", "[project]", "CHAT_SECRET")


def get(server: RunningServer, path: str, **headers: str) -> requests.Response:
    return requests.get(server.url + path, headers=headers, timeout=5, allow_redirects=False)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../main.py",
        "/static/..%2fmain.py",
        "/static/%2e%2e/main.py",
        "/static/%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2fetc/passwd",
        "/static/..%5c..%5cmain.py",
        "/static/....//main.py",
        "/static//etc/passwd",
        "//etc/passwd",
        "/static/%00/../../main.py",
        "/static/dist/../../pyproject.toml",
        "/static/css/%252e%252e/%252e%252e/main.py",
        "/r/../../etc/passwd",
        "/r/%2e%2e%2fmain.py",
        "/templates/base.html",
        "/.env",
        "/.git/config",
        "/static/dist/manifest.json/..",
    ],
)
def test_no_path_leads_out_of_the_static_files(mallory: Mallory, path: str) -> None:
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    answer = mallory.sends(head.encode()).decode(errors="replace")

    assert re.match(r"HTTP/1\.1 (400|404|30\d|422)", answer), answer[:200]
    assert not any(word in answer for word in SECRETS)


@pytest.mark.parametrize(
    "path",
    [
        "/r/QQ%0d%0aSet-Cookie:%20a=b",
        "/r/qqqq%0d%0aX-Injected:%20yes",
        "/r/%0aqqqq",
        "/?next=%0d%0aX-Injected:%20yes",
        "/socket.io/?EIO=4&transport=%0d%0aX-Injected:%20yes",
        "/api/v1/rooms/%0d%0aX-Injected:%20yes",
    ],
)
def test_no_line_break_in_a_path_gets_into_a_header(mallory: Mallory, path: str) -> None:
    answer = get(mallory.server, path)

    assert "X-Injected" not in answer.headers
    assert "a=b" not in answer.headers.get("Set-Cookie", "")
    assert answer.status_code < 500


@pytest.mark.parametrize(
    "line",
    [
        b"X-A: b\nX-Injected: yes",
        b"X-A: b\rX-Injected: yes",
        b"X-A: b\x00c",
        b"X A: b",
        b" X-A: b",
        b"X-A : b",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Content-Length: +5",
        b"Host: mallory.example",
        b"Transfer-Encoding: xchunked",
    ],
)
def test_a_head_two_programs_might_read_differently_is_refused(
    mallory: Mallory, line: bytes
) -> None:
    answer = mallory.sends(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + line + b"\r\n\r\n")

    assert re.match(rb"HTTP/1\.1 (400|501) ", answer), answer[:100]


@pytest.mark.parametrize(
    "name", ["Ada\r\nX: y", "Ada\x00", "\u202eadA", "\u200b", "A" + "\u0336" * 9]
)
def test_a_name_that_is_more_than_it_seems_is_refused_at_every_door(
    mallory: Mallory, name: str
) -> None:
    rooms = f"{mallory.server.url}/api/v1/rooms"
    doors = (rooms, f"{rooms}/{mallory.me.code}/members")

    answers = [requests.post(door, json={"name": name}, timeout=5) for door in doors]

    # a line break is white space, which a name has one of at a time
    expected = 201 if "\r" in name else 422
    assert [answer.status_code for answer in answers] == [expected] * 2
    if expected == 201:
        assert {answer.json()["me"]["name"] for answer in answers} == {"Ada X: y"}


ORIGINS = ["http://mallory.example", "null", "http://localhost:1", "https://127.0.0.1", "file://"]


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_page_of_another_site_gets_no_socket(mallory: Mallory, origin: str) -> None:
    server = mallory.server
    polled = get(server, "/socket.io/?EIO=4&transport=polling", Origin=origin)
    with WebSocket(server.port, "EIO=4&transport=websocket", Origin=origin) as ws:
        assert ws.status == 403

    assert polled.status_code == 403
    assert "Access-Control-Allow-Origin" not in polled.headers


@pytest.mark.parametrize("header", ["Host", "X_Forwarded_Host", "Forwarded", "X_Original_Host"])
def test_no_header_makes_another_site_ours(mallory: Mallory, header: str) -> None:
    value = "host=mallory.example" if header == "Forwarded" else "mallory.example"
    forged = {header: value, "Origin": "http://mallory.example"}
    with WebSocket(mallory.server.port, "EIO=4&transport=websocket", **forged) as ws:
        assert ws.status in (403, 421)


def test_a_rebound_name_gets_nothing(mallory: Mallory) -> None:
    answers = [
        get(mallory.server, path, Host="mallory.example:5000")
        for path in ("/", "/socket.io/?EIO=4&transport=polling", f"/r/{mallory.me.code}")
    ]

    assert [answer.status_code for answer in answers] == [421] * 3


def forged_tokens(somebody: Person, mallory: Person) -> list[str]:
    payload, _, signature = somebody.token.partition(".")
    pair = [somebody.room["room_id"], somebody.me["member_id"]]
    return [
        "",
        payload,
        f"{payload}.",
        f"{payload}.{signature[:-1]}",
        f"{payload}.{signature[:-2]}AA",
        f"{payload}.{mallory.token.partition('.')[2]}",
        f"{mallory.token.partition('.')[0]}.{signature}",
        str(URLSafeSerializer("", salt="member token").dumps(pair)),
        str(URLSafeSerializer("secret", salt="member token").dumps(pair)),
        somebody.token + "x",
        somebody.token.upper(),
        "x" * 30_000,
        "\u0000",
        json.dumps(pair),
    ]


def test_forged_tokens_open_no_door(mallory: Mallory, others: tuple[Person, Person]) -> None:
    ada, _ = others
    for token in forged_tokens(ada, mallory.me):
        ws = mallory.opens()
        ws.send(f"40{json.dumps({'token': token})}")
        assert ws.text().startswith('44{"message"')
        ws.ends()
        if token.isascii() and token.isprintable() and len(token) < 8000:
            bearer = {"Authorization": f"Bearer {token}"}
            for path in ("events", "messages"):
                url = f"{mallory.server.url}/api/v1/rooms/{ada.code}/{path}"
                method = "GET" if path == "events" else "POST"
                answer = requests.request(method, url, headers=bearer, json={}, timeout=5)
                assert answer.status_code in (401, 422)


def test_a_session_cookie_or_a_csrf_token_is_no_member_token(mallory: Mallory) -> None:
    page = get(mallory.server, "/")
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found

    for token in (found[1], *page.cookies.values()):
        ws = mallory.opens()
        ws.send(f"40{json.dumps({'token': token})}")
        assert '"token_invalid"' in ws.text()


def test_a_member_token_is_no_session_cookie(mallory: Mallory) -> None:
    cookie = f"flask_chat={mallory.me.token}"

    page = get(mallory.server, f"/r/{mallory.me.code}", Cookie=cookie)

    assert "data-token" not in page.text


def test_a_token_of_the_room_before_opens_nothing_in_the_next(
    start_server: Callable[..., RunningServer],
) -> None:
    server = start_server(leave_grace_seconds=0, room_grace_seconds=0.2)
    mallory = Mallory(server)
    code = mallory.me.code
    mallory.place.wait_until_gone(code)
    ada = mallory.place.open_room("Ada", code=code)

    ws = mallory.opens()
    ws.send(f'40{{"token":"{mallory.me.token}"}}')
    refused = ws.text()
    events = requests.get(
        f"{server.url}/api/v1/rooms/{code}/events", headers=mallory.me.bearer, timeout=5
    )

    assert ada.code == code
    assert '"room_ended"' in refused
    assert events.status_code == 410
    mallory.goes()


def test_session_ids_are_not_guessed(mallory: Mallory) -> None:
    ids = [secrets.token_urlsafe(15) for _ in range(200)]
    ids += ["", "0", "../", "%00", "a" * 5000, "__proto__", "sid", "\u00e9"]
    line = requests.Session()
    url = f"{mallory.server.url}/socket.io/"

    for sid in filter(None, ids):
        query = {"EIO": "4", "transport": "polling", "sid": sid}
        for answer in (line.get(url, params=query), line.post(url, params=query, data="41")):
            assert answer.status_code == 400
            assert answer.json()["message"] == "Session ID unknown"


def test_the_sid_others_see_is_not_the_one_that_polls(mallory: Mallory) -> None:
    ws = mallory.enters()
    ws.send('420["history",{}]')

    assert '"sid"' not in ws.text()


def test_polls_left_half_open_are_ended_and_forgotten(
    start_server: Callable[..., RunningServer],
) -> None:
    server = start_server(ping_interval_seconds=0.5, ping_timeout_seconds=0.5)
    query = "/socket.io/?EIO=4&transport=polling"
    with ExitStack() as lines:
        hanging = []
        for _ in range(100):
            sid = json.loads(get(server, query).text[1:])["sid"]
            sock = lines.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            sock.sendall(f"GET {query}&sid={sid} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            hanging.append((sock, sid))

        assert get(server, "/health").elapsed.total_seconds() < 1
        for sock, sid in hanging:
            sock.settimeout(WAIT_SECONDS)
            assert sock.recv(4096).startswith(b"HTTP/1.1 200")
            wait_until(lambda sid=sid: get(server, f"{query}&sid={sid}").status_code == 400)


def test_half_a_frame_that_never_ends_is_cut_off(
    start_server: Callable[..., RunningServer],
) -> None:
    server = start_server(ping_interval_seconds=0.3, ping_timeout_seconds=0.3)
    mallory = Mallory(server)
    ws = mallory.enters()

    ws.raw(b"\x81\xfe\xff\x00\x00\x00\x00\x00" + b"x" * 1000)

    began = time.monotonic()
    ws.close_code()
    assert time.monotonic() - began < 9  # the server waits five for an answer to its close frame
    mallory.goes()


def test_lines_that_send_a_byte_now_and_then_keep_nobody_waiting(
    mallory: Mallory, keeps_talking: Callable[[], None]
) -> None:
    with ExitStack() as stack:
        lines = [
            stack.enter_context(socket.create_connection(("127.0.0.1", mallory.server.port)))
            for _ in range(300)
        ]
        for byte in b"GET / HT":
            for line in lines:
                line.send(bytes((byte,)))
        keeps_talking()


def test_frames_byte_by_byte_keep_nobody_waiting(
    mallory: Mallory, keeps_talking: Callable[[], None]
) -> None:
    lines = [mallory.enters() for _ in range(50)]
    start = b"\x81\xfe\x40\x00\x00\x00\x00\x00" + b"x" * 100
    for byte in start:
        for ws in lines:
            ws.raw(bytes((byte,)))
    keeps_talking()


def test_a_reader_that_stops_reading_hurts_only_itself(
    mallory: Mallory, keeps_talking: Callable[[], None]
) -> None:
    deaf = mallory.enters()
    talker = mallory.enters()
    text = "🦄" * 4000
    for start in range(0, 400, 10):
        talker.send(*(f'42["post",{{"text":"{text}"}}]' for _ in range(start, start + 10)))
        if start % 100 == 0:
            keeps_talking()
        for _ in range(10):
            assert talker.text().startswith('42["event"')
    deaf.sock.settimeout(WAIT_SECONDS)
    with suppress(OSError):
        while deaf.sock.recv(1 << 20):
            pass

    talker.send('420["typing",{"is_typing":true}]')
    assert '"ok":true' in talker.text()


def test_a_body_that_is_announced_and_never_sent_keeps_nobody_waiting(
    mallory: Mallory, keeps_talking: Callable[[], None]
) -> None:
    head = b"POST /api/v1/rooms HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n\r\n{"
    with ExitStack() as stack:
        for _ in range(200):
            line = socket.create_connection(("127.0.0.1", mallory.server.port))
            stack.enter_context(line).sendall(head)
        keeps_talking()


def test_a_body_beyond_the_limit_is_refused_unread(mallory: Mallory) -> None:
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n"

    assert mallory.sends(head).startswith(b"HTTP/1.1 413")


def test_a_form_with_very_many_fields_is_refused(mallory: Mallory) -> None:
    body = "&".join(f"a{number}=1" for number in range(6000))
    kind = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = requests.post(mallory.server.url, data=body, headers=kind, timeout=5)

    assert answer.status_code in (403, 413)


@pytest.mark.parametrize("path", ["/", "/api/v1/rooms", "/static/favicon.svg", "/socket.io/"])
def test_a_request_is_never_echoed(mallory: Mallory, path: str) -> None:
    answer = requests.request("TRACE", mallory.server.url + path, headers={"X-A": "b"}, timeout=5)

    assert answer.status_code in (400, 405)
    assert "X-A" not in answer.text


def test_nobody_is_told_how_the_server_works_inside(mallory: Mallory) -> None:
    paths = ["/nothing", "/r/%ff", "/api/v1/rooms/%ff", "/console", "/?__debugger__=yes&cmd=x"]
    for path in paths:
        answer = get(mallory.server, path)

        assert not re.search(r"Traceback|werkzeug|File \"|\.py\b|Werkzeug", answer.text), path
        assert "Server" not in answer.headers or "Python" not in answer.headers["Server"]


def test_the_log_tells_of_attacks_and_keeps_what_is_private(
    start_server: Callable[..., RunningServer],
) -> None:
    server = start_server(failed_lookups_per_minute=2)
    mallory = Mallory(server)
    get(server, "/socket.io/?EIO=4&transport=polling", Origin="http://mallory.example")
    get(server, "/", Host="rebound.example")
    for code in ("QQQB", "QQQC", "QQQD"):
        get(server, f"/api/v1/rooms/{code}")
    ws = mallory.opens()
    ws.send('40{"token":"forged-token"}')
    ws.text()
    inside = mallory.enters()
    inside.send('42["post",{"text":"a private word"}]', "42[")
    inside.close_code()
    mallory.opens().send("40[1]")

    wait_until(lambda: server.log().count("security: malformed") >= 1)
    said = server.log()
    for kind in ("refused origin", "refused host", "forged"):
        assert f"security: {kind}" in said, said
    words = ("a private word", "forged-token", mallory.me.token, mallory.me.code, "QQQ")
    assert not [word for word in words if word in said]
    mallory.goes()


def test_an_attack_does_not_fill_the_log(start_server: Callable[..., RunningServer]) -> None:
    server = start_server()
    line = requests.Session()
    for number in range(300):
        line.get(server.url, headers={"Host": f"h{number}.example"}, timeout=5)

    assert 1 <= server.log().count("security: refused host") <= 20


def test_what_a_stranger_writes_cannot_pass_for_a_line_of_the_log(
    start_server: Callable[..., RunningServer],
) -> None:
    server = start_server()
    origin = "http://x\u00e2\u0080\u00a8[error] forged=\x1b[31m" + "y" * 500

    with suppress(requests.RequestException, UnicodeError, ValueError):
        requests.get(
            f"{server.url}/socket.io/?EIO=4&transport=polling",
            headers={"Origin": origin.encode("latin-1")},
            timeout=5,
        )

    said = server.log()
    assert "\x1b[31m" not in said
    assert len(max(said.splitlines(), key=len)) < 400
