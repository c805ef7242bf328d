"""What the chaos suite does things to: the servers that are killed, the proxy that cuts."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.chaos.faults import Fault
from tests.chaos.lines import Outage
from tests.chaos.network import HERE, Home
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
    """A server on one port that is killed and started again. `number` is its place in the proxy."""

    def __init__(
        self, folder: Path, store: str, number: int = 0, home: Home = HERE, **more: object
    ) -> None:
        self._folder = folder
        self.number = number
        self.home = home
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        where = {"host": home.address, "port": self.port}
        self._settings = {**SETTINGS, **where, "store": store, **more}
        self.outages: list[Outage] = []
        self.kills = self.stops = self.partitions = 0
        self.starts = 0
        self.slowest_start = 0.0
        self._server = self._launch()

    @property
    def address(self) -> str:
        return f"{self.home.address}:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def goes_down(
        self,
        number: int,
        *,
        for_seconds: float = 0.0,
        then: Callable[[], None] | None = None,
    ) -> None:
        """Kill it (SIGKILL) or ask it to stop (SIGTERM), and start it again after a while.

        `then` is called while it is down.
        """
        start = time.monotonic()
        if number == signal.SIGKILL:
            self.kills += 1
            self._server.process.kill()
            self._server.process.wait()
        else:
            self.stops += 1
            if exit_code := self._server.stop(number):
                raise AssertionError(f"exit code {exit_code} on SIGTERM\n{self._server.log()}")
        if then is not None:
            then()
        self._comes_back(start, for_seconds, signal.Signals(number).name)

    def is_cut_off(self, for_seconds: float) -> None:
        """Be without a network for a while, and know nothing of it."""
        self.partitions += 1
        start = time.monotonic()
        self.home.cut()
        time.sleep(for_seconds)
        self.home.heal()
        self.outages.append(Outage(start, time.monotonic(), "cut off"))

    def dies_at(self, step: str, proxy: "Proxy", delay_seconds: float) -> None:
        """Be killed (SIGKILL) when such a frame passes the proxy, and start again."""
        proxy.kills_at(step, self._server.pid, delay_seconds, self.number)
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
        what = f"{what} of server {self.number + 1}, outage {self.kills + self.stops}"
        self.outages.append(Outage(start, time.monotonic(), what))

    def ends(self) -> None:
        self._server.stop()

    def faults_logged(self) -> list[str]:
        """What the server wrote about errors of its own."""
        files = self._folder.glob(f"server-{self.number + 1}-*.log")
        texts = (path.read_text(errors="replace") for path in files)
        return [line for text in texts for line in text.splitlines() if "Traceback" in line]

    def _launch(self) -> RunningServer:
        self.starts += 1
        start = time.monotonic()
        output = self._folder / f"server-{self.number + 1}-{self.starts}.log"
        command = [*self.home.command, sys.executable, "main.py"]
        server = launch(output, self._settings, command)
        self.slowest_start = max(self.slowest_start, time.monotonic() - start)
        return server


class Proxy:
    """The proxy process, with a link for each person."""

    def __init__(self, *upstreams: str) -> None:
        """For servers at these addresses, host:port."""
        self.records: list[dict[str, Any]] = []
        self._ports: dict[str, int] = {}
        self._killed_at: float | None = None
        self._heard = threading.Condition()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.proxy", *upstreams],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def link(self, name: str) -> str:
        """A new way to the servers; its URL."""
        self._tell(do="listen", link=name)
        with self._heard:
            assert self._heard.wait_for(lambda: name in self._ports, 10), "the proxy says nothing"
        return f"http://127.0.0.1:{self._ports[name]}"

    def plans(self, name: str, fault: Fault) -> None:
        self._tell(do="plan", link=name, fault=fault.as_json())

    def kills_at(
        self, step: str, pid: int, delay_seconds: float, server: int | None = None
    ) -> None:
        """Kill a process a moment after the next frame of this kind has passed.

        On any line, or on any to the server with this number.
        """
        with self._heard:
            self._killed_at = None
        self._tell(do="kill", step=step, pid=pid, delay_seconds=delay_seconds, server=server)

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
