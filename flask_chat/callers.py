"""How many TCP connections each address has open here, so that nobody takes them all.

Counted from the moment a connection is accepted until it is closed, whoever has it by then: HTTP,
a WebSocket, or the worker it was handed to. Each process counts its own.
"""

import math
import socket

Name = str | bytes


class Caller:
    """An address with connections. Those are counted here, and nobody keeps it without any."""

    __slots__ = ("_callers", "_name", "connections")

    def __init__(self, name: Name, callers: "Callers") -> None:
        self._name = name
        self._callers = callers
        self.connections = 0

    def leaves(self) -> None:
        """One of its connections is closed."""
        self.connections -= 1
        if not self.connections:
            self._callers.forget(self._name)


class Callers:
    """Everybody who has a connection. An IPv6 /64 is one address, as with all other limits."""

    def __init__(self, most: float = math.inf) -> None:
        """`most` connections for each address."""
        self._most = most
        self._callers: dict[Name, Caller] = {}  # address → itself, while it has connections
        self.is_counting = not math.isinf(most)

    def arrives(self, host: str) -> Caller | None:
        """Count a connection. None when it is one too many, which is not counted."""
        name = _name(host)
        caller = self._callers.get(name)
        if caller is None:
            caller = self._callers[name] = Caller(name, self)
        elif caller.connections >= self._most:
            return None
        caller.connections += 1
        return caller

    def forget(self, name: Name) -> None:
        """An address has no connections any more."""
        del self._callers[name]

    def __len__(self) -> int:
        return len(self._callers)


def _name(host: str) -> Name:
    """An IPv4 address as it is, of an IPv6 address its /64; forty times as fast as `ipaddress`."""
    if ":" not in host:
        return host
    return socket.inet_pton(socket.AF_INET6, host.partition("%")[0])[:8]
