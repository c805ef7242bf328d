"""Networks of our own that can be cut: each server in a namespace, a bridge between them.

Everything is inside one more namespace, the hub, in which the run itself takes place, so nothing of
it touches the machine's own network. Linux only, and only for root; `ip` is from iproute2, nsenter
from util-linux.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
HUB_ADDRESS = "10.77.0.1"
INSIDE = "CHAOS_INSIDE"  # set for a process that is in the hub


@dataclass(frozen=True)
class Home:
    """Where a server lives: its address, what starts a program there, how to cut it off."""

    address: str
    command: tuple[str, ...] = ()
    cut: Callable[[], None] = lambda: None
    heal: Callable[[], None] = lambda: None


HERE = Home("127.0.0.1")


def missing() -> str:
    """Why there can be no networks of our own here, "" where there can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "network namespaces are for root on Linux"
    for program in ("ip", "nsenter"):
        if shutil.which(program, path=PATH) is None:
            return f"{program} is not installed (scripts/setup network)"
    found = subprocess.run([*_ip(), "netns", "add", _name("try")], capture_output=True, check=False)
    if found.returncode:
        return f"no network namespaces here: {found.stderr.decode().strip()}"
    _run("netns", "delete", _name("try"))
    return ""


def run_in_hub(command: list[str]) -> int:
    """Run a program in a namespace made for it; its exit code."""
    hub = _name("hub")
    _run("netns", "add", hub)
    try:
        _run("-n", hub, "link", "set", "lo", "up")
        environment = os.environ | {INSIDE: hub}
        return subprocess.run([*_into(hub), *command], env=environment, check=False).returncode
    finally:
        _run("netns", "delete", hub)


def is_inside() -> bool:
    return INSIDE in os.environ


@contextmanager
def homes(count: int) -> Iterator[list[Home]]:
    """A home for each of so many servers. To be called in the hub."""
    with ExitStack() as stack:
        _run("link", "add", "chaos", "type", "bridge")
        stack.callback(_run, "link", "delete", "chaos")
        _run("address", "add", f"{HUB_ADDRESS}/24", "dev", "chaos")
        _run("link", "set", "chaos", "up")
        yield [_make_home(stack, number) for number in range(1, count + 1)]


def _make_home(stack: ExitStack, number: int) -> Home:
    name, port, address = _name(str(number)), f"chaos{number}", f"10.77.0.{number + 1}"
    _run("netns", "add", name)
    stack.callback(_run, "netns", "delete", name)
    _run("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name)
    _run("link", "set", port, "master", "chaos", "up")
    _run("-n", name, "address", "add", f"{address}/24", "dev", "eth0")
    _run("-n", name, "link", "set", "lo", "up")
    _run("-n", name, "link", "set", "eth0", "up")
    # The port of the bridge goes down: to both sides the other has fallen silent.
    return Home(
        address,
        _into(name),
        lambda: _run("link", "set", port, "down"),
        lambda: _run("link", "set", port, "up"),
    )


def _name(what: str) -> str:
    """Of a namespace. Names are the machine's, so they tell whose they are."""
    return f"{os.environ.get(INSIDE) or f'chaos-{os.getpid()}'}-{what}"


def _into(name: str) -> tuple[str, ...]:
    return ("nsenter", f"--net=/run/netns/{name}")


def _run(*words: str) -> None:
    subprocess.run([*_ip(), *words], check=True, capture_output=True)


def _ip() -> list[str]:
    return [shutil.which("ip", path=PATH) or "ip"]
