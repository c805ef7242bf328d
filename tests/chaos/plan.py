"""How much of everything a run of the chaos suite is to do."""

import argparse
import secrets
from dataclasses import dataclass
from typing import Any

from tests.chaos.checker import LIVE_SECONDS, RECOVERY_SECONDS


@dataclass(frozen=True)
class Plan:
    """How much of everything."""

    seed: int
    store: str  # "sqlite" or "memory:"; "redis", "sentinel", "sentinel-all", "cluster"
    servers: int = 1  # more than one only over Redis
    cuts: int = 1000
    kills: int = 100
    stops: int = 10
    redis_faults: int = 0
    partitions: int = 0  # in which one server is without a network
    partition_seconds: tuple[float, float] = (3.0, 14.0)
    goners: int = 0  # people who go for good when the server they are at is killed
    outage_seconds: float = 60.0
    quiet_seconds: float = 30.0  # cuts only, before the first kill
    most_seconds: float = 720.0
    slowest_pause_seconds: float = 4.0  # between what is done to servers and to Redis
    fault_pause_seconds: float = 0.5
    post_pause_seconds: float = 0.7
    browsers: bool = True
    leave_grace_seconds: float = 20.0
    live_seconds: float = LIVE_SECONDS
    recovery_seconds: float = RECOVERY_SECONDS

    @property
    def is_over_redis(self) -> bool:
        return self.store not in ("sqlite", "memory:")


# What a run is like over each store, unless options say something else. Over Redis a long outage is
# shorter than the grace: nobody is to be announced as gone in it.
OVER_REDIS: dict[str, Any] = {
    "servers": 2,
    "cuts": 800,
    "kills": 20,
    "stops": 10,
    "redis_faults": 120,
    "goners": 4,
    "outage_seconds": 12.0,
    "quiet_seconds": 10.0,
}
STORES: dict[str, dict[str, Any]] = {
    "sqlite": {},
    "memory:": {"kills": 0, "stops": 0, "outage_seconds": 0.0},
    "redis": OVER_REDIS | {"partitions": 6},
    "sentinel": OVER_REDIS | {"redis_faults": 50, "kills": 10},
    "sentinel-all": OVER_REDIS | {"redis_faults": 40, "kills": 10},
    "cluster": OVER_REDIS | {"redis_faults": 60, "kills": 10},
}


def read_plans(words: list[str], about: str | None) -> list[Plan]:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--store", choices=STORES, help="without it: sqlite, then redis")
    for name in ("servers", "cuts", "kills", "stops", "redis-faults", "partitions", "goners"):
        parser.add_argument(f"--{name}", type=int, default=argparse.SUPPRESS)
    for name in ("outage", "quiet", "most", "live", "recovery", "leave-grace", "slowest-pause"):
        parser.add_argument(f"--{name}-seconds", type=float, default=argparse.SUPPRESS)
    parser.add_argument(
        "--partition-seconds", type=float, nargs=2, default=argparse.SUPPRESS, metavar="N"
    )
    parser.add_argument(
        "--no-browsers", dest="browsers", action="store_false", default=argparse.SUPPRESS
    )
    options = vars(parser.parse_args(words))
    store = options.pop("store")
    stores = [store] if store else ["sqlite", "redis"]
    plans = [Plan(store=each, **{**STORES[each], **options}) for each in stores]
    for plan in plans:
        if not plan.is_over_redis and (plan.servers, plan.redis_faults, plan.goners) != (1, 0, 0):
            parser.error(f"{plan.store} is for one server, and has no Redis to break")
        if plan.partitions and plan.store != "redis":
            parser.error("servers are cut off with --store redis only")
    return plans
