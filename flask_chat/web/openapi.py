"""The OpenAPI 3.1 description of the REST API, made from the shapes in `wire`, and its page.

Every route of `api` has an entry in `OPERATIONS`; a test compares the two.
"""

from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any, get_args

import msgspec
from flask import Blueprint, Response, render_template
from msgspec import Struct

from flask_chat import __version__
from flask_chat.domain.members import Member
from flask_chat.web import wire, wire_moderation


class EventShape(Struct, frozen=True):
    """An event of the log: `kind` says which further fields it has (docs/events.md)."""

    seq: int
    kind: str
    at: str
    by: str | None = None


class EventsShape(Struct, frozen=True):
    """A stretch of the log, oldest first, with whom it names."""

    events: list[EventShape]
    members: list[Member]
    more: bool
    reset: bool


class ModerationShape(Struct, frozen=True, omit_defaults=True):
    """Done. What was asked for is with it, if something was."""

    ok: bool = True
    invite: str | None = None
    bans: list[wire_moderation.BanShape] | None = None
    knocks: list[wire_moderation.KnockShape] | None = None


@dataclass(frozen=True)
class Operation:
    """One thing the REST API can do."""

    method: str
    path: str
    summary: str
    answers: dict[int, type[Struct] | None]  # status → shape, None for an empty answer
    problems: tuple[int, ...]
    body: tuple[type[Struct], ...] = ()  # one of these; several are told apart by `action`
    query: type[Struct] | None = None
    needs_token: bool = False


OPERATIONS = (
    Operation(
        "post",
        "/rooms",
        "Create a room; the caller becomes its host.",
        {201: wire.RoomAnswer},
        (403, 409, 422, 429, 503),
        body=(wire.CreateRoom,),
    ),
    Operation(
        "get",
        "/rooms/{code}",
        "Look up the room a code leads to.",
        {200: wire.RoomSummary},
        (404, 422, 429),
        query=wire.LookUp,
    ),
    Operation(
        "delete",
        "/rooms/{code}",
        "End the room, for everybody and at once. For the host.",
        {204: None},
        (401, 403, 410, 422, 429),
        needs_token=True,
    ),
    Operation(
        "post",
        "/rooms/{code}/members",
        "Join a room; the answer holds the member token. Or knock at it (202), and join with the "
        "ticket once somebody has let you in.",
        {201: wire.RoomAnswer, 202: wire_moderation.WaitingAnswer},
        (403, 404, 409, 422, 429),
        body=(wire.JoinRoom,),
    ),
    Operation(
        "get",
        "/rooms/{code}/members",
        "Everybody who is here.",
        {200: wire.MembersAnswer},
        (401, 410, 422),
        needs_token=True,
    ),
    Operation(
        "get",
        "/rooms/{code}/knock",
        "How a knock stands. Here the bearer's token is the ticket.",
        {200: wire_moderation.KnockAnswer},
        (401, 404, 422, 429),
        needs_token=True,
    ),
    Operation(
        "post",
        "/rooms/{code}/moderation",
        "What the host and co-hosts do, as the event `moderate` of a socket.",
        {200: ModerationShape},
        (401, 403, 404, 410, 422, 429),
        body=get_args(wire_moderation.Moderate),
        needs_token=True,
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
        body=(wire.PostMessage,),
        needs_token=True,
    ),
    Operation(
        "delete",
        "/rooms/{code}/messages/{seq}",
        "Take the text of a message away: one's own, or as host or co-host anybody's.",
        {204: None},
        (401, 403, 404, 410, 422, 429),
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
        given = (*operation.answers.values(), *operation.body, operation.query)
        shapes += [shape for shape in given if shape]
    return list(dict.fromkeys(shapes))


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": f"{operation.method}_{_name_of(operation)}",
        "parameters": _parameters(operation),
        "responses": {
            **{str(status): _answer(status, shape) for status, shape in operation.answers.items()},
            **{str(status): _problem(status) for status in operation.problems},
        },
    }
    if operation.body:
        described["requestBody"] = {"required": True, "content": _content(*operation.body)}
    if operation.needs_token:
        described["security"] = [{"memberToken": []}]
    return described


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if "{code}" in operation.path:
        schema = {"type": "string", "examples": ["BCDF"]}
        found.append({"name": "code", "in": "path", "required": True, "schema": schema})
    if "{seq}" in operation.path:
        number = {"type": "integer", "minimum": 1}
        found.append({"name": "seq", "in": "path", "required": True, "schema": number})
    if operation.query:
        _, parts = msgspec.json.schema_components([operation.query], ref_template=_REF)
        properties = parts[operation.query.__name__]["properties"]
        found += [{"name": name, "in": "query", "schema": s} for name, s in properties.items()]
    return found


def _name_of(operation: Operation) -> str:
    """The last word of the path: `post_members`."""
    words = [word for word in operation.path.split("/") if word and "{" not in word]
    singular = operation.path.endswith("}") and words[-1].endswith("s")
    return words[-1].removesuffix("s") if singular else words[-1]


def _answer(status: int, shape: type[Struct] | None) -> dict[str, Any]:
    described: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    return described if shape is None else described | {"content": _content(shape)}


def _problem(status: int) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": _ref(wire.Problem)}}
    return {"description": HTTPStatus(status).phrase, "content": content}


def _content(*shapes: type[Struct]) -> dict[str, Any]:
    refs = [_ref(shape) for shape in shapes]
    one_of = {"oneOf": refs, "discriminator": {"propertyName": "action"}}
    return {"application/json": {"schema": refs[0] if len(refs) == 1 else one_of}}


def _ref(shape: type[Struct]) -> dict[str, str]:
    return {"$ref": _REF.format(name=shape.__name__)}
