"""Member tokens: which member of which room the bearer is, signed."""

import hashlib

from itsdangerous import BadSignature, URLSafeSerializer

from flask_chat.chat import Ref
from flask_chat.domain.errors import TokenInvalid
from flask_chat.domain.members import MemberId
from flask_chat.domain.rooms import RoomId


class Tokens:
    """Makes and reads member tokens with one secret key."""

    def __init__(self, secret_key: str) -> None:
        self._serializer = URLSafeSerializer(
            secret_key, salt="member token", signer_kwargs={"digest_method": hashlib.sha256}
        )

    def mint(self, ref: Ref) -> str:
        """A token for this member. It is valid for as long as they are one."""
        return str(self._serializer.dumps(list(ref)))

    def read(self, token: str) -> Ref:
        """The member this token was made for. Raises TokenInvalid."""
        try:
            room_id, member_id = self._serializer.loads(token)
        except (BadSignature, ValueError, TypeError):
            raise TokenInvalid from None
        return Ref(RoomId(room_id), MemberId(member_id))
