"""What `appendfsync everysec` can lose, measured: `python -m tests.chaos.window [--rounds 20]`.

In each round five people post as fast as they are answered, over a Redis with everysec, until that
is killed with `kill -9`. Then its file is looked at twice: as it is, which is what the death of the
process leaves (what was written is in the kernel's hands); and cut off behind what the last
`fdatasync` that came to its end had before it, which is the worst that a loss of power leaves. Each
`write` and `fdatasync` of Redis is read from strace (apt install strace), which has to be allowed.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median

from flask_chat.client import RoomClient
from tests.chaos.people import NAMES
from tests.over_redis.nodes import SERVERS, Node, nodes
from tests.servers import LIFTED, launch

POSTERS = 5
UNLIMITED = {"posts_per_second": 0, "posts_burst": 0, "events_burst": 0}
TEXT = "sixty characters of text, as people write them to each other"
FILE = "appendonlydir/appendonly.aof.1.incr.aof"


@dataclass(frozen=True)
class Loss:
    """Acknowledged posts that are not there afterwards."""

    posts: int
    oldest_seconds: float  # how long before the end the oldest of them was acknowledged


class Watcher:
    """Reads from strace what goes into the file of a Redis, and what of it is on the disk."""

    def __init__(self, node: Node, output: Path) -> None:
        assert node.process is not None
        self._output = output
        pid = node.process.pid
        file = (node.folder / FILE).resolve()
        links = Path(f"/proc/{pid}/fd").iterdir()
        (number,) = [link.name for link in links if link.resolve() == file]
        self._writes = f"write({number}, "
        self._syncs = f"fdatasync({number}"
        self._known = file.stat().st_size
        command = ["strace", "-f", "-s", "0", "-e", "trace=write,fdatasync", "-o", str(output)]
        self._process = subprocess.Popen(
            [*command, "-p", str(pid)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        assert self._process.stderr is not None
        self._process.stderr.readline()  # it says that it is there

    def bytes_on_disk(self) -> int:
        """How much of the file was there when the last `fdatasync` that has ended began."""
        self._process.communicate(timeout=10)
        written = asked = on_disk = self._known
        calls: dict[str, str] = {}  # process → its call that has not come back
        for line in self._output.read_text().splitlines():
            process, _, text = line.partition(" ")
            call = calls.pop(process, "") if "resumed>" in text else text.lstrip()
            result = re.search(r"= (\d+)$", text)
            if call.startswith(self._syncs) and "resumed>" not in text:
                asked = written
            if result is None:
                calls[process] = call
            elif call.startswith(self._writes):
                written += int(result[1])
            elif call.startswith(self._syncs):
                on_disk = asked
        return on_disk


class Talker:
    """Posts one message after the other, as fast as they are acknowledged."""

    def __init__(self, client: RoomClient, acknowledged: dict[int, float]) -> None:
        self._client = client
        self._acknowledged = acknowledged  # seq → when
        self._is_over = False
        self._thread = threading.Thread(target=self._talk, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._is_over = True
        self._thread.join()
        self._client.close()

    def _talk(self) -> None:
        while not self._is_over:
            with suppress(TimeoutError):
                seq = self._client.post(TEXT).wait(1)
                self._acknowledged[seq] = time.monotonic()


def measure(folder: Path, program: str, chance: Random) -> tuple[int, Loss, Loss]:
    """One round: how many were acknowledged; what is lost with the process, and with the power."""
    with nodes(program) as make:
        node = make(appendonly="yes", appendfsync="everysec")
        server = launch(folder / "server.log", {**LIFTED, **UNLIMITED, "store": node.url})
        try:
            host = RoomClient.create(server.url, NAMES[0])
            guests = [RoomClient.join(server.url, host.code, name) for name in NAMES[1:POSTERS]]
            room_id = node.ask("GET", f"chat:code:{host.code}").decode()
            watcher = Watcher(node, folder / "strace")
            acknowledged: dict[int, float] = {}
            talkers = [Talker(client, acknowledged) for client in (host, *guests)]
            time.sleep(chance.uniform(3.0, 5.0))
            node.kill()
            killed_at = time.monotonic()
            for talker in talkers:
                talker.stop()
        finally:
            server.process.kill()
            server.process.wait()
        file = node.folder / FILE
        written = file.read_bytes()
        as_it_is = _lost(node, room_id, acknowledged, killed_at)
        node.kill()
        file.write_bytes(written[: watcher.bytes_on_disk()])
        return len(acknowledged), as_it_is, _lost(node, room_id, acknowledged, killed_at)


def _lost(node: Node, room_id: str, acknowledged: dict[int, float], killed_at: float) -> Loss:
    """What Redis does not have when it is started with its file."""
    node.start()
    newest = int(node.ask("HGET", f"chat:{{{room_id}}}", "seq") or 0)
    times = [at for seq, at in acknowledged.items() if seq > newest]
    return Loss(len(times), killed_at - min(times, default=killed_at))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--server", choices=SERVERS, default=SERVERS[0])
    options = parser.parse_args()
    if shutil.which("strace") is None:
        print("strace is needed, which tells what is on the disk")
        return 1
    chance = Random(options.seed)
    dead, dark = [], []
    for number in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            count, process, power = measure(Path(folder), options.server, chance)
        dead.append(process)
        dark.append(power)
        print(f"round {number + 1}: {count} acknowledged; lost {process}, {power}", flush=True)
    for what, losses in (("process killed", dead), ("power lost", dark)):
        posts = [loss.posts for loss in losses]
        oldest = max(loss.oldest_seconds for loss in losses)
        print(
            f"{what + ':':16}{sum(posts)} posts lost in {len(posts)} rounds, at most {max(posts)}, "
            f"the median {median(posts):g}, the oldest acknowledged {oldest:.2f} s before"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
