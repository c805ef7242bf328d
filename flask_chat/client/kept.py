"""What a client keeps in a file to go on after its own restart: token, place in the log, outbox."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from flask_chat.client.outbox import Post


class Kept:
    """A small JSON file, replaced as a whole. Readable for its owner only: the token is in it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.token: str | None = None
        self.after: int | None = None
        self.posts: list[Post] = []

    @classmethod
    def read(cls, path: Path) -> "Kept":
        """What the file holds; nothing when there is none. Raises ValueError if it is damaged."""
        kept = cls(path)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return kept
        kept.token = content["token"]
        kept.after = content["after"]
        kept.posts = [Post(**packet) for packet in content["posts"]]
        return kept

    def write(self, token: str, after: int | None, posts: list[dict[str, Any]]) -> None:
        """Replace the file; when this returns it is on disk."""
        content = {"token": token, "after": after, "posts": posts}
        handle, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(content, file)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self._path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
