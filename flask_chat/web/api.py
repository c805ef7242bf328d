"""REST under /api/v1: the same things the page can do, for programs. Described by `openapi`."""

from secrets import token_urlsafe
from typing import Any

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from flask_chat.chat import Chat
from flask_chat.domain.codes import parse_code
from flask_chat.domain.errors import KnockWaiting, TokenInvalid
from flask_chat.domain.messages import Draft
from flask_chat.domain.rooms import Ref
from flask_chat.entrance.doors import Doors
from flask_chat.entrance.marks import Visitor
from flask_chat.moderation import Moderation
from flask_chat.web import wire, wire_moderation
from flask_chat.web.guessing import Client, Guesses
from flask_chat.web.moderating import carry_out
from flask_chat.web.rates import Rates, sender
from flask_chat.web.tokens import Tokens


class Api:
    """The handlers of the REST API, over the parts they need."""

    def __init__(
        self,
        chat: Chat,
        doors: Doors,
        moderation: Moderation,
        tokens: Tokens,
        rates: Rates,
        guesses: Guesses,
    ) -> None:
        self._chat = chat
        self._doors = doors
        self._moderation = moderation
        self._tokens = tokens
        self._rates = rates
        self._guesses = guesses

    def blueprint(self) -> Blueprint:
        """The routes, to be registered on the app."""
        api = Blueprint("api", __name__, url_prefix="/api/v1")
        api.add_url_rule("/rooms", "create", self.create, methods=["POST"])
        api.add_url_rule("/rooms/<code>", "look_up", self.look_up)
        api.add_url_rule("/rooms/<code>", "end", self.end, methods=["DELETE"])
        api.add_url_rule("/rooms/<code>/members", "join", self.join, methods=["POST"])
        api.add_url_rule("/rooms/<code>/members", "members", self.members)
        api.add_url_rule("/rooms/<code>/knock", "knock", self.knock)
        api.add_url_rule("/rooms/<code>/moderation", "moderate", self.moderate, methods=["POST"])
        api.add_url_rule("/rooms/<code>/events", "events", self.events)
        api.add_url_rule("/rooms/<code>/messages", "post", self.post, methods=["POST"])
        api.add_url_rule(
            "/rooms/<code>/messages/<int:seq>", "remove", self.remove, methods=["DELETE"]
        )
        return api

    def create(self) -> ResponseReturnValue:
        """A new room with the caller as host."""
        wanted = wire.read_json(wire.CreateRoom, request.get_data())
        code = None if wanted.code is None else parse_code(wanted.code)
        self._rates.create_room(request.remote_addr or "")
        if code is None:
            admission = self._chat.create_room(wanted.name, visitor=_visitor())
        else:
            with self._guesses.wanted_code(_client()):
                admission = self._chat.create_room(wanted.name, code, _visitor())
        return _json(wire.room_answer(admission, self._tokens.mint(admission.ref)), 201)

    def look_up(self, code: str) -> ResponseReturnValue:
        """What anybody who knows the code may know of the room."""
        wanted = parse_code(code)
        visitor = _visitor(invite=wire.read_query(wire.LookUp, request.args.to_dict()).invite)
        with self._guesses.look_up(_client()):
            room = self._chat.look_up(wanted, visitor)
        here = self._chat.members_here(room.room_id)
        is_open = not (room.has_passcode or room.knock)
        is_open = is_open or self._doors.seal.is_invited(room, visitor.invite)
        return _json(wire.room_summary(room, here, is_open=is_open))

    def end(self, code: str) -> ResponseReturnValue:
        """The room is over."""
        self._moderation.end_room(self._bearer(code))
        return Response(status=204)

    def members(self, code: str) -> ResponseReturnValue:
        """Who is here."""
        return _json(wire.MembersAnswer(self._chat.members(self._bearer(code))))

    def join(self, code: str) -> ResponseReturnValue:
        """A new member of the room, or somebody who has knocked at it."""
        wanted = wire.read_json(wire.JoinRoom, request.get_data())
        parsed = parse_code(code)
        visitor = _visitor(wanted.passcode, wanted.invite, wanted.knock)
        try:
            with self._guesses.look_up(_client()):
                room = self._chat.look_up(parsed, visitor)
                address = request.remote_addr or ""
                self._rates.join(address)
                with self._rates.passcode(room.room_id, address, visitor):
                    admission = self._chat.join(parsed, wanted.name, visitor)
        except KnockWaiting as waiting:
            return _json(wire_moderation.WaitingAnswer(waiting.data["ticket"]), 202)
        return _json(wire.room_answer(admission, self._tokens.mint(admission.ref)), 201)

    def knock(self, code: str) -> ResponseReturnValue:
        """How a knock stands, for who has its ticket."""
        visitor = _visitor(ticket=_authorization())
        with self._guesses.look_up(_client()):
            room = self._chat.look_up(parse_code(code), visitor)
        state = self._doors.knocking.state_of(room.room_id, visitor.ticket) or "over"
        return _json(wire_moderation.KnockAnswer(state))

    def moderate(self, code: str) -> ResponseReturnValue:
        """What a moderator asks for."""
        ref = self._bearer(code)
        wanted = wire.read_json_any(wire_moderation.Moderate, request.get_data())
        return _json(carry_out(self._moderation, ref, wanted))

    def remove(self, code: str, seq: int) -> ResponseReturnValue:
        """Take the text of a message away."""
        self._moderation.remove_message(self._bearer(code), seq)
        return Response(status=204)

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
        ref = self._tokens.read(_authorization())
        if self._chat.room(ref).code != parse_code(typed):
            raise TokenInvalid("This token is for another room.")
        return ref


def _authorization() -> str:
    """The token, or ticket, that came along. Raises TokenInvalid."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise TokenInvalid("Send your member token: Authorization: Bearer …")
    return token.strip()


def _visitor(passcode: str = "", invite: str = "", ticket: str = "") -> Visitor:
    """Who wants in; a program has no cookie."""
    address = sender(request.remote_addr or "")
    return Visitor(address=address, passcode=passcode, invite=invite, ticket=ticket)


def _client() -> Client:
    """Who asks; programs have no cookie, so they are known by their network."""
    return Client(request.remote_addr or "", proof=request.headers.get("Proof-Of-Work", ""))


def _json(body: Any, status: int = 200) -> Response:
    return Response(wire.encode(body), status, mimetype="application/json")
