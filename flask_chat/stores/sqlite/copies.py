"""Copies of a file: one made while a server writes to it, and one put in its place."""

import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from flask_chat.stores.base import StoreError
from flask_chat.stores.sqlite.file import check_place, connect
from flask_chat.stores.sqlite.lock import Lock


def key_path(path: Path) -> Path:
    """Where the secret key of a file is kept."""
    return path.with_name(path.name + ".key")


def back_up(source: Path, target: Path) -> list[Path]:
    """Copy the file as it is at this moment, with its secret key. The files that were made.

    A server may go on writing meanwhile. Raises StoreError; nothing is overwritten.
    """
    if not source.is_file():
        raise StoreError(f"There is no file {source}.")
    check_place(target)
    made = [target]
    if key_path(source).exists():
        made.append(key_path(target))
    for file in made:
        if file.exists():
            raise StoreError(f"{file} exists. Choose another name, or remove it first.")
    _copy(source, target)
    if len(made) > 1:
        _copy_key(key_path(source), key_path(target))
    return made


def restore(source: Path, target: Path) -> Path | None:
    """Put a copy in the place of the file, whose server must not run. Where the old one is now.

    Raises StoreError; then the file is as it was.
    """
    if not source.is_file():
        raise StoreError(f"There is no file {source}.")
    source, target = source.resolve(), target.resolve()
    if source == target:
        raise StoreError("That is the file itself.")
    check_place(target)
    lock = Lock(target)
    try:
        draft = _beside(target, ".restoring")
        draft.unlink(missing_ok=True)
        _copy(source, draft)
        old = _set_aside(target) if target.exists() else None
        draft.replace(target)
        if key_path(source).exists():
            _copy_key(key_path(source), key_path(target))
        _sync_directory(target.parent)
        return old
    finally:
        lock.release()


def _copy(source: Path, target: Path) -> None:
    """A whole, checked copy under the name `target`, or none."""
    draft = _beside(target, f".{os.getpid()}.new")
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        with closing(connect(source)) as db:
            db.execute("VACUUM INTO ?", (str(draft),))
        with closing(connect(draft)) as copy:
            problem = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if problem != "ok":
            raise StoreError(f"{source} is damaged ({problem}).")
        _sync(draft)
        draft.replace(target)
        _sync_directory(target.parent)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{source} cannot be copied to {target} ({error}).") from None
    finally:
        draft.unlink(missing_ok=True)


def _copy_key(source: Path, target: Path) -> None:
    draft = _beside(target, f".{os.getpid()}.new")
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    shutil.copyfile(source, draft)
    _sync(draft)
    if target.exists() and target.read_bytes() != source.read_bytes():
        target.replace(_beside(target, _stamp()))
    draft.replace(target)


def _set_aside(path: Path) -> Path:
    """Give the file another name, and SQLite's log with it if it cannot be folded into the file."""
    try:
        with closing(connect(path)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except (StoreError, sqlite3.Error):
        pass  # damaged: perhaps the very reason to restore
    old = _beside(path, _stamp())
    _beside(path, "-shm").unlink(missing_ok=True)
    for suffix in ("-wal", ""):
        if _beside(path, suffix).exists():
            _beside(path, suffix).replace(_beside(old, suffix))
    return old


def _stamp() -> str:
    return time.strftime(".before-%Y%m%d-%H%M%S")


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    if hasattr(os, "O_DIRECTORY"):
        file = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
