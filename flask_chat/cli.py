"""The command line: `flask-chat serve`, `flask-chat settings`, and what `python main.py` does.

Options are made from the settings, and read by settings.py together with the environment, so that
one message names the mistakes of both.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
import structlog

from flask_chat import __version__, assets, logs
from flask_chat.setting_sources import Loaded, load
from flask_chat.settings import (
    ABOUT,
    Settings,
    SettingsError,
    default,
    option,
    variable,
)
from flask_chat.stores.base import StoreError
from flask_chat.stores.sqlite import copies

if TYPE_CHECKING:
    from flask_chat.server import App

log = structlog.get_logger(__name__)

EXIT_NO_BUNDLE = 1
EXIT_NO_STORE = 1
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


def build_app(settings: Settings | None = None, *, worker: int | None = None) -> "App":
    """The app with its log set up, from the environment when no settings are given.

    `worker` is the number of this process among those that share a port.
    Raises SettingsError, or StoreError when the store cannot be used.
    """
    from flask_chat.app import create_app

    settings = settings or load().settings
    logs.configure(settings)
    return create_app(settings, worker=worker)


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
    from flask_chat import server, workers

    worker = workers.this_worker() if settings.workers > 1 else None
    if worker is None:
        _check_bundle()
    if settings.workers > 1 and worker is None:
        logs.configure(settings)
        sys.exit(server.supervise(settings, with_qr=qr))
    try:
        app = build_app(settings, worker=worker.number if worker else None)
    except StoreError as error:
        _refuse(error)
    sys.exit(server.serve(app, settings, with_qr=qr, worker=worker))


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


@main.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--store", metavar="URL", help="The store. [default: CHAT_STORE]")
def backup(*, target: Path, store: str | None) -> None:
    """Copy the rooms of a sqlite: store to the file TARGET, also while the server runs.

    The secret key that is kept beside the rooms goes to TARGET.key: keep both from others.
    """
    try:
        made = copies.back_up(_sqlite_path(store), target)
    except StoreError as error:
        _refuse(error)
    click.echo(f"Copied to {' and '.join(map(str, made))}")


@main.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--store", metavar="URL", help="The store. [default: CHAT_STORE]")
def restore(*, source: Path, store: str | None) -> None:
    """Put the copy SOURCE in the place of a sqlite: store's file, when no server runs on it."""
    path = _sqlite_path(store)
    try:
        old = copies.restore(source, path)
    except StoreError as error:
        _refuse(error)
    click.echo(f"Restored to {path}" + (f"; what was there is now {old}" if old else ""))


def _sqlite_path(store: str | None) -> Path:
    """The file of the store that is set, by the option or the environment."""
    path = _load_or_exit({"store": store}).settings.sqlite_path
    if path is None:
        click.echo("Only sqlite: stores have a file. Name it with --store or CHAT_STORE.", err=True)
        sys.exit(EXIT_WRONG_SETTINGS)
    return path


def _refuse(error: StoreError) -> NoReturn:
    click.echo(error, err=True)
    sys.exit(EXIT_NO_STORE)


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
