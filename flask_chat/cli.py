"""The command line: `flask-chat serve`, `flask-chat settings`, and what `python main.py` does.

Options are made from the settings, and read by settings.py together with the environment, so that
one message names the mistakes of both.
"""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
import structlog

from flask_chat import __version__, assets, logs
from flask_chat.settings import (
    ABOUT,
    Loaded,
    Settings,
    SettingsError,
    default,
    load,
    option,
    variable,
)

if TYPE_CHECKING:
    from flask_chat.server import App

log = structlog.get_logger(__name__)

EXIT_NO_BUNDLE = 1
EXIT_WRONG_SETTINGS = 2
Command = Callable[..., Any]


def with_settings(command: Command) -> Command:
    """Give a command an option for each setting, passed on as text or None."""
    for name, about in reversed(ABOUT.items()):
        lifted = "; 0 for no limit" if about.lifts else ""
        words = f"{about.sentence} [default: {default(name)}{lifted}]"
        if about.is_secret:
            file_words = f"A file that holds {option(name)}."
            with_file = click.option(option(name) + "-file", metavar="FILE", help=file_words)
            command = with_file(command)
            words += f" Others on this machine can see options: better {variable(name)} or a file."
        command = click.option(option(name), metavar=about.metavar, help=words)(command)
    return command


def build_app(settings: Settings | None = None) -> "App":
    """The app with its log set up, from the environment when no settings are given.

    Raises SettingsError.
    """
    from flask_chat.app import create_app

    settings = settings or Settings.from_environment()
    logs.configure(settings)
    if settings.secret_key_is_made:
        log.warning(
            "no secret key: made one for this process, people have to join again after a restart",
            setting=variable("secret_key"),
        )
    return create_app(settings)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="Flask Chat App")
def main() -> None:
    """Flask Chat App: instant chat rooms behind four letters."""


@main.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="Flask Chat App")
@click.option("--qr", is_flag=True, help="Print the QR code even where this is no terminal.")
@with_settings
def serve(*, qr: bool, **options: str | None) -> None:
    """Serve the chat until Ctrl-C.

    Each option can be set as a variable too: CHAT_PORT is --port.
    """
    settings = _load_or_exit(options).settings
    from flask_chat.server import serve as serve_app

    app = build_app(settings)
    _check_bundle()
    sys.exit(serve_app(app, settings, with_qr=qr))


@main.command("settings")
@click.option("--markdown", is_flag=True, help="Print the page of the documentation instead.")
@with_settings
def show_settings(*, markdown: bool, **options: str | None) -> None:
    """Print the settings in effect, and where each comes from. Secrets are hidden."""
    if markdown:
        click.echo(settings_page(), nl=False)
        return
    loaded = _load_or_exit(options)
    rows = [
        (variable(name), loaded.settings.shown(name) or ABOUT[name].default, loaded.sources[name])
        for name in ABOUT
    ]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, value, source in rows:
        click.echo(f"{name:<{widths[0]}}  {value:<{widths[1]}}  {source}")


def _load_or_exit(options: dict[str, str | None]) -> Loaded:
    try:
        return load(options)
    except SettingsError as error:
        click.echo(error, err=True)
        sys.exit(EXIT_WRONG_SETTINGS)


def _check_bundle() -> None:
    """End here without the browser's code; go on with that of yesterday, but say so."""
    problem = assets.bundle_problem()
    if problem is None:
        return
    try:
        assets.asset("style.css")
    except LookupError:
        click.echo(problem, err=True)
        sys.exit(EXIT_NO_BUNDLE)
    log.warning(problem)


def settings_page() -> str:
    """The text of docs/settings.md, which a test holds to be the file's."""
    rows = [
        f"| `{variable(name)}` | {default(name)}{' ∞' if about.lifts else ''} | {about.sentence} |"
        for name, about in ABOUT.items()
    ]
    return "\n".join([PAGE_HEAD, *rows, PAGE_FOOT])


PAGE_HEAD = """# Settings

<!-- Made from flask_chat/settings.py by `flask-chat settings --markdown`; do not edit by hand. -->

Every setting is an environment variable and an option of `python main.py` and `flask-chat serve`:
`CHAT_ROOM_GRACE_SECONDS=60` is `--room-grace-seconds 60`. The command line wins over the
environment. `flask-chat settings` prints what is in effect and where it comes from, with secrets
hidden.

A wrong name or value stops the start, with one message that lists all mistakes. `0` lifts a limit,
which the settings marked with ∞ are.

| variable | default | |
|---|---|---|"""

PAGE_FOOT = """
`CHAT_SECRET_KEY_FILE` names a file that holds the secret key, so that it is in no environment and
no list of processes.

Platforms set `PORT`, `HOST`, `SECRET_KEY` and `REDIS_URL`: these are used where the `CHAT_…`
variable is not set. `HOST` counts only when it is an address or `localhost`, as some shells keep
the name of the machine there.
"""
