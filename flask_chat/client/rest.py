"""Requests to the REST API (docs/api.md)."""

import time
from typing import Any

import requests

from flask_chat.client.errors import Refused, Unreachable

_LOOK_SECONDS = 2.0  # between two looks at whether somebody has opened


def ask(method: str, url: str, timeout: float, **more: Any) -> dict[str, Any]:
    """The answer of the server. Raises Refused or Unreachable."""
    try:
        answer = requests.request(method, url, timeout=timeout, **more)
        body = {} if answer.status_code == requests.codes.no_content else answer.json()
    except (requests.RequestException, ValueError) as error:
        raise Unreachable(str(error)) from None
    if not answer.ok:
        raise Refused(body)
    assert isinstance(body, dict)
    return body


def wait_at_door(members: str, ticket: str, timeout: float) -> None:
    """Wait until a knock at the room of this address is answered, or over.

    Whoever then joins with the ticket is told what the answer was. Raises Refused or Unreachable.
    """
    door = members.removesuffix("/members") + "/knock"
    bearer = {"Authorization": f"Bearer {ticket}"}
    while ask("GET", door, timeout, headers=bearer)["state"] == "waiting":
        time.sleep(_LOOK_SECONDS)
