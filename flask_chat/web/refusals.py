"""A refusal as a page, as problem details or as an acknowledgement: one place for all three."""

from http import HTTPStatus

import structlog
from flask import Flask, Response, render_template, request
from werkzeug.exceptions import HTTPException

from flask_chat.domain import errors
from flask_chat.domain.errors import ChatError
from flask_chat.web import wire

log = structlog.get_logger()

_STATUS: dict[type[ChatError], HTTPStatus] = {
    errors.Internal: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    errors.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.Refused: HTTPStatus.FORBIDDEN,
    errors.CodeInvalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.CodeTaken: HTTPStatus.CONFLICT,
    errors.RoomNotFound: HTTPStatus.NOT_FOUND,
    errors.RoomEnded: HTTPStatus.GONE,
    errors.RoomFull: HTTPStatus.CONFLICT,
    errors.NameInvalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.NameTaken: HTTPStatus.CONFLICT,
    errors.MessageEmpty: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.MessageTooLong: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.TooFast: HTTPStatus.TOO_MANY_REQUESTS,
    errors.ProofRequired: HTTPStatus.TOO_MANY_REQUESTS,
    errors.TokenInvalid: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.Muted: HTTPStatus.FORBIDDEN,
    errors.SlowMode: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Banned: HTTPStatus.FORBIDDEN,
    errors.PasscodeRequired: HTTPStatus.FORBIDDEN,
    errors.PasscodeWrong: HTTPStatus.FORBIDDEN,
    errors.KnockWaiting: HTTPStatus.ACCEPTED,
    errors.KnockRefused: HTTPStatus.FORBIDDEN,
    errors.ConnectionsExceeded: HTTPStatus.TOO_MANY_REQUESTS,
    errors.ServerFull: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}

_OF_STATUS: dict[int, type[ChatError]] = {
    404: errors.NotFound,
    405: errors.MethodNotAllowed,
    413: errors.TooLarge,
}


def status_of(error: ChatError) -> HTTPStatus:
    """The HTTP status that goes with a refusal."""
    return _STATUS[type(error)]


def headers_of(error: ChatError) -> dict[str, str]:
    """The headers that go with a refusal: `Retry-After` in whole seconds, the challenge."""
    headers = {}
    if "retry_after_seconds" in error.data:
        headers["Retry-After"] = str(int(-(-error.data["retry_after_seconds"] // 1)))
    if isinstance(error, errors.TokenInvalid):
        headers["WWW-Authenticate"] = "Bearer"
    return headers


def register(app: Flask) -> None:
    """Answer every refusal and every fault in the form the request asked for."""
    app.register_error_handler(ChatError, answer)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_fault)


def answer(error: ChatError) -> Response:
    """The refusal in the form the request asked for: problem details under /api/, else a page."""
    status = status_of(error)
    if request.path.startswith("/api/"):
        body = wire.encode(wire.problem(error, status.value, status.phrase))
        response = Response(body, status, mimetype="application/problem+json")
    else:
        page = render_template(
            "error.html", title=status.phrase, message=error.message, status=status.value
        )
        response = Response(page, status)
    response.headers.update(headers_of(error))
    return response


def as_ack(error: Exception) -> wire.ErrorAck:
    """The acknowledgement for a handler that raised. A fault of ours is logged, not told."""
    if not isinstance(error, ChatError):
        log.error("handler failed", exc_info=error)
        error = errors.Internal()
    return wire.ErrorAck(wire.error_body(error))


def _answer_http(error: HTTPException) -> Response:
    known = _OF_STATUS.get(error.code or 500)
    response = answer(known() if known else errors.Invalid(error.description or error.name))
    if not known and error.code:
        response.status_code = error.code
    if error.code == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = error.get_response().headers.get("Allow", "")
    return response


def _answer_fault(error: Exception) -> Response:
    log.error("request failed", path=request.path, exc_info=error)
    return answer(errors.Internal())
