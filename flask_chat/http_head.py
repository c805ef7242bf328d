"""The head of an HTTP/1 request, read strictly: the first line, the headers, where the body ends.

Two programs that read one head differently let requests through that neither of them meant
(RFC 9112 §11.2), so whatever is doubtful is refused. http_reading.py next door reads
from connections.
"""

import re
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

REQUEST_LINE_LIMIT_BYTES = 8192
HEADERS_LIMIT = 100

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
TOKEN_START = re.compile(_TOKEN)
_HEADER = re.compile(rb"(" + _TOKEN + rb"):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([!-~\x80-\xff]+) HTTP/([0-9]\.[0-9])")


class RefusedError(Exception):
    """A request that the app never sees: the status that is answered before the line is closed."""

    def __init__(self, status: HTTPStatus) -> None:
        self.status = status
        super().__init__(status.phrase)


@dataclass(slots=True)
class Head:
    """A request without its body. `length` is None for a chunked body."""

    method: str
    target: str
    version: str
    headers: list[tuple[str, str]]  # (name in upper case with "_" for "-", value), as they came
    length: int | None = 0
    expects_continue: bool = False
    keeps_alive: bool = True


def parse_head(data: bytes) -> Head:
    """Take apart a head, given without its final empty line.

    Raises RefusedError for whatever another HTTP program might read otherwise: repeated or odd
    lengths, folded lines, spaces around names, a missing Host, codings other than chunked.
    """
    first, *lines = data.split(b"\r\n")
    if len(first) > REQUEST_LINE_LIMIT_BYTES:
        raise RefusedError(HTTPStatus.REQUEST_URI_TOO_LONG)
    if len(lines) > HEADERS_LIMIT:
        raise RefusedError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
    words = _REQUEST_LINE.fullmatch(first)
    if words is None:
        raise RefusedError(HTTPStatus.BAD_REQUEST)
    method, target, version = (word.decode("latin-1") for word in words.groups())
    if version not in {"1.0", "1.1"}:
        raise RefusedError(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
    headers = []
    for line in lines:
        header = _HEADER.fullmatch(line)
        if header is None:
            raise RefusedError(HTTPStatus.BAD_REQUEST)
        name, value = header.groups()
        if b"_" not in name:  # "X_Real-IP" would be taken for "X-Real-IP" in the environ
            upper = name.decode("latin-1").upper().replace("-", "_")
            headers.append((upper, value.rstrip(b" \t").decode("latin-1")))
    head = Head(method, _origin_form(method, target), version, headers)
    _read_framing(head)
    return head


def _origin_form(method: str, target: str) -> str:
    if target.startswith("/") or (target == "*" and method == "OPTIONS"):
        return target
    try:
        parts = urlsplit(target)  # the absolute form, as sent to proxies
    except ValueError:
        raise RefusedError(HTTPStatus.BAD_REQUEST) from None
    if parts.scheme not in {"http", "https"}:
        raise RefusedError(HTTPStatus.BAD_REQUEST)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _read_framing(head: Head) -> None:
    """Where the body ends, and what becomes of the connection afterwards (RFC 9112 §6.3, §9.3)."""
    found: dict[str, list[str]] = {}
    for name, value in head.headers:
        found.setdefault(name, []).append(value)
    hosts = found.get("HOST", [])
    lengths = found.get("CONTENT_LENGTH", [])
    codings = found.get("TRANSFER_ENCODING", [])
    if len(hosts) > 1 or (not hosts and head.version == "1.1"):
        raise RefusedError(HTTPStatus.BAD_REQUEST)
    if len(lengths) > 1 or (lengths and not re.fullmatch(r"[0-9]{1,18}", lengths[0])):
        raise RefusedError(HTTPStatus.BAD_REQUEST)
    if codings:
        if lengths or head.version == "1.0":
            raise RefusedError(HTTPStatus.BAD_REQUEST)
        if [coding.lower() for coding in codings] != ["chunked"]:
            raise RefusedError(HTTPStatus.NOT_IMPLEMENTED)
        head.length = None
    elif lengths:
        head.length = int(lengths[0])
    wishes = {word.strip().lower() for word in ",".join(found.get("CONNECTION", [])).split(",")}
    head.keeps_alive = "keep-alive" in wishes if head.version == "1.0" else "close" not in wishes
    expectations = [expected.lower() for expected in found.get("EXPECT", [])]
    head.expects_continue = head.version == "1.1" and expectations == ["100-continue"]
