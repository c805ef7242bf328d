"""Several servers over one Redis on this machine, as one thing to measure: a town."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from contenders import Contender, ours
from measure import LOAD_CORE, Server, Steered, load_command, running, write_auths

from tests.over_redis.nodes import Node, nodes

# Commands that do not come from our functions, or are our own looking.
_FROM_OUTSIDE = {"fcall", "fcall_ro", "info", "function|load", "ssubscribe", "sunsubscribe"}


@dataclass(frozen=True)
class Counts:
    """What Redis has done since it started."""

    cpu_seconds: float
    calls: float  # commands that came in
    commands: float  # those that our functions ran within
    bytes_in: float
    bytes_out: float
    memory: float  # bytes in use now

    def since(self, before: "Counts") -> "Counts":
        """The difference; of memory too."""
        pairs = zip(vars(self).values(), vars(before).values(), strict=True)
        return Counts(*(after - earlier for after, earlier in pairs))


@dataclass(frozen=True)
class Town:
    """Servers, and the Redis they share; none where the only server keeps its rooms in memory."""

    contender: Contender
    servers: list[Server]
    redis: Node | None

    def cpu_seconds(self) -> float:
        """What all servers have used."""
        return sum(server.cpu_seconds() for server in self.servers)

    def counts(self) -> Counts:
        """What Redis has done up to now."""
        assert self.redis is not None
        stats, memory = self.redis.ask("INFO", "stats"), self.redis.ask("INFO", "memory")
        by_name = self.redis.ask("INFO", "commandstats").items()
        calls = {name.removeprefix("cmdstat_"): each["calls"] for name, each in by_name}
        within = sum(count for name, count in calls.items() if name not in _FROM_OUTSIDE)
        return Counts(
            self._redis_process().cpu_seconds(),
            stats["total_commands_processed"] - within,
            within,
            stats["total_net_input_bytes"],
            stats["total_net_output_bytes"],
            memory["used_memory"],
        )

    @contextmanager
    def people(
        self,
        *,
        connections: int,
        room_size: int,
        at: Sequence[Server] | None = None,
        **options: object,
    ) -> Iterator[Steered]:
        """So many people, connected to these servers in turn (all); nobody says anything yet."""
        auths, _ = write_auths(
            self.contender,
            self.servers[0],
            connections=connections,
            room_size=room_size,
            prefix="m",
        )
        if self.redis is not None:
            options["beside"] = self._redis_process().pid
        command = load_command(at or self.servers, auths, connections=connections, **options)
        with closing(Steered(command)) as steered:
            yield steered

    def _redis_process(self) -> Server:
        assert self.redis is not None
        assert self.redis.process is not None
        return Server(self.redis.port, self.redis.process.pid)


@contextmanager
def town(name: str, count: int, *, store: str = "", **settings: str) -> Iterator[Town]:
    """So many servers on core 0 over a Redis on the core of the load, or one over `store`."""
    with ExitStack() as stack:
        redis = None
        if not store:
            redis = stack.enter_context(nodes())()
            assert redis.process is not None
            os.sched_setaffinity(redis.process.pid, {LOAD_CORE % (os.cpu_count() or 1)})
            store = redis.url
        plain = replace(ours(), name=name, env={**ours().env, **settings, "CHAT_STORE": store})
        named = [replace(plain, name=f"{name}-{number}") for number in range(count)]
        yield Town(plain, [stack.enter_context(running(each)) for each in named], redis)
