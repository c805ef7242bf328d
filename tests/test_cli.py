"""The command line, and the ways into the program."""

import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from flask_chat import __version__
from flask_chat.cli import main
from flask_chat.settings import ABOUT, option, variable
from tests.servers import ROOT, environment

KEY = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.environ", environment({}))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def run_python(*arguments: str, **settings: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_the_version_is_told() -> None:
    assert run("--version").output == f"Flask Chat App, version {__version__}\n"


def test_every_setting_is_an_option_with_help() -> None:
    words = run("serve", "--help").output

    assert all(option(name) in words for name in ABOUT)
    assert "[default: 1 process]" in " ".join(words.split())


def test_the_settings_in_effect_are_shown_with_their_sources(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CHAT_ROOM_LIMIT", "7")

    result = run("settings", "--port", "8080")

    rows = [line.split() for line in result.output.splitlines()]
    assert result.exit_code == 0
    assert ["CHAT_PORT", "8080", "--port"] in rows
    assert ["CHAT_ROOM_LIMIT", "7", "CHAT_ROOM_LIMIT"] in rows
    assert ["CHAT_HOST", "127.0.0.1", "default"] in rows
    assert [row[0] for row in rows] == [variable(name) for name in ABOUT]


def test_the_settings_in_effect_hide_secrets() -> None:
    output = run("settings", "--secret-key", KEY).output

    assert KEY not in output
    assert "(hidden)" in output


def test_wrong_settings_end_with_two_and_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_PROT", "1")

    result = run("serve", "--port", "x")

    assert result.exit_code == 2
    assert "CHAT_PROT" in result.stderr
    assert "--port x" in result.stderr
    assert result.stdout == ""


def test_an_option_that_is_not_there_is_refused_with_the_nearest() -> None:
    result = run("serve", "--prot", "1")

    assert result.exit_code == 2
    assert "--port" in result.stderr


@pytest.mark.parametrize("door", [["main.py"], ["-m", "flask_chat", "serve"]])
def test_both_doors_read_options_and_variables(door: list[str]) -> None:
    result = run_python(*door, "--port", "x", room_limit="y")

    assert result.returncode == 2
    assert "--port x" in result.stderr
    assert "CHAT_ROOM_LIMIT=y" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_app_can_be_imported_whatever_the_command_line_says() -> None:
    program = "from main import app; print(app.name, callable(app))"

    result = run_python("-c", program, "--port", "x")

    assert result.stdout == "flask_chat True\n", result.stderr


def test_gevent_has_patched_before_anything_else() -> None:
    program = """
import sys
import gevent.monkey
patch, loaded = gevent.monkey.patch_all, []
def note_and_patch(*args, **kwargs):
    loaded.extend(sorted(sys.modules))
    return patch(*args, **kwargs)
gevent.monkey.patch_all = note_and_patch
import main
print([name for name in ("ssl", "flask", "click", "structlog", "flask_chat.app") if name in loaded])
"""
    result = run_python("-W", "error", "-c", program)

    assert result.stdout == "[]\n", result.stderr
