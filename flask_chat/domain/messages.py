"""What may be posted. Text is kept exactly as typed; how it is shown is the page's matter."""

import re

from msgspec import Struct

from flask_chat.domain.errors import Invalid, MessageEmpty, MessageTooLong
from flask_chat.domain.unseen import is_blank

_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Draft(Struct, frozen=True, kw_only=True):
    """A message somebody wants to post. `key` is theirs: the same key again is the same message."""

    key: str
    text: str
    reply_to: int | None = None


def check_draft(draft: Draft, limit: float) -> None:
    """Refuse what cannot be posted; `limit` is in characters (Unicode code points).

    Raises MessageEmpty, MessageTooLong (with `limit`) or Invalid (with `field`).
    """
    if not _KEY.fullmatch(draft.key):
        raise Invalid("A key has 1 to 64 letters, digits, - or _.", field="key")
    if len(draft.text) > limit:
        raise MessageTooLong(
            f"A message has at most {limit} characters; this one has {len(draft.text)}.",
            field="text",
            limit=limit,
        )
    if is_blank(draft.text):
        raise MessageEmpty(field="text")
    if draft.reply_to is not None and draft.reply_to < 1:
        raise Invalid("reply_to is the seq of a message, 1 or more.", field="reply_to")
