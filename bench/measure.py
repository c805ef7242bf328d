"""Starts a server on core 0, lets the load generator at it from core 1, and returns what that saw."""

import http.client
import json
import os
import re
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contenders import BUILD, ROOT, Contender, command_line, environment

SERVER_CORE, LOAD_CORE = 0, 1
SENDERS = 40
START_SECONDS = 30
LOAD_SECONDS = 300  # far more than any run takes: a run that hangs is ended


@dataclass(frozen=True)
class Server:
    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """User and system time of the whole process, to the nanosecond (the process clock of another process)."""
        return time.clock_gettime((~self.pid << 3) | 2)


@contextmanager
def running(contender: Contender) -> Iterator[Server]:
    port = free_port()
    asks_for_port = any("{port}" in part for part in contender.command)
    command = on_core(SERVER_CORE) + command_line(contender, port)
    BUILD.mkdir(exist_ok=True)
    with (BUILD / f"{contender.name}.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(contender),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            if not asks_for_port:
                port = told_port(process, Path(log.name))
            wait_until_open(process, port)
            yield Server(port, process.pid)
        finally:
            stop(process)


def on_core(core: int) -> list[str]:
    """What to put before a command so that it runs there; it stays the same process."""
    return ["taskset", "-c", str(core % (os.cpu_count() or 1))]


def raise_file_limit() -> None:
    """As many open files as this user may have; the servers and the generator inherit it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def told_port(process: subprocess.Popen[bytes], log: Path) -> int:
    """The port in the server's first words: `… on http://127.0.0.1:PORT`."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(rb"http://127\.0\.0\.1:(\d+)", log.read_bytes()):
            return int(found[1])
        time.sleep(0.05)
    raise RuntimeError(
        f"the server did not tell its port; its words are in bench/.build/{log.name}"
    )


def wait_until_open(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                time.sleep(0.3)
                return
        time.sleep(0.05)
    raise RuntimeError("the server does not listen; its words are in bench/.build")


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(3)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def write_auths(
    contender: Contender, server: Server, *, connections: int, room_size: int, prefix: str
) -> tuple[Path, float]:
    """The file of CONNECT payloads for the generator, and the CPU milliseconds each join over REST took (or 0)."""
    path = BUILD / f"auth-{contender.name}"
    before = server.cpu_seconds()
    with path.open("w") as f:
        http_connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        code = ""
        for number in range(connections):
            room, name = number // room_size, f"{prefix}{number}"
            if not contender.rest:
                auth: dict[str, str] = {
                    "room": f"{prefix}{room}",
                    "name": name,
                    "token": f"{prefix}{room}.{name}",
                }
            elif number % room_size == 0:
                made = post(http_connection, "/api/v1/rooms", {"name": name})
                code, auth = made["room"]["code"], {"token": made["token"]}
            else:
                auth = {
                    "token": post(http_connection, f"/api/v1/rooms/{code}/members", {"name": name})[
                        "token"
                    ]
                }
            f.write(f"{room} {json.dumps(auth, separators=(',', ':'))}\n")
        http_connection.close()
    return path, (server.cpu_seconds() - before) / connections * 1000 if contender.rest else 0.0


def post(connection: http.client.HTTPConnection, path: str, body: dict[str, str]) -> Any:
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    text = response.read()
    if response.status != 201:
        raise RuntimeError(f"POST {path} was answered {response.status}: {text[:200]!r}")
    return json.loads(text)


def load_command(
    servers: Sequence[Server], auths: Path, *, connections: int, **options: object
) -> list[str]:
    """A server that is named several times gets as many times the connections."""
    command = [
        *on_core(LOAD_CORE),
        str(BUILD / "load"),
        "--port",
        ",".join(str(server.port) for server in servers),
        "--pid",
        ",".join(str(pid) for pid in dict.fromkeys(server.pid for server in servers)),
        "--auth",
        str(auths),
    ]
    command += ["--connections", str(connections)]
    for name, value in {"senders": SENDERS, **options}.items():
        command += [f"--{name}", str(value)]
    return command


def load(
    servers: Sequence[Server], auths: Path, *, connections: int, **options: object
) -> dict[str, Any]:
    command = load_command(servers, auths, connections=connections, **options)
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=LOAD_SECONDS, check=False)
    return result_in(done.stdout)


def result_in(text: bytes) -> dict[str, Any]:
    """What the generator printed. Raises RuntimeError when it could not go on."""
    result: dict[str, Any] = json.loads(text)
    if result.get("error"):
        raise RuntimeError(result["error"])
    return result


class Steered:
    """A generator with everybody connected, which does one thing after the other when told to."""

    def __init__(self, command: list[str]) -> None:
        """Raises RuntimeError when not everybody could connect."""
        self._process = subprocess.Popen(
            [*command, "--steered", "1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.connected = self._answer()

    def saturated(self, window: int, warm: float, seconds: float) -> dict[str, Any]:
        """So many messages of every room in flight, for so long."""
        found: dict[str, Any] = self._ask(f"saturated {window} {warm} {seconds}")["saturated"]
        return found

    def fixed(self, rate: float, warm: float, seconds: float) -> dict[str, Any]:
        """So many deliveries a second."""
        found: dict[str, Any] = self._ask(f"fixed {rate} {warm} {seconds}")["fixed"]
        return found

    def storm(self, server: Server, rate: float, before: float, seconds: float) -> dict[str, Any]:
        """Kill a server while so many deliveries a second are made, and wait for its people."""
        order = f"storm {server.port} {server.pid} {rate} {before} {seconds}"
        found: dict[str, Any] = self._ask(order)["storm"]
        return found

    def check(self) -> dict[str, Any]:
        """Whether all that was posted up to now has come to everybody, once and in order."""
        found: dict[str, Any] = self._ask("check")["checked"]
        return found

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(LOAD_SECONDS)

    def _ask(self, order: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{order}\n".encode())
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        return result_in(self._process.stdout.readline())


def measure_rooms(
    contender: Contender,
    *,
    room_size: int,
    connections: int,
    window: int,
    saturated: str,
    fixed: str,
) -> dict[str, Any]:
    """Deliveries in rooms of one size: as many as go, then a fixed rate, on the same connections."""
    with running(contender) as server:
        auths, _ = write_auths(
            contender, server, connections=connections, room_size=room_size, prefix="m"
        )
        options = {"window": window, "saturated": saturated, "fixed": fixed}
        given = {key: value for key, value in options.items() if value}
        result = load([server], auths, connections=connections, **given)
    if not result["checked"]["good"]:
        print(
            f"    ! {contender.name}, rooms of {room_size}: {json.dumps(result['checked'])}",
            flush=True,
        )
    return result


def measure_idle(contender: Contender, *, connections: int, room_size: int = 10) -> dict[str, Any]:
    """Memory of connections that say nothing, what connecting them cost, whether they can still
    talk, and what leaving costs."""
    with running(contender) as server:
        # One client comes and goes first: what the first makes the server load is not the next one's price.
        auths, _ = write_auths(contender, server, connections=1, room_size=1, prefix="first")
        load([server], auths, connections=1, settle=0.1)
        empty_kb = rss_kb(server.pid)
        auths, join_ms = write_auths(
            contender, server, connections=connections, room_size=room_size, prefix="m"
        )
        leavers = min(500, connections // 4)
        result = load(
            [server],
            auths,
            connections=connections,
            steps=connections,
            fixed="5000,0.2,1.5",  # and still they talk
            disconnect=leavers,
            settle=1.5,
        )
    result["rss_before_members_kb"] = empty_kb
    result["rest_join_ms"] = join_ms
    return result


def rss_kb(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024
