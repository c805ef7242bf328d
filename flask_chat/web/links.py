"""Links that lead others into a room, made so that another device can open them."""

from collections.abc import Callable

from flask import Request, url_for

from flask_chat.domain.codes import Code

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


class Links:
    """`lan_address` gives the address others in the network reach us by, None when they cannot."""

    def __init__(self, lan_address: Callable[[], str | None]) -> None:
        self._lan_address = lan_address

    def share(self, code: Code, request: Request) -> str:
        """The link to the room, with the LAN address in place of `localhost`."""
        link = url_for("pages.room", typed=code, _external=True)
        host, colon, port = (
            request.host.rpartition(":") if ":" in request.host else (request.host, "", "")
        )
        address = self._lan_address() if host in _LOOPBACK else None
        if address is None:
            return link
        return f"{request.scheme}://{address}{colon}{port}{url_for('pages.room', typed=code)}"
