"""The page of somebody who has knocked: it waits until a moderator lets them in, or does not."""

from typing import Literal

from flask import Blueprint, Response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from flask_chat.chat import Chat
from flask_chat.domain.codes import parse_code
from flask_chat.domain.errors import RoomNotFound
from flask_chat.entrance.doors import Doors
from flask_chat.entrance.marks import Visitor
from flask_chat.web import sessions, wire
from flask_chat.web.wire_moderation import KnockAnswer

State = Literal["waiting", "admitted", "refused", "over"]


class Waiting:
    """The handlers, over the parts they need. They know only the knocks in the browser's cookie."""

    def __init__(self, chat: Chat, doors: Doors) -> None:
        self._chat = chat
        self._doors = doors

    def blueprint(self) -> Blueprint:
        """The routes, to be registered on the app."""
        waiting = Blueprint("waiting", __name__, url_prefix="/r/<typed>/wait")
        waiting.add_url_rule("", "page", self.page)
        waiting.add_url_rule("/state", "state", self.state)
        waiting.add_url_rule("/cancel", "cancel", self.cancel, methods=["POST"])
        return waiting

    def page(self, typed: str) -> ResponseReturnValue:
        """How it stands, and the way in once somebody has opened."""
        knocking = sessions.knocking(parse_code(typed))
        if knocking is None:
            return redirect(url_for("pages.room", typed=parse_code(typed)), 303)
        page = render_template(
            "wait.html",
            code=knocking.code,
            name=knocking.name,
            ticket=knocking.ticket,
            state=self._state_of(knocking),
        )
        return page, {"Cache-Control": "no-store"}

    def state(self, typed: str) -> ResponseReturnValue:
        """How it stands, for the page's script: `{"state": "waiting"}`."""
        knocking = sessions.knocking(parse_code(typed))
        state: State = "over" if knocking is None else self._state_of(knocking)
        return Response(wire.encode(KnockAnswer(state)), mimetype="application/json")

    def cancel(self, typed: str) -> ResponseReturnValue:
        """Wait no longer."""
        knocking = sessions.knocking(parse_code(typed))
        if knocking is not None:
            if self._state_of(knocking) != "over":
                self._doors.knocking.take_back(knocking.room_id, knocking.ticket)
            sessions.stop_knocking(knocking.room_id)
        return redirect(url_for("pages.lobby"), 303)

    def _state_of(self, knocking: sessions.Knocking) -> State:
        try:
            room = self._chat.look_up(knocking.code, Visitor(ticket=knocking.ticket))
        except RoomNotFound:
            return "over"
        if room.room_id != knocking.room_id:
            return "over"  # the room has ended, and its code leads elsewhere
        return self._doors.knocking.state_of(room.room_id, knocking.ticket) or "over"
