"""Where templates, static files and the browser bundle are, and what the bundled files are called.

The bundle itself is made by `scripts/bundle.mjs`. This module needs the standard library only,
because the build hook (`hatch_build.py`) reads it before anything is installed.
"""

import hashlib
import json
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent

# An installed wheel carries its templates inside the package; a checkout has them beside it.
ASSETS = _PACKAGE if (_PACKAGE / "templates").is_dir() else _PACKAGE.parent

DIST_URL = "/static/dist/"

# What the bundle is made from. scripts/bundle.mjs says the same.
_SOURCE_FILES = ("package.json", "package-lock.json", "scripts/bundle.mjs")
_SOURCE_FOLDERS = ("static/css", "static/js")


def asset(name: str, *, assets: Path = ASSETS) -> str:
    """The URL of a bundled file: `asset("room.js")` → `/static/dist/room-3ZQF6XWA.js`.

    Raises LookupError for a name the bundle does not have.
    """
    try:
        return DIST_URL + _manifest(assets)[name]
    except (KeyError, OSError, ValueError):
        raise LookupError(bundle_problem(assets=assets) or f"the bundle has no {name}") from None


def bundle_problem(*, assets: Path = ASSETS) -> str | None:
    """What is wrong with the browser bundle and what to run, in one sentence; None if all is well.

    In a checkout this hashes the sources, which takes a few milliseconds: ask once, at start.
    """
    state = _missing(assets) or _stale(assets)
    if state is None:
        return None
    return f"The browser bundle is {state}: run `pip install -r requirements.txt` in {assets}."


def stamp_of(root: Path) -> str:
    """One SHA-256 over the names and contents of everything the bundle is made from."""
    paths = [root / name for name in _SOURCE_FILES]
    for folder in _SOURCE_FOLDERS:
        paths += (
            path for path in (root / folder).rglob("*") if path.is_file() and _counts(path, root)
        )
    contents = {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}
    lines = (f"{name} {hashlib.sha256(contents[name]).hexdigest()}\n" for name in sorted(contents))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _counts(path: Path, root: Path) -> bool:
    """Whether a file is a source: neither it nor its folder is hidden or an editor's backup."""
    return not any(
        part.startswith(".") or part.endswith("~") for part in path.relative_to(root).parts
    )


@cache
def _manifest(assets: Path) -> dict[str, str]:
    manifest: dict[str, str] = json.loads((assets / "static/dist/manifest.json").read_bytes())
    return manifest


def _missing(assets: Path) -> str | None:
    dist = assets / "static/dist"
    try:
        names = json.loads((dist / "manifest.json").read_bytes()).values()
    except (OSError, ValueError):
        return "missing"
    return None if all((dist / name).is_file() for name in names) else "incomplete"


def _stale(assets: Path) -> str | None:
    if not (assets / "scripts/bundle.mjs").is_file():
        return None  # an installed package: there are no sources it could be older than
    try:
        stamp = (assets / "static/dist/sources.sha256").read_text().strip()
    except OSError:
        return "incomplete"
    return None if stamp == stamp_of(assets) else "older than its sources"
