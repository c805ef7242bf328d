"""redis-server processes of our own, in short paths: alone, under Sentinels, in a cluster."""

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis

START_SECONDS = 10

# What is on the PATH: one of the two is enough, with both everything is tested with both.
SERVERS = [name for name in ("redis-server", "valkey-server") if shutil.which(name)]


class Node:
    """One redis-server. `url` is how to reach it."""

    def __init__(self, folder: Path, program: str, port: int, options: dict[str, object]) -> None:
        self.folder = folder
        self.port = port
        self.options = options
        self._program = program
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self.folder / "s"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}" if self.port else f"redis+unix://{self.socket}"

    def start(self) -> "Node":
        """Start the server and wait until it answers."""
        options = {
            "port": self.port,
            "bind": "127.0.0.1",
            "dir": self.folder,
            "save": "",
            "repl-diskless-sync-delay": 0,
            "unixsocket": self.socket,
            "logfile": self.folder / "log",
            **self.options,
        }
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        if "sentinel-of" in self.options:
            words = self._sentinel_words()
        self.process = subprocess.Popen(
            [self._program, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.waits_until(lambda: self.ask("PING"))
        return self

    def _sentinel_words(self) -> list[str]:
        """A Sentinel keeps what it learns in its own configuration."""
        file = self.folder / "sentinel.conf"
        file.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\nunixsocket {self.socket}\n"
            f"logfile {self.folder}/log\n"
            f"sentinel monitor chat 127.0.0.1 {self.options['sentinel-of']} 2\n"
            f"sentinel down-after-milliseconds chat {self.options['down-after-ms']}\n"
            "sentinel failover-timeout chat 5000\n"
        )
        return [str(file), "--sentinel"]

    def ask(self, *command: object) -> Any:
        """Send one command over a connection of its own."""
        password = self.options.get("requirepass")
        client = redis.Redis(
            unix_socket_path=str(self.socket), password=password, socket_timeout=START_SECONDS
        )
        with client:
            return client.execute_command(*command)

    def waits_until(self, condition: Callable[[], object]) -> None:
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                if condition():
                    return
            except redis.RedisError:
                pass
            log = self.folder / "log"
            assert time.monotonic() < until, log.read_text() if log.exists() else "no log"
            time.sleep(0.02)

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()

    def pause(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


@contextmanager
def nodes(program: str | None = None) -> Iterator[Callable[..., Node]]:
    """`make(port=0, **options)`: a running server; all are killed in the end."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="chat"))  # short: a socket's path has 100 bytes
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        count = 0

        def make(port: int = 0, **options: object) -> Node:
            nonlocal count
            count += 1
            own = folder / str(count)
            own.mkdir()
            named = {name.replace("_", "-"): value for name, value in options.items()}
            node = Node(own, program or SERVERS[0], port, named)
            stack.callback(node.kill)
            return node.start()

        yield make


def free_ports(count: int) -> list[int]:
    """Free ports; of each its number plus 10,000 is free as well, for a cluster's bus."""
    found: list[int] = []
    with ExitStack() as stack:
        while len(found) < count:
            first = stack.enter_context(socket.socket())
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1] - 10_000
            second = stack.enter_context(socket.socket())
            try:
                second.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
    return found


class Watched:
    """A master, its replicas, and three Sentinels that watch them."""

    def __init__(
        self,
        make: Callable[..., Node],
        replicas: int = 2,
        down_after_ms: int = 500,
        **options: object,
    ) -> None:
        ports = free_ports(4 + replicas)
        self.master = make(ports[0], **options)
        self.replicas = [
            make(port, replicaof=f"127.0.0.1 {ports[0]}", **options)
            for port in ports[1 : 1 + replicas]
        ]
        for replica in self.replicas:
            replica.waits_until(
                lambda replica=replica: replication(replica)["master_link_status"] == "up"
            )
        self.sentinels = [
            make(port, sentinel_of=ports[0], down_after_ms=down_after_ms)
            for port in ports[1 + replicas :]
        ]
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports[1 + replicas :])
        self.url = f"redis+sentinel://{hosts}/chat"
        for sentinel in self.sentinels:
            sentinel.waits_until(lambda sentinel=sentinel: _is_ready(sentinel))

    def waits_for_takeover(self) -> None:
        """Wait until the Sentinels have made a replica the master."""
        self.replicas[0].waits_until(
            lambda: any(replication(replica)["role"] == "master" for replica in self.replicas)
        )


def _is_ready(sentinel: Node) -> bool:
    """Whether it knows both other Sentinels."""
    return "3 usable" in str(sentinel.ask("SENTINEL", "CKQUORUM", "chat"))


def cluster(
    make: Callable[..., Node], masters: int = 3, replicas: int = 1, **more: object
) -> list[Node]:
    """A cluster; the masters come first."""
    ports = free_ports(masters * (1 + replicas))
    options = {
        "cluster_enabled": "yes",
        "cluster_node_timeout": 1000,
        "cluster_replica_validity_factor": 0,
        "cluster_require_full_coverage": "no",
        **more,
    }
    made = [make(port, **options) for port in ports]
    size = 16384 // masters
    for number, node in enumerate(made[:masters]):
        last = 16383 if number == masters - 1 else (number + 1) * size - 1
        node.ask("CLUSTER", "ADDSLOTSRANGE", number * size, last)
        node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
    for node in made[1:]:
        node.ask("CLUSTER", "MEET", "127.0.0.1", made[0].port)
    for node in made:
        node.waits_until(
            lambda node=node: f"cluster_known_nodes:{len(made)}".encode() in info(node)
        )
    ids = [node.ask("CLUSTER", "MYID").decode() for node in made]
    for number, node in enumerate(made[masters:]):
        node.waits_until(
            lambda node=node, n=number: node.ask("CLUSTER", "REPLICATE", ids[n % masters])
        )
    for node in made[masters:]:
        node.waits_until(lambda node=node: replication(node)["master_link_status"] == "up")
    for node in made:
        node.waits_until(lambda node=node: b"cluster_state:ok" in info(node))
    return made


def replication(node: Node) -> dict[str, Any]:
    """What it says of its role, its master and its replicas."""
    found = node.ask("INFO", "replication")
    assert isinstance(found, dict)
    return found


def info(node: Node) -> bytes:
    """What a node of a cluster says of the cluster."""
    found = node.ask("CLUSTER", "INFO")
    if isinstance(found, dict):
        return "\n".join(f"{name}:{value}" for name, value in found.items()).encode()
    return found if isinstance(found, bytes) else str(found).encode()
