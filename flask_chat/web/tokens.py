"""Member tokens: which member of which room the bearer is, signed."""

import hashlib
import re
from collections.abc import Callable

from itsdangerous import BadSignature, URLSafeSerializer

from flask_chat.domain.errors import TokenInvalid
from flask_chat.domain.members import MemberId
from flask_chat.domain.rooms import Ref, RoomId

_ROOM_ID = re.compile(r"r[A-Za-z0-9_-]{22}")
_LONGEST = 200  # characters; ours has half of them


class Tokens:
    """Makes and reads member tokens with one secret key.

    `find_room` raises RoomEnded for the id of a room that is not there.
    """

    def __init__(
        self, secret_key: str, find_room: Callable[[RoomId], object] = lambda room_id: None
    ) -> None:
        self._find_room = find_room
        self._serializer = URLSafeSerializer(
            secret_key, salt="member token", signer_kwargs={"digest_method": hashlib.sha256}
        )

    def mint(self, ref: Ref) -> str:
        """A token for this member. It is valid for as long as they are one."""
        return str(self._serializer.dumps(list(ref)))

    def read(self, token: str) -> Ref:
        """The member this token was made for.

        Raises TokenInvalid, or RoomEnded for a token of another key whose room is not here: so it
        is after a restart where neither was kept, and nobody can get back in with the room's code.
        """
        try:
            room_id, member_id = self._serializer.loads(token)
        except BadSignature:
            self._look_for_room(token)
            raise TokenInvalid from None
        except (ValueError, TypeError):
            raise TokenInvalid from None
        return Ref(RoomId(room_id), MemberId(member_id))

    def _look_for_room(self, token: str) -> None:
        """Raises RoomEnded. Who knows the id of a room, which is never shown outside, was in it."""
        if len(token) > _LONGEST:
            return  # nothing is unpacked that anybody may have packed
        _, claimed = self._serializer.loads_unsafe(token)
        match claimed:
            case [str(room_id), str()] if _ROOM_ID.fullmatch(room_id):
                self._find_room(RoomId(room_id))
