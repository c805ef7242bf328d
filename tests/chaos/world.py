"""What the chaos suite does things to: the server that is killed, the proxy that cuts."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.chaos.checker import Trouble
from tests.chaos.faults import Fault
from tests.servers import LIFTED, ROOT, RunningServer, launch

STEP_SECONDS = 3.0  # a kill does not wait longer for its step
PING_SECONDS = 1.5  # asked this often, and given as long to answer: a dead line shows within 3 s
SETTINGS: dict[str, object] = {
    **LIFTED,
    "ping_interval_seconds": PING_SECONDS,
    "ping_timeout_seconds": PING_SECONDS,
    "posts_burst": 10,
    "posts_per_second": 5,
    "leave_grace_seconds": 20,
}


class Mortal:
    """A server on one port that is killed and started again."""

    def __init__(self, folder: Path, store: str, **more: object) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._settings = {**SETTINGS, "port": self.port, "store": store, **more}
        self.outages: list[Trouble] = []
        self.kills = self.stops = 0
        self.starts = 0
        self.slowest_start = 0.0
        self._server = self._launch()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def goes_down(self, number: int, *, for_seconds: float = 0.0) -> None:
        """Kill it (SIGKILL) or ask it to stop (SIGTERM), and start it again after a while."""
        start = time.monotonic()
        if number == signal.SIGKILL:
            self.kills += 1
            self._server.process.kill()
            self._server.process.wait()
        else:
            self.stops += 1
            if exit_code := self._server.stop(number):
                raise AssertionError(f"exit code {exit_code} on SIGTERM\n{self._server.log()}")
        self._comes_back(start, for_seconds, signal.Signals(number).name)

    def dies_at(self, step: str, proxy: "Proxy", delay_seconds: float) -> None:
        """Be killed (SIGKILL) when such a frame passes the proxy, and start again."""
        proxy.kills_at(step, self._server.pid, delay_seconds)
        try:
            self._server.process.wait(STEP_SECONDS)
        except subprocess.TimeoutExpired:  # no such frame has come
            self._server.process.kill()
            self._server.process.wait()
        self.kills += 1
        start = proxy.killed_at() or time.monotonic()
        self._comes_back(start, 0.0, f"SIGKILL at {step}")

    def _comes_back(self, start: float, for_seconds: float, what: str) -> None:
        time.sleep(for_seconds)
        self._server = self._launch()
        what = f"{what}, outage {self.kills + self.stops}"
        self.outages.append(Trouble(start, time.monotonic(), what))

    def ends(self) -> None:
        self._server.stop()

    def faults_logged(self) -> list[str]:
        """What the server wrote about errors of its own."""
        texts = (path.read_text(errors="replace") for path in self._folder.glob("server-*.log"))
        return [line for text in texts for line in text.splitlines() if "Traceback" in line]

    def _launch(self) -> RunningServer:
        self.starts += 1
        start = time.monotonic()
        server = launch(self._folder / f"server-{self.starts}.log", self._settings)
        self.slowest_start = max(self.slowest_start, time.monotonic() - start)
        return server


class Proxy:
    """The proxy process, with a link for each person."""

    def __init__(self, upstream: int) -> None:
        self.records: list[dict[str, Any]] = []
        self._ports: dict[str, int] = {}
        self._killed_at: float | None = None
        self._heard = threading.Condition()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.proxy", str(upstream)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def link(self, name: str) -> str:
        """A new way to the server; its URL."""
        self._tell(do="listen", link=name)
        with self._heard:
            assert self._heard.wait_for(lambda: name in self._ports, 10), "the proxy says nothing"
        return f"http://127.0.0.1:{self._ports[name]}"

    def plans(self, name: str, fault: Fault) -> None:
        self._tell(do="plan", link=name, fault=fault.as_json())

    def kills_at(self, step: str, pid: int, delay_seconds: float) -> None:
        """Kill a process a moment after the next frame of this kind has passed on any line."""
        with self._heard:
            self._killed_at = None
        self._tell(do="kill", step=step, pid=pid, delay_seconds=delay_seconds)

    def killed_at(self) -> float | None:
        """When that happened, if it has."""
        with self._heard:
            self._heard.wait_for(lambda: self._killed_at is not None, 0.5)
            return self._killed_at

    def crashes(self) -> list[str]:
        """Faults of the proxy itself, after which a run is worth nothing."""
        with self._heard:
            return [str(record) for record in self.records if record["what"] == "crashed"]

    def misordered(self) -> list[str]:
        """What the server sent out of order on the wire, which clients would put right."""
        with self._heard:
            return [
                f"{record['link']}: {record['complaint']}"
                for record in self.records
                if record["what"] == "misordered"
            ]

    def calms(self) -> None:
        """No more faults."""
        self._tell(do="calm")

    def takes_down(self, name: str) -> None:
        self._tell(do="down", link=name)

    def brings_up(self, name: str) -> None:
        self._tell(do="up", link=name)

    def struck(self) -> list[dict[str, Any]]:
        """The faults so far."""
        with self._heard:
            return [record for record in self.records if record["what"] == "fault"]

    def ends(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _tell(self, **command: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            record = json.loads(line)
            with self._heard:
                self.records.append(record)
                if record["what"] == "killed":
                    self._killed_at = record["at"]
                if record["what"] == "listening":
                    self._ports[record["link"]] = record["port"]
                self._heard.notify_all()


BREAKING = ("rst", "fin", "half_up", "half_down", "hole_up", "hole_down", "hole_both")


class Lines:
    """What the proxy's records say about one person's connections."""

    def __init__(self, name: str, records: list[dict[str, Any]], outages: list[Trouble]) -> None:
        self.good: list[tuple[float, float]] = []  # when nothing was wrong
        self.troubles: list[Trouble] = list(outages)
        self.welcomes: list[float] = []
        self.without_fault: list[float] = []  # connections that ended and nobody knows why
        self._outages = outages
        by_connection: dict[int, list[dict[str, Any]]] = {}
        for record in records:
            if record.get("link") == name and "connection" in record:
                by_connection.setdefault(record["connection"], []).append(record)
        for connection in by_connection.values():
            self._read(name, connection)

    def _read(self, name: str, records: list[dict[str, Any]]) -> None:
        good_since: float | None = None
        is_broken = was_welcomed = False
        for record in records:
            at, what = record["at"], record["what"]
            if what == "welcomed":
                was_welcomed = True
                self.welcomes.append(at)
                if not is_broken:
                    good_since = at
            elif what == "fault" and record["action"] in BREAKING:
                is_broken = True
                self._end(good_since, at)
                good_since = None
                words = f"{record['action']} {record['where']} {record['step']} at {at:.2f}"
                self.troubles.append(Trouble(at, at, f"{name}: {words}"))
            elif what == "fault" and good_since is not None and record["action"] != "double":
                self._end(good_since, at)
                # A frame that was lost or came late shows with the next one; that is not timed.
                good_since = at + record["seconds"] if record["action"] == "delay" else None
            elif what == "closed":
                self._end(good_since, at)
                if was_welcomed and not is_broken and not self._server_was_away(at):
                    self.without_fault.append(at)
                    self.troubles.append(Trouble(at, at, f"{name}: lost at {at:.2f}"))
                good_since = None
        self._end(good_since, float("inf"))

    def _end(self, since: float | None, at: float) -> None:
        if since is None:
            return
        for outage in self._outages:
            if since <= outage.start < at:
                at = outage.start
        if at > since:
            self.good.append((since, at))

    def _server_was_away(self, at: float) -> bool:
        return any(outage.start <= at <= outage.end + 0.5 for outage in self._outages)


def lines_of(
    names: list[str], records: list[dict[str, Any]], outages: list[Trouble]
) -> Iterator[tuple[str, Lines]]:
    for name in names:
        yield name, Lines(name, records, outages)
