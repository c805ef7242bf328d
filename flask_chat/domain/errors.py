"""Everything that can be refused, each with the word clients see as its `code`.

`web` turns these into a page, problem details (RFC 9457) or a Socket.IO acknowledgement.
"""

from typing import Any, ClassVar


class ChatError(Exception):
    """A refusal that people can understand.

    `code` is a stable word for programs, `message` a sentence for people. `data` holds what a
    client can act on, as far as it applies: `field`, `limit`, `suggestion`, `retry_after_seconds`,
    `until`, `challenge`.
    """

    code: ClassVar[str] = "internal"
    default_message: ClassVar[str] = "Something went wrong here. Please try again."
    can_retry: ClassVar[bool] = False  # whether the same request may succeed later

    def __init__(self, message: str = "", **data: Any) -> None:
        self.message = message or self.default_message
        self.data = data
        super().__init__(self.message)


class Internal(ChatError):
    """A fault of ours; the log has the details, the client only hears that it happened."""

    can_retry = True


class Invalid(ChatError):
    """A request of the wrong shape: a missing field, a wrong type, a value out of range."""

    code = "invalid"
    default_message = "This request does not have the expected form."


class NotFound(ChatError):
    """No page, resource or event of this name."""

    code = "not_found"
    default_message = "There is nothing here."


class MethodNotAllowed(ChatError):
    """The resource exists, but not for this HTTP method."""

    code = "method_not_allowed"
    default_message = "This address does not take that kind of request."


class TooLarge(ChatError):
    """The request is larger than the server reads."""

    code = "too_large"
    default_message = "That is more than this server accepts in one piece."


class Refused(ChatError):
    """The request comes from another site, or from a form that has gone stale."""

    code = "refused"
    default_message = "This form has expired. Please try again."


class CodeInvalid(ChatError):
    """What was typed does not hold a code."""

    code = "code_invalid"
    default_message = "A code has four letters, for example BCDF."


class CodeTaken(ChatError):
    """A room with the wanted code exists, which may be one that nobody can join now."""

    code = "code_taken"
    default_message = "This code is taken. Choose another one, or create a room with a new code."


class RoomNotFound(ChatError):
    """The code leads to no room now."""

    code = "room_not_found"
    default_message = "There is no room with this code."


class RoomEnded(ChatError):
    """The room of this token or connection is over. Its code may lead elsewhere now."""

    code = "room_ended"
    default_message = "This room has ended."


class RoomFull(ChatError):
    """As many people are in the room as fit."""

    code = "room_full"
    default_message = "This room is full."
    can_retry = True


class NameInvalid(ChatError):
    """The name is empty, too long, reserved, or holds characters that cannot be seen."""

    code = "name_invalid"
    default_message = "Please choose another name."


class NameTaken(ChatError):
    """Somebody in the room has this name, or one that looks the same. `suggestion` is free."""

    code = "name_taken"
    default_message = "Somebody in this room has that name, or one that looks like it."


class MessageEmpty(ChatError):
    """Nothing but white space and other characters that cannot be seen."""

    code = "message_empty"
    default_message = "The message is empty."


class MessageTooLong(ChatError):
    """More characters than `limit`."""

    code = "message_too_long"
    default_message = "The message is too long."


class TooFast(ChatError):
    """A rate is exceeded; `retry_after_seconds` says when to try again."""

    code = "too_fast"
    default_message = "That was too fast. Please wait a moment."
    can_retry = True


class ProofRequired(ChatError):
    """Many codes are being guessed: do the `challenge`, or wait `retry_after_seconds`."""

    code = "proof_required"
    default_message = (
        "Many wrong codes were tried. Your browser shows that it is not a machine guessing; this "
        "takes a moment."
    )
    can_retry = True


class TokenInvalid(ChatError):
    """The member token is missing, forged, or of somebody who has left."""

    code = "token_invalid"
    default_message = "You are not in this room. Please join it again."


class Forbidden(ChatError):
    """Only the host, or the host and the co-hosts, may do this, or nobody to this person."""

    code = "forbidden"
    default_message = "Only the host of this room may do that."


class Muted(ChatError):
    """A moderator has muted this member `until` then."""

    code = "muted"
    default_message = "The host has muted you. You can read on, and write again later."


class SlowMode(ChatError):
    """The room is in slow mode: one message every `limit` seconds."""

    code = "slow_mode"
    default_message = "This room is in slow mode. Please wait a moment."
    can_retry = True


class Banned(ChatError):
    """A moderator keeps this person out of the room `until` then."""

    code = "banned"
    default_message = "The host does not let you into this room."


class PasscodeRequired(ChatError):
    """The room has a passcode, and none was given."""

    code = "passcode_required"
    default_message = "This room has a passcode. Please type it."


class PasscodeWrong(ChatError):
    """The passcode is not that of the room."""

    code = "passcode_wrong"
    default_message = "That is not the passcode of this room."


class KnockWaiting(ChatError):
    """Somebody has to let this person in: `ticket` tells, later, whether anybody has."""

    code = "knock_waiting"
    default_message = "You have knocked. Somebody in the room has to let you in."
    can_retry = True


class KnockRefused(ChatError):
    """Somebody in the room has seen who knocks, and does not let them in."""

    code = "knock_refused"
    default_message = "The host did not let you in."


class ConnectionsExceeded(ChatError):
    """Too many connections from one address at a time."""

    code = "connections_exceeded"
    default_message = "Too many connections from your network are open."
    can_retry = True


class ServerFull(ChatError):
    """The server holds as many rooms, or as much text, as it may."""

    code = "server_full"
    default_message = "This server is full. Please try again later."
    can_retry = True


class Unavailable(ChatError):
    """The store cannot be reached, or the server is stopping."""

    code = "unavailable"
    default_message = "The server cannot do this right now. Please try again in a moment."
    can_retry = True


def every_error() -> list[type[ChatError]]:
    """All the refusals there are, in the order of this file."""
    return ChatError.__subclasses__()
