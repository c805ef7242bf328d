"""The Socket.IO client from npm, as other people's programs use it."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.people import Person, Place
from tests.servers import RunningServer

SCRIPT = Path(__file__).with_name("javascript_client.mjs")


@pytest.fixture
def place(server: RunningServer) -> Iterator[Place]:
    place = Place(server.url)
    yield place
    place.close()


def run(person: Person, transport: str, token: str | None = None) -> dict[str, Any]:
    path = os.pathsep.join([str(Path(__file__).parents[2] / ".venv/bin"), os.environ["PATH"]])
    node = shutil.which("node", path=path)
    assert node, "Node.js is not there: make setup installs it"
    command = [node, str(SCRIPT), person.url, token or person.token, transport]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("transport", ["websocket", "polling", "polling,websocket"])
def test_it_talks_over_every_transport(place: Place, transport: str) -> None:
    ada = place.open_room().connects()
    grace = place.join(ada.code)

    seen = run(grace, transport)

    first, again, refused, history = seen["acks"]
    assert first == again == {"ok": True, "seq": 3}
    assert refused["error"]["field"] == "text"
    assert history["events"][0]["text"] == "from JavaScript 👋"
    assert [event["text"] for event in seen["events"]] == ["from JavaScript 👋"]
    ada.sees("from JavaScript 👋")


def test_a_forged_token_is_refused_with_a_reason(place: Place) -> None:
    ada = place.open_room()

    refused = run(ada, "websocket", token="forged")

    assert refused["data"]["code"] == "token_invalid"
