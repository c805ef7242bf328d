"""The secret key beside the data: made once, so that tokens and sessions outlive a restart."""

import os
import secrets
import sys
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)


def kept_secret(path: Path) -> str:
    """The key in this file; the first to ask makes it, readable by its owner only.

    Raises OSError, or ValueError when the file holds no key.
    """
    if not path.exists():
        _make(path)
    if sys.platform != "win32" and path.stat().st_mode & 0o077:
        log.warning(
            "others on this machine can read the secret key and be anybody in every room",
            file=str(path),
            remedy=f"chmod 600 {path}",
        )
    key = path.read_text(encoding="ascii").strip()
    if len(key) < 16:
        raise ValueError(f"{path} holds no secret key; remove it to have a new one made")
    return key


def _make(path: Path) -> None:
    """Write the whole file under another name first: a half one would be a key for ever."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(file, secrets.token_urlsafe(32).encode() + b"\n")
        os.fsync(file)
    finally:
        os.close(file)
    draft.replace(path)
