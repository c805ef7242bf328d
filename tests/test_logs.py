"""The log: its two forms, and what never gets into it."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from flask_chat import logs
from flask_chat.settings import Settings


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="json"))

    structlog.get_logger().info("joined", members=2)

    entry = json.loads(capsys.readouterr().err)
    assert (entry["event"], entry["level"], entry["members"]) == ("joined", "info", 2)
    assert entry["timestamp"].endswith("Z")


def test_what_weighs_less_than_asked_for_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_level="warning"))

    structlog.get_logger().info("joined")

    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_private_values_are_hidden(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format=log_format))

    structlog.get_logger().info("posted", text="hush", token="hush", code="WXYZ", seq=41)

    written = capsys.readouterr().err
    assert "41" in written
    assert "hush" not in written
    assert "WXYZ" not in written


def test_libraries_write_into_the_same_log(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="json"))

    logging.getLogger("flask_chat").error("Exception on %s [GET]", "/r/WXYZ/leave")
    logging.getLogger("engineio").info("received a packet")

    (line,) = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert entry["event"] == "Exception on /r/…/leave [GET]"
    assert (entry["logger"], entry["level"]) == ("flask_chat", "error")
