"""The OpenAPI 3.1 description of the REST API, made from the shapes in `wire`, and its page.

Every route of `api` has an entry in `OPERATIONS`; a test compares the two.
"""

from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any

import msgspec
from flask import Blueprint, Response, render_template
from msgspec import Struct

from flask_chat import __version__
from flask_chat.domain.members import Member
from flask_chat.web import wire


class EventShape(Struct, frozen=True):
    """An event of the log: `kind` says which further fields it has (docs/events.md)."""

    seq: int
    kind: str
    at: str
    by: str | None = None


class EventsShape(Struct, frozen=True):
    """A stretch of the log, oldest first, with its authors."""

    events: list[EventShape]
    members: list[Member]
    more: bool
    reset: bool


@dataclass(frozen=True)
class Operation:
    """One thing the REST API can do."""

    method: str
    path: str
    summary: str
    answers: dict[int, type[Struct]]  # status → shape
    problems: tuple[int, ...]
    body: type[Struct] | None = None
    query: type[Struct] | None = None
    needs_token: bool = False


OPERATIONS = (
    Operation(
        "post",
        "/rooms",
        "Create a room; the caller becomes its host.",
        {201: wire.RoomAnswer},
        (403, 409, 422, 429, 503),
        body=wire.CreateRoom,
    ),
    Operation(
        "get",
        "/rooms/{code}",
        "Look up the room a code leads to.",
        {200: wire.RoomSummary},
        (404, 422, 429),
    ),
    Operation(
        "post",
        "/rooms/{code}/members",
        "Join a room; the answer holds the member token.",
        {201: wire.RoomAnswer},
        (403, 404, 409, 422, 429),
        body=wire.JoinRoom,
    ),
    Operation(
        "get",
        "/rooms/{code}/events",
        "Read events of the room, the newest ones by default.",
        {200: EventsShape},
        (401, 410, 422, 429),
        query=wire.HistoryRequest,
        needs_token=True,
    ),
    Operation(
        "post",
        "/rooms/{code}/messages",
        "Post a message. A key that was used before gives the same message again (200).",
        {201: wire.PostedAnswer, 200: wire.PostedAnswer},
        (401, 403, 410, 422, 429),
        body=wire.PostMessage,
        needs_token=True,
    ),
)

_REF = "#/components/schemas/{name}"


def blueprint() -> Blueprint:
    """`GET /api/v1/openapi.json` for programs, `GET /api/docs` for people."""
    docs = Blueprint("openapi", __name__, url_prefix="/api")
    docs.add_url_rule("/v1/openapi.json", "json", _json)
    docs.add_url_rule("/docs", "page", _page)
    return docs


@cache
def describe() -> dict[str, Any]:
    """The whole description."""
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault("/api/v1" + operation.path, {})[operation.method] = _operation(operation)
    _, schemas = msgspec.json.schema_components(_shapes(), ref_template=_REF)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Flask Chat App",
            "version": __version__,
            "description": "Rooms behind four letters. A member token from creating or joining a "
            "room opens the rest, also as `auth.token` of a Socket.IO connection.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"memberToken": {"type": "http", "scheme": "bearer"}},
        },
    }


def _json() -> Response:
    return Response(msgspec.json.encode(describe()), mimetype="application/json")


def _page() -> str:
    return render_template("api.html", operations=OPERATIONS, api=describe())


def _shapes() -> list[type[Struct]]:
    shapes: list[type[Struct]] = [wire.Problem]
    for operation in OPERATIONS:
        shapes += operation.answers.values()
        shapes += [shape for shape in (operation.body, operation.query) if shape]
    return list(dict.fromkeys(shapes))


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": f"{operation.method}_{operation.path.rpartition('/')[2].strip('{}')}",
        "parameters": _parameters(operation),
        "responses": {
            **{str(status): _answer(status, shape) for status, shape in operation.answers.items()},
            **{str(status): _problem(status) for status in operation.problems},
        },
    }
    if operation.body:
        described["requestBody"] = {"required": True, "content": _content(operation.body)}
    if operation.needs_token:
        described["security"] = [{"memberToken": []}]
    return described


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if "{code}" in operation.path:
        schema = {"type": "string", "examples": ["BCDF"]}
        found.append({"name": "code", "in": "path", "required": True, "schema": schema})
    if operation.query:
        _, parts = msgspec.json.schema_components([operation.query], ref_template=_REF)
        properties = parts[operation.query.__name__]["properties"]
        found += [{"name": name, "in": "query", "schema": s} for name, s in properties.items()]
    return found


def _answer(status: int, shape: type[Struct]) -> dict[str, Any]:
    return {"description": HTTPStatus(status).phrase, "content": _content(shape)}


def _problem(status: int) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": _ref(wire.Problem)}}
    return {"description": HTTPStatus(status).phrase, "content": content}


def _content(shape: type[Struct]) -> dict[str, Any]:
    return {"application/json": {"schema": _ref(shape)}}


def _ref(shape: type[Struct]) -> dict[str, str]:
    return {"$ref": _REF.format(name=shape.__name__)}
