"""One server at a time has a file: a lock beside it, which the system lets go when we die."""

import os
import sys
from pathlib import Path

from flask_chat.stores.base import StoreError


class Lock:
    """Held from the start until `release`. Raises StoreError when another process holds it.

    A file of its own rather than a lock of SQLite's, so that copies can be made meanwhile. It is
    left lying about: to remove it would let two processes hold two files of one name.
    """

    def __init__(self, path: Path) -> None:
        place = path.with_name(path.name + ".lock")
        try:
            self._file = os.open(place, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        except OSError as error:
            raise StoreError(f"{place} cannot be written ({error.strerror}).") from None
        try:
            _lock(self._file)
        except OSError:
            owner = _read(self._file)
            os.close(self._file)
            raise StoreError(f"Another server{owner} uses {path}. One file, one server.") from None
        os.ftruncate(self._file, 0)
        os.write(self._file, str(os.getpid()).encode())

    def release(self) -> None:
        """Let another process have it."""
        os.close(self._file)


def _read(file: int) -> str:
    try:
        pid = os.read(file, 20).decode("ascii").strip()
    except (OSError, ValueError):  # Windows lets nobody read what is locked
        return ""
    return f" (process {pid})" if pid.isdigit() else ""


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
