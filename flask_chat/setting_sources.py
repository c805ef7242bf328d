"""Where settings come from: options, the environment, files, and what platforms set.

The command line wins over the environment, the environment over what platforms set (PORT, HOST,
SECRET_KEY, REDIS_URL), and that over the default. All mistakes are named at once.
"""

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from flask_chat.setting_kinds import About, is_address
from flask_chat.settings import (
    ABOUT,
    PREFIX,
    Settings,
    SettingsError,
    contradictions,
    option,
    variable,
    without_password,
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and for each field where its value came from: "--port", "CHAT_PORT", "default"."""

    settings: Settings
    sources: dict[str, str]


def load(
    options: Mapping[str, str | None] | None = None, environ: Mapping[str, str] | None = None
) -> Loaded:
    """Read the settings from options (field → text as typed) and from the environment.

    An empty variable counts as not set. Secrets may be kept in a file named by `…_FILE`.
    Raises SettingsError with all mistakes of all sources, each with the name it was given by.
    """
    environ = os.environ if environ is None else environ
    given = {name: text for name, text in (options or {}).items() if text is not None}
    mistakes = _unknown_names(environ)
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for name, about in ABOUT.items():
        try:
            found = _find(name, about, given, environ)
        except ValueError as error:
            mistakes.append(str(error))
            continue
        if found is None:
            sources[name] = "made for this process" if about.is_secret else "default"
            continue
        text, sources[name] = found
        try:
            values[name] = about.read(text.strip())
            fault = about.fault(values[name])
        except ValueError as error:
            fault = str(error)
        if fault:
            mistakes.append(_mistake(name, text, sources[name], fault))
            values.pop(name, None)
    if not mistakes:
        defaults = {each.name: each.default for each in fields(Settings)}
        for name, fault in contradictions({**defaults, **values}):
            mistakes.append(f"{sources[name] if name in values else variable(name)}: {fault}")
    if mistakes:
        raise SettingsError(mistakes)
    return Loaded(Settings(**values), sources)


def _find(
    name: str, about: About, options: Mapping[str, str], environ: Mapping[str, str]
) -> tuple[str, str] | None:
    """The text of a setting and where it was found, None when it is nowhere."""
    for texts, named in ((options, (name, option(name))), (environ, (variable(name),) * 2)):
        key, source = named
        file_key = key + ("_file" if texts is options else "_FILE")
        file = texts.get(file_key) if about.is_secret else None
        if texts.get(key) and file:
            raise ValueError(f"{source}: give either this or a file, not both")
        if file:
            file_source = option(file_key) if texts is options else file_key
            return _file_text(file, file_source), file_source
        if texts is options and key in texts:
            return texts[key], source
        if texts.get(key):
            return texts[key], source
    text = environ.get(about.fallback)
    # Some shells keep the name of the machine in HOST: listening there would be a surprise.
    if about.fallback == "HOST" and text != "localhost" and not is_address(text):
        return None
    return (text, about.fallback) if text else None


def _file_text(file: str, source: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise ValueError(f"{source}={file}: cannot be read ({reason})") from None


def _unknown_names(environ: Mapping[str, str]) -> list[str]:
    known = {variable(name) for name in ABOUT}
    known |= {variable(name) + "_FILE" for name, about in ABOUT.items() if about.is_secret}
    mistakes = []
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
            hint = f", did you mean {near[0]}?" if near else ""
            mistakes.append(f"{name}: there is no such setting{hint}")
    return mistakes


def _mistake(name: str, text: str, source: str, fault: str) -> str:
    if ABOUT[name].is_secret:
        return f"{source}: {fault}"
    shown = without_password(text) if name == "store" else text
    shown = shown if len(shown) <= 60 else shown[:57] + "…"
    between = " " if source.startswith("--") else "="
    return f"{source}{between}{shown}: {fault}"
