"""Addresses of this machine: the listening socket, and what to type on another device."""

import errno
import ipaddress
import socket
import struct
import sys
from contextlib import closing, suppress

# Everybody comes back at once after a restart; the kernel cuts this down to what it allows.
BACKLOG = 4096


class CannotListenError(Exception):
    """The address cannot be listened on. The text says why and what to do."""


def listen(host: str, port: int) -> socket.socket:
    """A listening, non-blocking TCP socket; `::` takes IPv4 as well. Raises CannotListenError."""
    return _listen(host, port)


def listen_together(host: str, port: int, count: int) -> list[socket.socket]:
    """So many listeners on one port, over which Linux spreads the connections.

    Whoever listens there with SO_REUSEPORT already, under the same user, gets a share as well: try
    `listen` first. Raises CannotListenError.
    """
    first = _listen(host, port, shared=True)
    taken = first.getsockname()[1]
    return [first, *(_listen(host, taken, shared=True) for _ in range(count - 1))]


def _listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    try:
        family, address = _resolve(host, port)
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise CannotListenError(
            f"There is no address for --host {host} ({error.strerror})."
        ) from None
    try:
        if sys.platform != "win32":  # there it would let two programs share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            only_v6 = 0 if is_every_address(host) else 1
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only_v6)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise CannotListenError(_reason(error, host, port)) from None
    return listener


def _resolve(host: str, port: int) -> tuple[int, tuple[str, int]]:
    with suppress(ValueError):
        is_v6 = ipaddress.ip_address(host).version == 6
        return (socket.AF_INET6 if is_v6 else socket.AF_INET), (host, port)
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # IPv4 first: "localhost" is often both, and scripts try 127.0.0.1.
    family, *_, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    return family, (str(address[0]), port)


def _reason(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is taken by another program. Try --port {_free_port(host, port)}"
    if error.errno == errno.EACCES:
        return f"Port {port} needs more rights than this program has. Try --port 5000"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"This machine does not have the address {host}. Try --host 0.0.0.0"
    return f"Cannot listen on port {port} of {host}: {error.strerror}"


def _free_port(host: str, taken: int) -> int:
    """The next port that is free at the moment, or 0, which is always one."""
    for port in range(taken + 1, min(taken + 20, 65_536)):
        with suppress(OSError):
            family, address = _resolve(host, port)
            with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
                return port
    return 0


def is_every_address(host: str) -> bool:
    """Whether listening on the host is listening on every address of the machine."""
    return _address(host) is not None and ipaddress.ip_address(host).is_unspecified


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to the host."""
    address = _address(host)
    return host.lower() == "localhost" if address is None else address.is_loopback


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def url_of(host: str, port: int) -> str:
    """The address to type on this machine for a server listening on the host."""
    if is_every_address(host):
        host = "::1" if ":" in host else "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def lan_address(host: str = "0.0.0.0") -> str | None:
    """The address others in the network reach a server on, None when there is no network.

    `host` is what the server listens on. Nothing is sent. Takes microseconds, yet it may change
    when a laptop moves: do not keep it.
    """
    if not is_every_address(host):
        return None if is_loopback(host) else host
    with suppress(OSError), closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        probe.connect(("192.0.2.1", 9))  # a UDP connect only asks the kernel for the way (RFC 5737)
        return str(probe.getsockname()[0])
    return next(iter(_interface_addresses()), None)


def _interface_addresses() -> list[str]:
    """Addresses of interfaces that are up, for networks without a way to the internet."""
    if sys.platform != "linux":
        return []
    import fcntl

    ask_address = 0x8915  # SIOCGIFADDR
    found = []
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        for _, name in socket.if_nameindex():
            with suppress(OSError):
                answer = fcntl.ioctl(probe, ask_address, struct.pack("256s", name.encode()[:15]))
                found.append(socket.inet_ntoa(answer[20:24]))
    return [address for address in found if not is_loopback(address)]
