"""Links that lead others into a room, made so that another device can open them."""

from collections.abc import Callable

from flask import Request, url_for

from flask_chat.domain.rooms import Room

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


class Links:
    """`lan_address` gives the address others in the network reach us by, None when they cannot.

    `invite` gives what lets whoever follows a link past the room's lock, passcode and knocking.
    """

    def __init__(
        self, lan_address: Callable[[], str | None], invite: Callable[[Room], str]
    ) -> None:
        self._lan_address = lan_address
        self._invite = invite

    def share(self, room: Room, request: Request) -> str:
        """The link to the room, with the LAN address in place of `localhost`."""
        invite = self._invite(room)
        path = url_for("pages.room", typed=room.code, invite=invite)
        host, colon, port = (
            request.host.rpartition(":") if ":" in request.host else (request.host, "", "")
        )
        address = self._lan_address() if host in _LOOPBACK else None
        if address is None:
            return url_for("pages.room", typed=room.code, invite=invite, _external=True)
        return f"{request.scheme}://{address}{colon}{port}{path}"
