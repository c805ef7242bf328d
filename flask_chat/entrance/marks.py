"""How somebody is known again who comes by another name, and what an invite is."""

import hmac
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import NamedTuple

from flask_chat.domain.rooms import Room, RoomId

MARK_BYTES = 16


class Visitor(NamedTuple):
    """Somebody who wants in, and what they bring."""

    address: str = ""  # whom their address stands for (`web.rates.sender`)
    browser: str = ""  # what their cookie calls the browser; "" where there is none
    passcode: str = ""
    invite: str = ""
    ticket: str = ""  # got for knocking


class Seal:
    """Makes marks and invites with one secret key. Nobody can tell what they were made of."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def marks_of(self, room_id: RoomId, visitor: Visitor) -> str:
        """How this visitor is known again in this room: of their browser first, then their network.

        A visitor without a browser has the mark of their network twice. Two rooms do not show that
        they have the same visitor.
        """
        network = self._sign("network", room_id, visitor.address)
        own = self._sign("browser", room_id, visitor.browser) if visitor.browser else network
        return f"{own} {network}"

    def invite(self, room: Room) -> str:
        """What the share link carries: lets past lock, passcode and knocking, until renewed."""
        return self._sign("invite", room.room_id, str(room.invites))

    def is_invited(self, room: Room, invite: str) -> bool:
        """Whether this is the room's invite."""
        return hmac.compare_digest(invite.encode(), self.invite(room).encode())

    def _sign(self, *words: str) -> str:
        """128 bits that follow from the words, and tell nothing of them without the secret."""
        made = hmac.digest(self._secret, "\0".join(("doors", *words)).encode(), sha256)
        return urlsafe_b64encode(made[:MARK_BYTES]).rstrip(b"=").decode()
