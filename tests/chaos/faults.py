"""What goes wrong on a line, and when: plain values, and the seeded order they come in."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from random import Random
from typing import Any

# The steps of a connection's life a fault can hit. Where a frame goes up (to the server) or down
# (to the client) is in its name: see `Frames` in proxy.py, which tells them apart.
HANDSHAKE_STEPS = ("request", "response", "open", "connect", "connected", "welcome")
POSTER_STEPS = ("post", "post", "ack", "ack", "event", "ping", "pong")
LISTENER_STEPS = ("event", "event", "ping", "pong")

CUTS = ("rst", "fin", "half_up", "half_down")  # the connection is over
HOLES = ("hole_up", "hole_down", "hole_both")  # it only seems to be there
TRICKS = ("delay", "lose", "double", "swap")  # it goes on
WHERE = ("before", "middle", "after")


@dataclass(frozen=True)
class Fault:
    """`action` strikes `where` in the `nth` frame of kind `step`, `arm_seconds` into the line.

    Before it: no byte of the frame has passed. After it: all have. In the middle: exactly the first
    `fraction` of them. If no such frame comes within a while, it strikes the idle line.
    """

    step: str
    where: str
    action: str
    nth: int = 1
    fraction: float = 0.5
    seconds: float = 0.0  # for `delay`
    arm_seconds: float = 0.0

    @property
    def is_cut(self) -> bool:
        return self.action in CUTS

    @property
    def is_early(self) -> bool:
        """Whether it hits while the connection comes about."""
        return self.step in HANDSHAKE_STEPS

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def faults_for(seed: int, name: str, *, posts: bool, pause_seconds: float) -> Iterator[Fault]:
    """The faults of one person's line, without end: the same for the same seed and name."""
    chance = Random(f"{seed} {name}")
    steps = POSTER_STEPS if posts else LISTENER_STEPS
    while True:
        if chance.random() < 0.3:
            step, arm = chance.choice(HANDSHAKE_STEPS), 0.0
        else:
            step, arm = chance.choice(steps), chance.uniform(0.1, 2 * pause_seconds)
        action = _action(chance, step)
        yield Fault(
            step=step,
            where="before" if action in TRICKS else chance.choice(WHERE),
            action=action,
            nth=1 if step in HANDSHAKE_STEPS else chance.randint(1, 3),
            fraction=chance.random(),
            seconds=chance.uniform(0.05, 1.2),
            arm_seconds=arm,
        )


def _action(chance: Random, step: str) -> str:
    luck = chance.random()
    if luck < 0.15:
        return "delay"
    if luck < 0.23:
        return chance.choice(HOLES)
    # Only events get lost or overtake each other, and only they and posts come twice. TCP does
    # none of this; a bus between servers, or a proxy that sends again, may.
    if step == "event" and luck < 0.6:
        return chance.choice(("lose", "lose", "double", "swap"))
    if step == "post" and luck < 0.35:
        return "double"
    return chance.choice(("rst", "rst", "fin", "half_up", "half_down"))
