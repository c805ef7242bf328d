"""Does the chaos suite find broken promises? Breaks them one by one, in a copy, and looks.

    python -m tests.chaos.sabotage [WORD]

Every entry of SABOTAGE is an edit somebody could make by mistake. A copy of the program with that
edit runs a short chaos, which has to fail, for one of the reasons given. With a WORD only the
entries run whose name holds it. An edit that no longer fits the code is an error: bring it up to
date.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.servers import ROOT

PARTS = ("flask_chat", "tests", "templates", "static", "main.py", "pyproject.toml")
SEEDS = (1, 2, 3)  # a chance in a thousand needs a second look


@dataclass(frozen=True)
class Edit:
    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Sabotage:
    name: str
    found_as: set[str]  # any of these kinds of breach
    edits: tuple[Edit, ...]
    kills: int = 0
    options: tuple[str, ...] = ()  # of the run, besides


REDIS = ("--store=redis", "--partitions=0", "--goners=0", "--redis-faults=24")
STORE = "flask_chat/stores/sqlite/store.py"

SABOTAGE = (
    Sabotage(
        "acknowledge before the commit",
        {"lost", "differs"},
        (
            Edit(
                STORE,
                "self._threads.apply(_attempt, (self._file.write, changes))",
                "self._threads.spawn(_attempt, self._file.write, changes) and None",
            ),
        ),
        kills=15,
    ),
    Sabotage(
        "tell the room before the commit",
        {"lost", "differs", "doubled", "order", "gap"},
        (
            Edit(
                STORE,
                "        fault = self._threads.apply(",
                "        self._tell(journal)\n"
                "        gevent.sleep(0.02)\n"
                "        fault = self._threads.apply(",
            ),
            Edit(
                STORE,
                "            self._tell(journal)\n            self._fin",
                "            self._fin",
            ),
        ),
        kills=15,
    ),
    Sabotage(
        "forget the keys of posts",
        {"doubled"},
        (
            Edit(
                "flask_chat/stores/memory/store.py",
                "known = log.seq_by_key.get(key)",
                "known = log.seq_by_key.get((None, ''))",
            ),
        ),
    ),
    Sabotage(
        "forget the keys of posts at a restart",
        {"doubled"},
        (
            Edit(
                "flask_chat/stores/sqlite/working_copy.py",
                "(head.by, head.key) if head.kind == posted and head.key is not None else None",
                "None",
            ),
        ),
        kills=15,
    ),
    Sabotage(
        "deliver without order",
        {"order"},
        (
            Edit(
                STORE,
                "                self._publish(*event)",
                "                gevent.spawn_later(time.time() * 1e6 % 100 / 1e3,"
                " self._publish, *event)",
            ),
        ),
    ),
    Sabotage(
        "deliver late",
        {"late"},
        (
            Edit(
                STORE,
                "                self._publish(*event)",
                "                gevent.spawn_later(2.5, self._publish, *event)",
            ),
        ),
    ),
    Sabotage(
        "resume one event too far",
        {"gap", "lost", "late"},
        (
            Edit(
                "flask_chat/web/sockets.py",
                "self._chat.enter(ref, after)",
                "self._chat.enter(ref, after and after + 1)",
            ),
            # The client would notice the hole and put it right.
            Edit(
                "flask_chat/client/timeline.py",
                "while (event := self._waiting.pop(self._next, None)) is not None:",
                "while self._waiting:\n"
                "            self._next = min(self._waiting)\n"
                "            event = self._waiting.pop(self._next)",
            ),
        ),
    ),
    Sabotage(
        "announce a short absence",
        {"presence"},
        (
            Edit(
                "flask_chat/chat.py",
                "Presence(limits.leave_grace_seconds",
                "Presence(0 * limits.leave_grace_seconds",
            ),
        ),
    ),
    Sabotage(
        "fill no holes",
        {"gap", "late", "lost"},
        (
            Edit(
                "flask_chat/client/keeper.py",
                "if now - self._hole_since < HOLE_SECONDS or",
                "if now > 0 or",
            ),
        ),
    ),
    Sabotage(
        "show what comes, as it comes",
        {"gap", "doubled", "order"},
        (
            Edit(
                "flask_chat/client/timeline.py",
                "        return self.take()\n\n    def take",
                "        self._waiting.clear()\n"
                "        self._next = max([self._next or 0, *(e['seq'] + 1 for e in events)])\n"
                "        return list(events)\n\n    def take",
            ),
        ),
    ),
    Sabotage(
        "send a lost post no second time",
        {"lost", "refused"},
        (
            Edit(
                "flask_chat/client/outbox.py",
                "        self._sent_at = None\n\n    def take",
                "        if self._sent_at is not None:\n"
                "            self._sent_at = None\n"
                "            self._posts.popleft()\n\n    def take",
            ),
        ),
    ),
    Sabotage(
        "give every try a key of its own",
        {"doubled", "differs", "lost"},
        (
            Edit(
                "flask_chat/client/outbox.py",
                '{"key": self.key, "text": self.text}',
                '{"key": token_urlsafe(16), "text": self.text}',
            ),
        ),
    ),
    Sabotage(
        "take a quarter of a minute to come back",
        {"recovery"},
        (
            Edit(
                "flask_chat/client/keeper.py",
                "FIRST_PAUSE_SECONDS = 0.25",
                "FIRST_PAUSE_SECONDS = LONGEST_PAUSE_SECONDS = 15.0  #",
            ),
            Edit("flask_chat/client/keeper.py", "\nLONGEST_PAUSE_SECONDS = 3.0", "\n_ = 3.0"),
        ),
    ),
    Sabotage(
        "pass over a hole of the bus, over Redis",
        {"order"},
        (
            Edit(
                "flask_chat/delivery/bus.py",
                "if feed.last is None or seq > feed.last + 1:",
                "if feed.last is None:",
            ),
            Edit(
                "flask_chat/delivery/bus.py",
                "elif seq == feed.last + 1:",
                "elif seq > feed.last:",
            ),
            Edit(
                "flask_chat/delivery/bus.py",
                "self._deliver(feed, feed.last + 1, data)",
                "self._deliver(feed, int(data[7 : data.index(b',', 7)]), data)",
            ),
        ),
        options=REDIS,
    ),
    Sabotage(
        "look for nothing that was missed, over Redis",
        {"late", "lost"},
        (
            Edit(
                "flask_chat/delivery/bus.py",
                "        if feed.pending:\n            self._read_soon(feed)",
                "        pass",
            ),
            Edit("flask_chat/redis_link/ear.py", "self._ears.when_heard(channel)", "pass"),
        ),
        options=REDIS,
    ),
    Sabotage(
        "forget the keys of posts, over Redis",
        {"doubled"},
        (
            Edit(
                "flask_chat/stores/redis/rooms/events.lua",
                "local known = call('HGET', keys, by .. ':' .. key)",
                "local known = call('HGET', keys, '')",
            ),
        ),
        options=REDIS,
    ),
    Sabotage(
        "acknowledge what Redis has not answered",
        {"lost", "differs", "order"},
        (
            Edit(
                "flask_chat/stores/redis/appending.py",
                "        self._answer([refusal] * len(self.events))\n\n    def _close",
                "        self._answer(\n"
                "            [Appended(1, body, is_new=True) for body, _ in self.events])\n\n"
                "    def _close",
            ),
        ),
        options=REDIS,
    ),
    Sabotage(
        "tell nobody of those whose server has died",
        {"presence"},
        (
            Edit(
                "flask_chat/delivery/shared_presence.py",
                "            gevent.spawn(self._drop, server)",
                "            pass",
            ),
        ),
        kills=2,
        options=(*REDIS, "--redis-faults=0", "--goners=2", "--leave-grace-seconds=8"),
    ),
)


def try_one(sabotage: Sabotage) -> tuple[bool, str]:
    """Whether it was found, and what was found."""
    with tempfile.TemporaryDirectory(prefix="sabotage-") as name:
        folder = Path(name)
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, folder / part)
            else:
                shutil.copy(source, folder / part)
        for edit in sabotage.edits:
            file = folder / edit.file
            text = file.read_text()
            if text.count(edit.old) != 1:
                return False, f"{edit.file} does not hold once what should be changed: {edit.old}"
            file.write_text(text.replace(edit.old, edit.new))
        for seed in SEEDS:
            kinds = _run(folder, sabotage, seed)
            if kinds & sabotage.found_as:
                return True, f"{', '.join(sorted(kinds))} (seed {seed})"
        return False, f"found only: {', '.join(sorted(kinds)) or 'nothing'}"


def _run(folder: Path, sabotage: Sabotage, seed: int) -> set[str]:
    """A short chaos with the copy; the kinds of breach it finds."""
    command = [sys.executable, "-m", "tests.chaos.run", f"--seed={seed}", "--no-browsers"]
    command += ["--outage-seconds=0", "--quiet-seconds=15", "--most-seconds=90"]
    command += ["--cuts=60", f"--kills={sabotage.kills}", "--stops=0"]
    command += sabotage.options or ("--store=sqlite",)
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    output = run.stdout + run.stderr
    for kept in re.findall(r"logs and database are in (/\S+)", output):
        shutil.rmtree(kept, ignore_errors=True)
    if run.returncode not in (0, 1) or "seed:" not in output:
        return {f"no result: {output[-300:]}"}
    return set(re.findall(r"^BREACH (\w+):", output, re.MULTILINE))


def main() -> int:
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    missed = 0
    for sabotage in SABOTAGE:
        if word in sabotage.name:
            is_found, text = try_one(sabotage)
            missed += not is_found
            print(f"{'found ' if is_found else 'MISSED'}  {sabotage.name}: {text}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
