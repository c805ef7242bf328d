"""Requests to the REST API (docs/api.md)."""

from typing import Any

import requests

from flask_chat.client.errors import Refused, Unreachable


def ask(method: str, url: str, timeout: float, **more: Any) -> dict[str, Any]:
    """The answer of the server. Raises Refused or Unreachable."""
    try:
        answer = requests.request(method, url, timeout=timeout, **more)
        body = answer.json()
    except (requests.RequestException, ValueError) as error:
        raise Unreachable(str(error)) from None
    if not answer.ok:
        raise Refused(body)
    assert isinstance(body, dict)
    return body
