"""Mixed load for a long time: joins, leaves, messages, reloads, rooms that come and end.

`bench/soak.py --minutes 60` starts the application, keeps some people busy with it and samples what it
holds. It prints a line a minute and fails when memory or file descriptors go on growing after the
first tenth of the time, or when a person misses a message.
"""

from gevent import monkey

monkey.patch_all()

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import gevent
import requests
import websocket

ROOT = Path(__file__).resolve().parents[1]
GROWTH_ALLOWED = 1.15  # of the median RSS, last fifth against second tenth
LIFTED = {
    "CHAT_ROOMS_PER_HOUR": "0",
    "CHAT_JOINS_PER_MINUTE": "0",
    "CHAT_CONNECTIONS_PER_ADDRESS": "0",
    "CHAT_TCP_CONNECTIONS_PER_ADDRESS": "0",
    "CHAT_HANDSHAKES_PER_MINUTE": "0",
    "CHAT_LEAVE_GRACE_SECONDS": "2",
    "CHAT_ROOM_GRACE_SECONDS": "5",
    "CHAT_HISTORY_LIMIT_EVENTS": "200",
}


class Person:
    """Comes, talks, reloads, and goes in one way or another; then somebody else comes."""

    def __init__(self, url: str, code: str, number: int, totals: dict[str, int]) -> None:
        self.url, self.code, self.number, self.totals = url, code, number, totals
        self.last_seq: int | None = None

    def live(self) -> None:
        path = f"{self.url}/api/v1/rooms/{self.code}/members"
        name = {"name": f"Guest {self.number}"}
        answer = requests.post(path, json=name, timeout=20)
        if answer.status_code == 404:
            return  # the room has ended meanwhile
        token = answer.json()["token"]
        for _ in range(random.randint(1, 4)):  # each a page load
            line = self.connect(token)
            for _ in range(random.randint(1, 10)):
                self.listen(line, random.uniform(0.5, 2))
                self.post(line)
            self.listen(line, 0.5)
            line.close()
            self.count("reloads")
        if random.random() < 0.5:
            line = self.connect(token)
            line.send('420["leave",{}]')
            self.listen(line, 0.5)
            line.close()
            self.count("leaves")

    def connect(self, token: str) -> websocket.WebSocket:
        address = "ws" + self.url[4:] + "/socket.io/?EIO=4&transport=websocket"
        line = websocket.create_connection(address, timeout=20)
        line.recv()
        auth = {"token": token} | ({} if self.last_seq is None else {"after": self.last_seq})
        line.send("40" + json.dumps(auth))
        self.count("connections")
        return line

    def post(self, line: websocket.WebSocket) -> None:
        key = f"{self.number}-{random.getrandbits(60)}"
        line.send("421" + json.dumps(["post", {"key": key, "text": "hello " * 10}]))
        self.count("posts")

    def listen(self, line: websocket.WebSocket, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            line.settimeout(left)
            try:
                packet = line.recv()
            except (websocket.WebSocketException, OSError):
                return
            if packet == "2":
                line.send("3")
            elif packet.startswith("42"):
                self.heard(*json.loads(packet[2:]))

    def heard(self, name: str, data: dict[str, Any]) -> None:
        if name == "welcome":
            if data["reset"]:
                self.last_seq = None
            for event in data["events"]:
                self.see(event["seq"])
        elif name == "event":
            self.count("deliveries")
            self.see(data["seq"])

    def see(self, seq: int) -> None:
        if self.last_seq is not None and seq != self.last_seq + 1:
            self.count("holes")
        self.last_seq = seq

    def count(self, what: str) -> None:
        self.totals[what] = self.totals.get(what, 0) + 1


def place(url: str, totals: dict[str, int], people: int, until: float) -> None:
    """A room after the other, each with some people who come and go."""
    number = 0
    while time.monotonic() < until:
        answer = requests.post(f"{url}/api/v1/rooms", json={"name": "Ada"}, timeout=20).json()
        totals["rooms"] = totals.get("rooms", 0) + 1
        ends = min(until, time.monotonic() + random.uniform(20, 60))

        def seat(code: str = answer["room"]["code"], ends: float = ends) -> None:
            nonlocal number
            while time.monotonic() < ends:
                number += 1
                Person(url, code, number, totals).live()

        gevent.joinall([gevent.spawn(seat) for _ in range(people)])


def sample(pid: int) -> tuple[float, int, float]:
    """RSS in MB, open files, CPU seconds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    files = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6, files, cpu


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=60)
    options.add_argument("--rooms", type=int, default=8)
    options.add_argument("--people", type=int, default=8, help="at a time, in each room")
    options.add_argument("--store", default="memory:")
    given = options.parse_args()
    command = [sys.executable, "main.py", "--port", "0", "--store", given.store]
    server = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | LIFTED, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    try:
        line = next(line for line in server.stdout if line.startswith("Flask Chat App on "))
        url = line.rpartition(" ")[2].strip()
        return run(url, server.pid, given)
    finally:
        server.terminate()
        server.wait(15)


def run(url: str, pid: int, given: argparse.Namespace) -> int:
    totals: dict[str, int] = {}
    began = time.monotonic()
    until = began + given.minutes * 60
    places = [gevent.spawn(place, url, totals, given.people, until) for _ in range(given.rooms)]
    samples = []
    while time.monotonic() < until:
        gevent.sleep(min(60, given.minutes * 3))
        samples.append(sample(pid))
        rss, files, cpu = samples[-1]
        minutes = (time.monotonic() - began) / 60
        print(
            f"{minutes:5.1f} min  {rss:6.1f} MB  {files} files  {cpu:6.1f} s CPU  {totals}",
            flush=True,
        )
    gevent.joinall(places, timeout=90)
    tenth = max(1, len(samples) // 10)
    early = statistics.median(rss for rss, *_ in samples[tenth : 3 * tenth])
    late = statistics.median(rss for rss, *_ in samples[-2 * tenth :])
    gevent.sleep(12)  # everybody has gone, the last rooms end
    files = sample(pid)[1]
    print(f"RSS early {early:.1f} MB, late {late:.1f} MB; {files} files open in the end")
    is_flat = late <= early * GROWTH_ALLOWED and files <= 40
    is_whole = totals.get("holes", 0) == 0 and all(each.successful() for each in places)
    return 0 if is_flat and is_whole else 1


if __name__ == "__main__":
    sys.exit(main())
