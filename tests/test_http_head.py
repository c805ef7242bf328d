"""Heads of requests: what is read, and that nothing doubtful is."""

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_chat.http_head import HEADERS_LIMIT, Head, RefusedError, parse_head


def head(*lines: str, first: str = "GET / HTTP/1.1", host: str = "Host: chat") -> Head:
    return parse_head("\r\n".join([first, host, *lines]).encode("latin-1"))


def test_a_plain_request_is_read() -> None:
    read = head("Cookie: a=b", "X-Long-Name:  two words ", first="GET /r/ABCD?x=1 HTTP/1.1")

    assert (read.method, read.target, read.version) == ("GET", "/r/ABCD?x=1", "1.1")
    assert read.headers == [("HOST", "chat"), ("COOKIE", "a=b"), ("X_LONG_NAME", "two words")]
    assert read.length == 0
    assert read.keeps_alive


@pytest.mark.parametrize(
    ("first", "line", "keeps_alive"),
    [
        ("GET / HTTP/1.1", "Connection: close", False),
        ("GET / HTTP/1.1", "Connection: Upgrade, Close", False),
        ("GET / HTTP/1.1", "Connection: upgrade", True),
        ("GET / HTTP/1.0", "X: y", False),
        ("GET / HTTP/1.0", "Connection: Keep-Alive", True),
    ],
)
def test_the_connection_lasts_as_the_client_wishes(
    first: str, line: str, keeps_alive: bool
) -> None:
    assert head(line, first=first).keeps_alive is keeps_alive


def test_the_body_is_as_long_as_said() -> None:
    assert head("Content-Length: 12").length == 12
    assert head("Transfer-Encoding: Chunked").length is None
    assert head("Content-Length: 1", "Expect: 100-Continue").expects_continue


def test_the_form_for_proxies_is_read_as_its_path() -> None:
    assert head(first="GET http://chat.example/r?a=b HTTP/1.1").target == "/r?a=b"


def test_a_header_with_an_underscore_does_not_pass_for_another() -> None:
    assert head("X_Forwarded-For: 1.2.3.4").headers == [("HOST", "chat")]


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 1", "Content-Length: 1"],
        ["Content-Length: 1, 1"],
        ["Content-Length: +1"],
        ["Content-Length: 1_0"],
        ["Content-Length: -1"],
        ["Content-Length: ٣"],
        ["Content-Length:"],
        ["Content-Length: 1", "Transfer-Encoding: chunked"],
        ["Content-Length : 1"],
        [" folded: line"],
        ["No colon"],
        ["A: b\nContent-Length: 5"],
        ["A: b\rc"],
        ["A: b\0c"],
        ["Host: another"],
        [": nameless"],
    ],
    ids=repr,
)
def test_doubtful_headers_are_refused(lines: list[str]) -> None:
    text = "\r\n".join(["GET / HTTP/1.1", "Host: chat", *lines])

    with pytest.raises(RefusedError) as caught:
        parse_head(text.encode())

    assert caught.value.status == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize(
    ("first", "status"),
    [
        ("GET /", 400),
        ("GET  / HTTP/1.1", 400),
        ("GET /a b HTTP/1.1", 400),
        ("GET relative HTTP/1.1", 400),
        ("GET ftp://chat/ HTTP/1.1", 400),
        ("GET http://[broken/ HTTP/1.1", 400),
        ("G(T / HTTP/1.1", 400),
        ("", 400),
        ("GET / HTTP/2.0", 505),
        ("PRI * HTTP/2.0", 505),
        ("GET /" + "a" * 9000 + " HTTP/1.1", 414),
    ],
)
def test_odd_first_lines_are_refused(first: str, status: int) -> None:
    with pytest.raises(RefusedError) as caught:
        head(first=first)

    assert caught.value.status == status


def test_a_host_is_needed() -> None:
    with pytest.raises(RefusedError):
        parse_head(b"GET / HTTP/1.1\r\nA: b")

    assert parse_head(b"GET / HTTP/1.0\r\nA: b").headers == [("A", "b")]


@pytest.mark.parametrize("coding", ["gzip", "gzip, chunked", "chunked, chunked", "xchunked"])
def test_only_the_chunked_coding_is_known(coding: str) -> None:
    with pytest.raises(RefusedError) as caught:
        head(f"Transfer-Encoding: {coding}")

    assert caught.value.status == HTTPStatus.NOT_IMPLEMENTED


def test_headers_are_counted() -> None:
    with pytest.raises(RefusedError) as caught:
        head(*["A: b"] * HEADERS_LIMIT)

    assert caught.value.status == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


@given(st.binary())
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    status = HTTPStatus.BAD_REQUEST

    try:
        parse_head(data)
    except RefusedError as error:
        status = error.status

    assert status >= HTTPStatus.BAD_REQUEST
