"""REST under /api/v1: the same things the page can do, for programs. Described by `openapi`."""

from secrets import token_urlsafe
from typing import Any

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from flask_chat.chat import Chat, Ref
from flask_chat.domain.codes import parse_code
from flask_chat.domain.errors import TokenInvalid
from flask_chat.domain.messages import Draft
from flask_chat.web import wire
from flask_chat.web.guessing import Client, Guesses
from flask_chat.web.rates import Rates
from flask_chat.web.tokens import Tokens


class Api:
    """The handlers of the REST API, over the parts they need."""

    def __init__(self, chat: Chat, tokens: Tokens, rates: Rates, guesses: Guesses) -> None:
        self._chat = chat
        self._tokens = tokens
        self._rates = rates
        self._guesses = guesses

    def blueprint(self) -> Blueprint:
        """The routes, to be registered on the app."""
        api = Blueprint("api", __name__, url_prefix="/api/v1")
        api.add_url_rule("/rooms", "create", self.create, methods=["POST"])
        api.add_url_rule("/rooms/<code>", "look_up", self.look_up)
        api.add_url_rule("/rooms/<code>/members", "join", self.join, methods=["POST"])
        api.add_url_rule("/rooms/<code>/events", "events", self.events)
        api.add_url_rule("/rooms/<code>/messages", "post", self.post, methods=["POST"])
        return api

    def create(self) -> ResponseReturnValue:
        """A new room with the caller as host."""
        wanted = wire.read_json(wire.CreateRoom, request.get_data())
        code = None if wanted.code is None else parse_code(wanted.code)
        self._rates.create_room(request.remote_addr or "")
        if code is None:
            admission = self._chat.create_room(wanted.name)
        else:
            with self._guesses.wanted_code(_client()):
                admission = self._chat.create_room(wanted.name, code)
        return _json(wire.room_answer(admission, self._tokens.mint(admission.ref)), 201)

    def look_up(self, code: str) -> ResponseReturnValue:
        """What anybody who knows the code may know of the room."""
        wanted = parse_code(code)
        with self._guesses.look_up(_client()):
            room = self._chat.look_up(wanted)
        here = self._chat.members_here(room.room_id)
        return _json(wire.RoomSummary(room.code, room.topic, here))

    def join(self, code: str) -> ResponseReturnValue:
        """A new member of the room."""
        wanted = wire.read_json(wire.JoinRoom, request.get_data())
        parsed = parse_code(code)
        with self._guesses.look_up(_client()):
            self._chat.look_up(parsed)
            self._rates.join(request.remote_addr or "")
            admission = self._chat.join(parsed, wanted.name)
        return _json(wire.room_answer(admission, self._tokens.mint(admission.ref)), 201)

    def events(self, code: str) -> ResponseReturnValue:
        """A stretch of the room's log."""
        ref = self._bearer(code)
        wanted = wire.read_query(wire.HistoryRequest, request.args.to_dict())
        self._chat.pace_history(ref)
        history = self._chat.history(
            ref, after=wanted.after, before=wanted.before, limit=wanted.limit
        )
        return _json(wire.events_answer(history))

    def post(self, code: str) -> ResponseReturnValue:
        """A message into the room: 201, or 200 when the key was known."""
        ref = self._bearer(code)
        wanted = wire.read_json(wire.PostMessage, request.get_data())
        draft = Draft(
            key=wanted.key or token_urlsafe(16), text=wanted.text, reply_to=wanted.reply_to
        )
        appended = self._chat.post(ref, draft)
        return _json(wire.PostedAnswer(appended.seq), 201 if appended.is_new else 200)

    def _bearer(self, typed: str) -> Ref:
        """The member whose token came along, who must be in the room of this code."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise TokenInvalid("Send your member token: Authorization: Bearer …")
        ref = self._tokens.read(token.strip())
        if self._chat.room(ref).code != parse_code(typed):
            raise TokenInvalid("This token is for another room.")
        return ref


def _client() -> Client:
    """Who asks; programs have no cookie, so they are known by their network."""
    return Client(request.remote_addr or "", proof=request.headers.get("Proof-Of-Work", ""))


def _json(body: Any, status: int = 200) -> Response:
    return Response(wire.encode(body), status, mimetype="application/json")
