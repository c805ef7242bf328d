"""The pages: lobby and room. They work without JavaScript as far as that makes sense."""

from io import BytesIO
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from msgspec import structs

from flask_chat.chat import Admission, Chat
from flask_chat.domain.codes import Code, parse_code, parse_invite
from flask_chat.domain.errors import (
    ChatError,
    CodeInvalid,
    KnockWaiting,
    PasscodeRequired,
    PasscodeWrong,
    ProofRequired,
    Refused,
    RoomEnded,
    RoomNotFound,
    TokenInvalid,
)
from flask_chat.domain.events import decode_event
from flask_chat.domain.rooms import Ref, Room
from flask_chat.entrance.doors import Doors
from flask_chat.entrance.marks import Visitor
from flask_chat.settings import Settings
from flask_chat.web import sessions, wire
from flask_chat.web.guessing import Client, Guesses
from flask_chat.web.lines import history_lines, iso
from flask_chat.web.links import Links
from flask_chat.web.rates import Rates, sender
from flask_chat.web.refusals import answer, headers_of, status_of
from flask_chat.web.tokens import Tokens

LINES_ON_PAGE = 50
# Each is there twice and not compressed (BREACH); scripts ask for older ones when they are wanted.
EVENTS_ON_PAGE_BYTES = 16_384

_STALE = "This form had expired, as happens when the server starts anew. Please press once more."
_WITHOUT_COOKIE = "Your browser sent no cookie. Allow this site to set one, and press once more."


class Pages:
    """The handlers of the pages, over the parts they need."""

    def __init__(
        self,
        chat: Chat,
        doors: Doors,
        tokens: Tokens,
        rates: Rates,
        guesses: Guesses,
        links: Links,
        settings: Settings,
    ) -> None:
        self._chat = chat
        self._doors = doors
        self._tokens = tokens
        self._rates = rates
        self._guesses = guesses
        self._links = links
        self._settings = settings

    def blueprint(self) -> Blueprint:
        """The routes, to be registered on the app."""
        pages = Blueprint("pages", __name__)
        pages.add_url_rule("/", "lobby", self.lobby)
        pages.add_url_rule("/", "enter", self.enter, methods=["POST"])
        pages.add_url_rule("/room", "last_room", self.last_room)
        pages.add_url_rule("/r/<typed>", "room", self.room)
        pages.add_url_rule("/r/<typed>/leave", "leave", self.leave, methods=["POST"])
        pages.add_url_rule("/r/<typed>/qr.svg", "qr", self.qr)
        pages.register_error_handler(CSRFError, self.stale)
        return pages

    def lobby(self) -> ResponseReturnValue:
        """The start page."""
        return self._lobby()

    def enter(self) -> ResponseReturnValue:
        """The lobby's form: join a room or create one, then go there."""
        form = request.form
        try:
            if "create" in form:
                admission = self._create(form.get("name", ""), form["create"])
            else:
                code = parse_code(form.get("code", ""))
                known = self._ref_for(code)
                if known:
                    return _see_other(url_for("pages.room", typed=code))
                admission = self._join(form.get("name", ""), code)
        except KnockWaiting as waiting:
            sessions.knock(sessions.Knocking(code=code, **waiting.data))
            return _see_other(url_for("waiting.page", typed=code))
        except ChatError as refusal:
            return self._lobby(refusal)
        sessions.remember(admission.ref, admission.room.code)
        return _see_other(url_for("pages.room", typed=admission.room.code))

    def stale(self, error: CSRFError) -> ResponseReturnValue:
        """A form whose token does not count: the lobby with what was typed and a fresh token.

        Nothing of what the form asks for is done, so somebody has to press once more.
        """
        try:
            if request.endpoint == "pages.enter":
                return self._lobby(Refused(_STALE if request.cookies else _WITHOUT_COOKIE))
            # Leaving: whom the server does not know any more has left.
            return (
                self._lobby(Refused())
                if any(sessions.refs())
                else _see_other(url_for("pages.lobby"))
            )
        except ChatError as refusal:  # no error handler looks after those of another
            return answer(refusal)

    def last_room(self) -> ResponseReturnValue:
        """To the room this browser was in last, else to the lobby."""
        for ref in sessions.refs():
            room = self._room_of(ref)
            if room:
                return _see_other(url_for("pages.room", typed=room.code))
        return _see_other(url_for("pages.lobby"))

    def room(self, typed: str) -> ResponseReturnValue:
        """The room for a member; for everybody else the lobby with the code filled in."""
        try:
            code = parse_code(typed)
            if typed != code:
                return redirect(url_for("pages.room", typed=code))
            ref = self._ref_for(code)
            if ref is None:
                invite = request.args.get("invite", "")
                with self._guesses.look_up(self._client()):
                    self._chat.look_up(code, self._visitor(invite))
                return self._lobby(code=code, invite=invite)
            return self._room_page(ref)
        except ChatError as refusal:
            return self._lobby(refusal, code=typed)

    def leave(self, typed: str) -> ResponseReturnValue:
        """Leave the room for good and go to the lobby."""
        ref = self._ref_for(parse_code(typed))
        if ref:
            self._chat.leave(ref)
            sessions.forget(ref)
        return _see_other(url_for("pages.lobby"))

    def qr(self, typed: str) -> ResponseReturnValue:
        """The share link as a QR code, dark on white with a quiet zone so that cameras like it."""
        import segno  # here, since starting up does not need it

        ref = self._ref_for(parse_code(typed))
        if ref is None:
            raise TokenInvalid
        picture = BytesIO()
        link = self._links.share(self._chat.room(ref), request)
        segno.make(link, error="m", micro=False).save(
            picture, kind="svg", border=4, scale=8, dark="#0f1115", light="#ffffff", xmldecl=False
        )
        response = Response(picture.getvalue(), mimetype="image/svg+xml")
        response.headers["Cache-Control"] = "private, max-age=3600"
        return response

    # Helpers, in the order they are used

    def _create(self, name: str, wanted: str) -> Admission:
        # The plain button sends nothing or 1; "Create it" beside "There is no room" sends the code.
        code = parse_code(wanted) if len(wanted) > 1 else None
        if code is None:
            self._rates.create_room(self._address())
            return self._chat.create_room(name, visitor=self._visitor())
        with self._guesses.wanted_code(self._client()):
            self._rates.create_room(self._address())
            return self._chat.create_room(name, code, self._visitor())

    def _join(self, name: str, code: Code) -> Admission:
        form = request.form
        invite = parse_invite(form.get("code", "")) or form.get("invite", "")
        visitor = self._visitor(invite, form.get("passcode", ""), form.get("knock", ""))
        with self._guesses.look_up(self._client()):
            room = self._chat.look_up(code, visitor)
            self._rates.join(self._address())
            with self._rates.passcode(room.room_id, self._address(), visitor):
                admission = self._chat.join(code, name, visitor)
        sessions.stop_knocking(room.room_id)
        return admission

    def _visitor(self, invite: str = "", passcode: str = "", ticket: str = "") -> Visitor:
        browser = sessions.known_browser()
        return Visitor(sender(self._address()), browser, passcode, invite, ticket)

    def _ref_for(self, code: Code) -> Ref | None:
        """Who this browser is in its room with this code.

        Looks at its own rooms only, so that nothing here tells whether there are others.
        """
        return next((ref for ref in sessions.refs(code) if self._room_of(ref)), None)

    def _client(self) -> Client:
        return Client(self._address(), sessions.known_browser(), request.form.get("proof", ""))

    def _room_of(self, ref: Ref) -> Room | None:
        """The room of a member; None when it has ended or they have left it elsewhere."""
        try:
            return self._chat.room(ref)
        except (RoomEnded, TokenInvalid):
            sessions.forget(ref)
            return None

    def _address(self) -> str:
        return request.remote_addr or ""

    def _room_page(self, ref: Ref) -> ResponseReturnValue:
        room = self._chat.room(ref)
        sessions.remember(ref, room.code)
        history = self._chat.history(ref, limit=LINES_ON_PAGE, newest_bytes=EVENTS_ON_PAGE_BYTES)
        members = self._chat.members(ref)
        shown = history._replace(members=[*history.members, *members])
        page = render_template(
            "room.html",
            room=structs.asdict(room) | {"created_at": iso(room.created_at)},
            me=self._chat.member(ref),
            members=members,
            lines=history_lines(history, ref.member_id),
            history=wire.as_json(wire.history_ack(shown)),
            token=self._tokens.mint(ref),
            share_url=self._links.share(room, request),
            message_limit=self._settings.message_limit_characters,
            name_limit=self._settings.name_limit_characters,
            silence_seconds=self._settings.ping_interval_seconds
            + self._settings.ping_timeout_seconds,
        )
        # Asked for anew each time, but not `no-store`: browsers put a page that says so aside for
        # the way back in no case, and this one comes back with everything in it.
        return page, {"Cache-Control": "private, no-cache"}

    def _lobby(
        self, refusal: ChatError | None = None, code: str = "", invite: str = ""
    ) -> ResponseReturnValue:
        typed = request.form.get("code", "") or code
        is_stale = isinstance(refusal, Refused)
        wanted = request.form.get("create", "")
        offered = typed if isinstance(refusal, RoomNotFound) else wanted if is_stale else ""
        sessions.browser()
        # Followed a link while many codes are guessed: the form works, and nothing is told yet.
        is_put_off = isinstance(refusal, ProofRequired) and request.method == "GET"
        page = render_template(
            "home.html",
            name=request.form.get("name", ""),
            code=_shown_code(typed),
            invite=invite or parse_invite(typed) or request.form.get("invite", ""),
            asks_passcode=isinstance(refusal, PasscodeRequired | PasscodeWrong)
            or (is_stale and "passcode" in request.form),
            rooms=[self._card(ref, room) for ref, room in self._my_rooms()],
            error=_shown_error(refusal) if refusal and not is_put_off else None,
            challenge=refusal.data.get("challenge") if refusal else None,
            wanted_code=wanted,
            create_code=_code_or_none(offered),
            name_limit=self._settings.name_limit_characters,
        )
        status = status_of(refusal) if refusal else 200
        return page, status, headers_of(refusal) if refusal else {}

    def _my_rooms(self) -> list[tuple[Ref, Room]]:
        found = [(ref, self._room_of(ref)) for ref in sessions.refs()]
        return [(ref, room) for ref, room in found if room]

    def _card(self, ref: Ref, room: Room) -> dict[str, Any]:
        newest = self._chat.history(ref, limit=1).events
        return {
            "code": room.code,
            "topic": room.topic,
            "people": self._chat.members_here(room.room_id),
            "last_activity": iso(decode_event(newest[0]).at) if newest else None,
            "my_name": self._chat.member(ref).name,
            "member_id": ref.member_id,
        }


def _see_other(url: str) -> ResponseReturnValue:
    return redirect(url, 303)


def _shown_code(typed: str) -> str:
    return _code_or_none(typed) or typed


def _code_or_none(typed: str) -> Code | None:
    try:
        return parse_code(typed)
    except CodeInvalid:
        return None


def _shown_error(refusal: ChatError) -> dict[str, Any]:
    return {"code": refusal.code, "message": refusal.message, "field": None, **refusal.data}
