"""Real servers for tests: sub-processes on free ports, started and stopped as operators do.

pytest's own process is never patched by gevent, so nothing of the server runs in it.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
START_SECONDS = 20
STOP_SECONDS = 12  # the promise is ten
BANNER = re.compile(r"^Flask Chat App on (http://(?:\[[^]]+]|[^:/\s]+):(\d+))$", re.MULTILINE)

# Tests come from one address and are in a hurry. A test of these limits sets them itself.
LIFTED = {
    "rooms_per_hour": 0,
    "joins_per_minute": 0,
    "failed_lookups_per_minute": 0,
    "failed_lookups_per_day": 0,
    "failed_lookups_overall_per_minute": 0,
    "handshakes_per_minute": 0,
    "connections_per_address": 0,
    "tcp_connections_per_address": 0,
}


@dataclass
class RunningServer:
    """A server that takes connections."""

    url: str  # without a slash at the end
    port: int
    process: subprocess.Popen[bytes]
    output: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def log(self) -> str:
        """Everything it has written so far, standard output and log."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end and wait for that. Returns its exit code; may be called again."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"did not end within {STOP_SECONDS} s\n{self.log()}") from None


def environment(settings: Mapping[str, object]) -> dict[str, str]:
    """The environment of a program with these settings and no others."""
    platform = {"PORT", "HOST", "SECRET_KEY", "REDIS_URL"}
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("CHAT_") and name not in platform
    }
    return clean | {f"CHAT_{name.upper()}": str(value) for name, value in settings.items()}


def launch(
    output: Path, settings: Mapping[str, object], command: list[str] | None = None
) -> RunningServer:
    """Start a server and wait for its address. The command is `python main.py` unless given."""
    with output.open("wb") as file:
        process = subprocess.Popen(
            command or [sys.executable, "main.py"],
            cwd=ROOT,
            env=environment({"port": 0, **settings}),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        if found := BANNER.search(output.read_text(encoding="utf-8", errors="replace")):
            return RunningServer(found[1], int(found[2]), process, output)
        time.sleep(0.005)
    process.kill()
    process.wait()
    raise AssertionError(f"no server: exit code {process.returncode}\n{output.read_text()}")


@contextmanager
def running(output: Path, settings: Mapping[str, object]) -> Iterator[RunningServer]:
    """A server for the length of a block, which then has to end well."""
    server = launch(output, {**LIFTED, **settings})
    try:
        yield server
    finally:
        check_end(server)


def check_end(server: RunningServer) -> None:
    """Stop the server if it runs: it ends with 0, and no error was logged on the way."""
    exit_code = server.stop()
    assert exit_code == 0, f"exit code {exit_code}\n{server.log()}"
    assert "Traceback" not in server.log(), server.log()
