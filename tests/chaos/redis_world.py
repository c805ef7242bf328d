"""Redis for the chaos suite: alone, under Sentinels, as a cluster; and what can go wrong with each.

Every fault is over when its call returns. `away` notes when Redis could not be written to, as far
as one who looks at it from outside can tell; in these times nobody can come in.
"""

import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from random import Random
from typing import ClassVar

import redis

from tests.chaos.checker import Trouble
from tests.chaos.world import STEP_SECONDS, Proxy
from tests.over_redis.nodes import Node, Watched, cluster, free_ports, info, replication

MakeNode = Callable[..., Node]
DURABLE = {"appendonly": "yes", "appendfsync": "always"}
WHOLE_AGAIN_SECONDS = 40  # until Sentinels have made a replica of a master that came back
STEPS = (None, "post", "ack", "event")


class RedisWorld:
    """Some nodes, and the faults that are for all of them."""

    # Those that cost little come more often.
    FAULTS: ClassVar[tuple[str, ...]] = ("links", "links", "ears", "ears", "frozen", "paused")
    url = ""

    def __init__(self) -> None:
        self.away: list[Trouble] = []
        self.struck: Counter[str] = Counter()
        self._nodes: list[Node] = []

    def strikes(self, fault: str, chance: Random, proxy: Proxy) -> None:
        """Let something go wrong, and wait until it is over."""
        self.struck[fault] += 1
        getattr(self, f"_{fault}")(chance, proxy)
        self._heals()

    def is_away(self, seconds: float) -> None:
        """Be gone for a longer time."""
        self.struck["outage"] += 1
        node = self._some_master(Random(0))
        with self._away("outage"):
            node.pause()
            time.sleep(seconds)
            node.go_on()
            self._recovers()
        self._heals()

    def _some_master(self, chance: Random) -> Node:
        return self._nodes[0]

    def _recovers(self) -> None:
        """Wait until there is somebody to write to."""

    def _heals(self) -> None:
        """Wait until the next fault finds everything in its place."""

    @contextmanager
    def _away(self, what: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self.away.append(Trouble(start, time.monotonic(), f"Redis {what}"))

    def _links(self, chance: Random, proxy: Proxy) -> None:
        """All connections for commands are cut."""
        self._some_master(chance).ask("CLIENT", "KILL", "TYPE", "normal")

    def _ears(self, chance: Random, proxy: Proxy) -> None:
        """All connections that listen are cut."""
        for node in self._nodes:
            node.ask("CLIENT", "KILL", "TYPE", "pubsub")

    def _frozen(self, chance: Random, proxy: Proxy) -> None:
        node = self._some_master(chance)
        with self._away("frozen"):
            node.pause()
            time.sleep(self._freeze_seconds(chance))
            node.go_on()
            self._recovers()

    def _paused(self, chance: Random, proxy: Proxy) -> None:
        """It answers nothing and is there all the same."""
        seconds = self._freeze_seconds(chance)
        with self._away("paused"):
            self._some_master(chance).ask("CLIENT", "PAUSE", int(seconds * 1000), "ALL")
            time.sleep(seconds)
            self._recovers()

    def _freeze_seconds(self, chance: Random) -> float:
        return chance.uniform(0.2, 4.0)

    def _kill(self, node: Node, chance: Random, proxy: Proxy) -> float:
        """kill -9 at any moment, or while a post is on its way; when that was."""
        step = chance.choice(STEPS)
        assert node.process is not None
        if step is None:
            killed_at = time.monotonic()
            node.kill()
            return killed_at
        proxy.kills_at(step, node.process.pid, chance.choice((0.0, chance.uniform(0.0, 0.01))))
        try:
            node.process.wait(STEP_SECONDS)
        except subprocess.TimeoutExpired:  # no such frame has come
            node.kill()
        return proxy.killed_at() or time.monotonic()


class Alone(RedisWorld):
    """One server, which is started again with what its file has."""

    FAULTS = (*RedisWorld.FAULTS, "killed", "killed")

    def __init__(self, make: MakeNode, addresses: tuple[str, ...] = ("127.0.0.1",)) -> None:
        super().__init__()
        (port,) = free_ports(1)
        bind = {"bind": " ".join(addresses), "protected_mode": "no"}
        self._nodes = [make(port, **bind, **DURABLE)]
        self.url = f"redis://{addresses[-1]}:{port}"

    def _killed(self, chance: Random, proxy: Proxy) -> None:
        node = self._nodes[0]
        killed_at = self._kill(node, chance, proxy)
        time.sleep(chance.choice((0.0, chance.uniform(0.0, 2.0))))
        node.start()
        self.away.append(Trouble(killed_at, time.monotonic(), "Redis killed"))


class Watching(RedisWorld):
    """A master with two replicas, and three Sentinels that let one of these take over.

    One replica has to have a post before it is acknowledged. That is enough when the master is dead
    or frozen, since the replica that has most takes over.
    """

    FAULTS = (*RedisWorld.FAULTS, "killed", "behind")
    NEEDED = 1

    def __init__(self, make: MakeNode) -> None:
        super().__init__()
        # Not so soon that a busy machine looks dead: a live master that is replaced loses posts.
        watched = Watched(make, down_after_ms=1500, **DURABLE)
        self._nodes = [watched.master, *watched.replicas]
        self._sentinels = watched.sentinels
        self.url = f"{watched.url}?replicas={self.NEEDED}"

    def _some_master(self, chance: Random) -> Node:
        (port,) = {_master_of(sentinel) for sentinel in self._sentinels}
        return next(node for node in self._nodes if node.port == port)

    def _recovers(self) -> None:
        _wait(lambda: _has_replicas(self._some_master(Random(0)), self.NEEDED))

    def _heals(self) -> None:
        _wait(lambda: _has_replicas(self._some_master(Random(0)), 2))

    def _freeze_seconds(self, chance: Random) -> float:
        """Not noticed by the Sentinels, or longer than they take to let another take over."""
        return chance.choice((0.2, chance.uniform(6.0, 9.0)))

    def _killed(self, chance: Random, proxy: Proxy) -> None:
        master = self._some_master(chance)
        killed_at = self._kill(master, chance, proxy)
        self._comes_back(master)
        self.away.append(Trouble(killed_at, time.monotonic(), "Redis killed, failed over"))

    def _behind(self, chance: Random, proxy: Proxy) -> None:
        """The master dies while no replica answers it.

        Nothing is acknowledged meanwhile. What the kernel has taken for a replica still reaches it.
        """
        master = self._some_master(chance)
        replicas = [node for node in self._nodes if node is not master]
        with self._away("killed while its replicas were behind"):
            for replica in replicas:
                replica.pause()
            time.sleep(chance.uniform(0.1, 0.4))
            master.kill()
            for replica in replicas:
                replica.go_on()
            self._comes_back(master)

    def _comes_back(self, old: Node) -> None:
        """The dead master is started again as soon as another has taken over."""
        self._takes_over(old)
        old.start()
        self._recovers()

    def _takes_over(self, old: Node) -> None:
        _wait(lambda: self._some_master(Random(0)) is not old)


class WatchingAll(Watching):
    """The same with all replicas having each post, so whichever takes over has it.

    Then the master may even go on, which it does when the Sentinels are asked to let another take
    over: for some seconds it has a replica and takes posts that the new one does not have.
    """

    FAULTS = (*Watching.FAULTS, "asked", "asked")
    NEEDED = 2

    def _asked(self, chance: Random, proxy: Proxy) -> None:
        """The Sentinels are asked to let another take over."""
        master = self._some_master(chance)
        with self._away("asked to fail over"):
            self._sentinels[0].ask("SENTINEL", "FAILOVER", "chat")
            self._takes_over(master)
            self._recovers()


class Clustered(RedisWorld):
    """Three masters with a replica each."""

    FAULTS = (*RedisWorld.FAULTS, "killed", "asked")

    def __init__(self, make: MakeNode) -> None:
        super().__init__()
        self._nodes = cluster(make, masters=3, replicas=1, **DURABLE)
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self._nodes)
        self.url = f"redis+cluster://{hosts}?replicas=1"

    def _some_master(self, chance: Random) -> Node:
        return chance.choice([node for node in self._nodes if _is_master(node)])

    def _recovers(self) -> None:
        _wait(self._is_whole)

    def _freeze_seconds(self, chance: Random) -> float:
        """Not noticed by the others, or longer than they take to let the replica take over."""
        return chance.choice((0.3, chance.uniform(4.0, 8.0)))

    def _killed(self, chance: Random, proxy: Proxy) -> None:
        master = self._some_master(chance)
        others = [node for node in self._nodes if node is not master]
        killed_at = self._kill(master, chance, proxy)
        _wait(lambda: sum(map(_is_master, others)) == 3)
        master.start()
        # Until it is a replica of its replica, that one cannot acknowledge anything.
        self._recovers()
        self.away.append(Trouble(killed_at, time.monotonic(), "Redis killed, failed over"))

    def _asked(self, chance: Random, proxy: Proxy) -> None:
        """A replica is told to take over."""
        replica = chance.choice([node for node in self._nodes if not _is_master(node)])
        with self._away("asked to fail over"):
            replica.ask("CLUSTER", "FAILOVER")
            _wait(lambda: _is_master(replica))
            self._recovers()

    def _is_whole(self) -> bool:
        masters = [node for node in self._nodes if _is_master(node)]
        return (
            len(masters) == 3
            and all(_has_replicas(master, 1) for master in masters)
            and all(b"cluster_state:ok" in info(node) for node in self._nodes)
        )


def _is_master(node: Node) -> bool:
    return bool(replication(node)["role"] == "master")


def _has_replicas(node: Node, count: int) -> bool:
    """Whether it is a master with so many replicas that have everything."""
    found = replication(node)
    states = [found.get(f"slave{number}", {}).get("state") for number in range(count)]
    return found["role"] == "master" and states == ["online"] * count


def _master_of(sentinel: Node) -> int:
    """The port of the node this Sentinel tells its clients."""
    return int(sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "chat")[1])


def _wait(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + WHOLE_AGAIN_SECONDS
    while True:
        with suppress(redis.RedisError, ValueError, OSError):
            if condition():
                return
        assert time.monotonic() < until, "Redis does not become whole again"
        time.sleep(0.05)
