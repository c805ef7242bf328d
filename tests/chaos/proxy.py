"""A TCP proxy that lets lines fail, in a process of its own: `python -m tests.chaos.proxy SERVER…`.

With several servers (host:port) it is their load balancer too: each new connection of somebody goes
to the next one, and to the one after that if there is no answer. It reads Engine.IO and Socket.IO
as it passes by, so that a fault hits an exact step. Commands come as JSON lines on standard input,
records of what happened go out the same way, with times of the monotonic clock, which all processes
of a machine share.
"""

import asyncio
import json
import os
import signal
import socket
import struct
import sys
import time
from collections import deque
from contextlib import suppress
from typing import Any

from tests.chaos.faults import CUTS, Fault

IDLE_SECONDS = 2.5  # an armed fault does not wait longer for its step
EARLY_IDLE_SECONDS = 1.0
CONNECT_SECONDS = 0.5  # a server that does not answer for so long is passed over

UP_KINDS = {b"40": "connect", b"3": "pong", b"41": "goodbye"}
DOWN_KINDS = {b"0{": "open", b"40": "connected", b"44": "refused", b"43": "ack", b"2": "ping"}


class Frames:
    """Cuts a stream into the HTTP head and whole WebSocket frames (RFC 6455 §5.2)."""

    def __init__(self, is_up: bool) -> None:
        self._is_up = is_up
        self._buffer = b""
        self._in_head = True
        self.is_plain = False  # not a WebSocket: bytes are passed as they come

    def feed(self, data: bytes) -> list[tuple[str, bytes]]:
        """What is complete now: kind and bytes."""
        if self.is_plain:
            return [("plain", data)]
        self._buffer += data
        found = []
        while (chunk := self._next()) is not None:
            found.append((self._kind(chunk), chunk))
            if self.is_plain:
                found.append(("plain", self._buffer))
                self._buffer = b""
                break
        return found

    def _next(self) -> bytes | None:
        if self._in_head:
            end = self._buffer.find(b"\r\n\r\n")
            size = end + 4 if end >= 0 else None
        else:
            size = self._frame_size()
        if size is None or len(self._buffer) < size:
            return None
        chunk, self._buffer = self._buffer[:size], self._buffer[size:]
        return chunk

    def _frame_size(self) -> int | None:
        if len(self._buffer) < 2:
            return None
        length = self._buffer[1] & 127
        head = 2 + {126: 2, 127: 8}.get(length, 0)
        if len(self._buffer) < head:
            return None
        if length >= 126:
            length = int.from_bytes(self._buffer[2:head], "big")
        return head + (4 if self._buffer[1] & 128 else 0) + length

    def _kind(self, chunk: bytes) -> str:
        if self._in_head:
            self._in_head = False
            if self._is_up:
                self.is_plain = b"upgrade: websocket" not in chunk.lower()
                return "plain" if self.is_plain else "request"
            self.is_plain = b" 101 " not in chunk.partition(b"\r\n")[0]
            return "plain" if self.is_plain else "response"
        return self._packet_kind(_payload(chunk))

    def _packet_kind(self, text: bytes) -> str:
        if text.startswith(b"42"):
            name = text[2:40].lstrip(b"0123456789").split(b'"')
            return name[1].decode(errors="replace") if len(name) > 1 else "other"
        kinds = UP_KINDS if self._is_up else DOWN_KINDS
        return next((kind for start, kind in kinds.items() if text.startswith(start)), "other")


def _payload(frame: bytes) -> bytes:
    """The first bytes of a frame's payload, unmasked: enough to tell what it is."""
    start = _head_bytes(frame)
    if not frame[1] & 128:
        return frame[start : start + 48]
    mask = frame[start : start + 4]
    body = frame[start + 4 : start + 52]
    return bytes(byte ^ mask[i % 4] for i, byte in enumerate(body))


def _head_bytes(frame: bytes) -> int:
    return 2 + {126: 2, 127: 8}.get(frame[1] & 127, 0)


class Assassin:
    """Kills a process when a certain step passes by, on any line or on any to a certain server."""

    def __init__(self) -> None:
        self._pid = 0
        self._step = ""
        self._delay = 0.0
        self._server: int | None = None

    def wait_for(self, step: str, pid: int, delay_seconds: float, server: int | None) -> None:
        self._step, self._pid, self._delay = step, pid, delay_seconds
        self._server = server

    def passed(self, step: str, server: int) -> None:
        if step == self._step and self._server in (None, server):
            self._step = ""
            asyncio.get_running_loop().call_later(self._delay, self._kill, step)

    def _kill(self, step: str) -> None:
        with suppress(ProcessLookupError):  # given up waiting for, and killed in another way
            os.kill(self._pid, signal.SIGKILL)
            record("killed", step=step)


ASSASSIN = Assassin()


class WireOrder:
    """Checks that what the server sends down one connection is in order of `seq`, without holes."""

    def __init__(self) -> None:
        self._last: int | None = None

    def fault(self, kind: str, frame: bytes) -> str | None:
        """What is wrong with a frame that carries events."""
        if kind not in ("welcome", "event"):
            return None
        text = frame[_head_bytes(frame) :]
        argument = json.loads(text[text.index(b"[") :])[1]
        if kind == "welcome" and argument.get("reset"):
            self._last = None  # what was shown is taken back
        numbers = [e["seq"] for e in argument["events"]] if kind == "welcome" else [argument["seq"]]
        for number in numbers:
            last, self._last = self._last, number
            if last is not None and number != last + 1:
                return f"{kind} with {number} after {last}"
        if kind == "event" and self._last is None:
            return "an event before the welcome"
        return None


class Connection:
    """One client and its connection to the server."""

    def __init__(self, link: "Link", number: int) -> None:
        self.link = link
        self.number = number
        self._fault: Fault | None = None
        self._armed_at = 0.0
        self._count = 0
        self._swallow = {"up": False, "down": False}
        self._swap_held: bytes | None = None
        self._is_websocket = False
        self._closed = False
        self._number = 0  # of the server
        self._wire = WireOrder()

    async def carry(
        self, client: tuple[asyncio.StreamReader, asyncio.StreamWriter], servers: list[int]
    ) -> None:
        """Carry everything to the first of these servers that answers, and back."""
        self.client_reader, self.client = client
        self.tell("opened")
        if not await self._reach(servers):
            self.tell("refused")
            _reset(self.client)
            return
        tasks = [
            asyncio.ensure_future(self._pump("up", self.client_reader, self.server)),
            asyncio.ensure_future(self._pump("down", self.server_reader, self.client)),
            asyncio.ensure_future(self._watch()),
        ]
        try:
            await asyncio.gather(*tasks[:2])
        finally:
            for task in tasks:
                task.cancel()
            for writer in (self.client, self.server):
                with suppress(Exception):
                    writer.close()
            self._closed = True
            if self._fault is not None:
                self.link.planned.appendleft(self._fault)  # it had no chance
            self.tell("closed")

    async def _reach(self, servers: list[int]) -> bool:
        for number in servers:
            host, port = self.link.upstreams[number]
            opening = asyncio.open_connection(host, port)
            with suppress(OSError, TimeoutError):
                self.server_reader, self.server = await asyncio.wait_for(opening, CONNECT_SECONDS)
                self._number = number
                self.tell("reached", server=number)
                return True
        return False

    def tell(self, what: str, **more: Any) -> None:
        record(what, link=self.link.name, connection=self.number, **more)

    def break_now(self) -> None:
        """Cut without a plan, as when the whole network goes."""
        self.tell("fault", step="any", where="now", action="rst")
        _reset(self.client)
        if hasattr(self, "server"):
            _reset(self.server)

    async def _pump(
        self, way: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        frames = Frames(is_up=way == "up")
        with suppress(OSError):
            while data := await reader.read(65536):
                for kind, chunk in frames.feed(data):
                    if kind == "request":
                        self._is_websocket = True
                        self._arm()
                    await self._pass(way, kind, chunk, writer)
                await writer.drain()
        # The end of one side is told to the other, unless it is in a hole.
        if not self._swallow[way]:
            with suppress(OSError, RuntimeError):
                writer.write_eof()
        if way == "down" and not self._swallow["down"]:
            await asyncio.sleep(0.05)
            self.client.close()
            self.server.close()

    async def _pass(self, way: str, kind: str, chunk: bytes, writer: asyncio.StreamWriter) -> None:
        if way == "down" and (complaint := self._wire.fault(kind, chunk)):
            self.tell("misordered", complaint=complaint)
        fault = self._due(kind)
        if fault is None:
            await self._write(way, chunk, writer)
            ASSASSIN.passed(kind, self._number)
            if kind == "welcome" and not self._swallow[way]:
                self.tell("welcomed")
            if self._swap_held is not None and kind == "event":
                held, self._swap_held = self._swap_held, None
                await self._write(way, held, writer)
            return
        passed = {"before": 0, "after": len(chunk)}.get(
            fault.where, max(1, min(len(chunk) - 1, int(len(chunk) * fault.fraction)))
        )
        await self._write(way, chunk[:passed], writer)
        if fault.where == "after" and kind == "welcome":
            self.tell("welcomed")
        await self._strike(fault, kind, passed)
        rest = chunk[passed:]
        if fault.action == "delay":
            await asyncio.sleep(fault.seconds)
            await self._write(way, rest, writer)
            if kind == "welcome":
                self.tell("welcomed")
        elif fault.action == "double":
            await self._write(way, chunk + chunk, writer)
        elif fault.action == "swap":
            self._swap_held = chunk
        elif fault.action.startswith("hole") and not self._swallow[way]:
            await self._write(way, rest, writer)  # it is the other way that swallows
        elif fault.action.startswith("half") and not self._swallow[way]:
            await self._write(way, rest, writer)

    async def _write(self, way: str, chunk: bytes, writer: asyncio.StreamWriter) -> None:
        if not chunk or self._swallow[way] or writer.is_closing():
            return
        writer.write(chunk)
        await writer.drain()

    def _arm(self) -> None:
        self._fault = self.link.planned.popleft() if self.link.planned else None
        self._count = 0
        if self._fault is not None:
            self._armed_at = time.monotonic() + self._fault.arm_seconds
            if self._fault.step == "event":
                self._count = 0

    def _due(self, kind: str) -> Fault | None:
        fault = self._fault
        if fault is None or fault.step != kind or time.monotonic() < self._armed_at:
            return None
        self._count += 1
        if self._count < fault.nth:
            return None
        self._fault = None
        return fault

    async def _strike(self, fault: Fault, step: str, passed: int) -> None:
        self.tell(
            "fault",
            step=step,
            where=fault.where,
            action=fault.action,
            bytes=passed,
            seconds=fault.seconds,
        )
        action = fault.action
        if action == "rst":
            await asyncio.sleep(0.005)  # what has passed arrives before the reset
            _reset(self.client)
            _reset(self.server)
        elif action == "fin":
            self.client.close()
            self.server.close()
        elif action == "half_up":
            self._swallow["up"] = True
            with suppress(OSError, RuntimeError):
                self.server.write_eof()
        elif action == "half_down":
            self._swallow["down"] = True
            with suppress(OSError, RuntimeError):
                self.client.write_eof()
        elif action.startswith("hole"):
            way = action.removeprefix("hole_")
            for each in ("up", "down") if way == "both" else (way,):
                self._swallow[each] = True
        if action not in CUTS and not action.startswith("hole"):
            self._arm()  # the line goes on, to the next fault

    async def _watch(self) -> None:
        """Let an armed fault strike the idle line when its step does not come; keep arming."""
        while True:
            await asyncio.sleep(0.1)
            if not self._is_websocket:
                continue
            fault = self._fault
            if fault is None:
                if self.link.planned and not any(self._swallow.values()):
                    self._arm()
                continue
            wait = EARLY_IDLE_SECONDS if fault.is_early else IDLE_SECONDS
            if time.monotonic() > self._armed_at + wait:
                self._fault = None
                if fault.action in CUTS or fault.action.startswith("hole"):
                    await self._strike(fault, "idle", 0)


class Link:
    """Somebody's way to the servers: a port of its own, and the faults that are planned for it."""

    def __init__(self, name: str, upstreams: list[tuple[str, int]], first: int) -> None:
        self.name = name
        self.upstreams = upstreams
        self._turn = first
        self.planned: deque[Fault] = deque()
        self.is_down = False
        self._connections: dict[int, Connection] = {}
        self._count = 0

    async def listen(self) -> int:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        return port

    def go_down(self) -> None:
        self.is_down = True
        for connection in list(self._connections.values()):
            connection.break_now()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_down:
            _reset(writer)
            return
        self._count += 1
        number = self._count
        connection = self._connections[number] = Connection(self, number)
        try:
            await connection.carry((reader, writer), self._servers_in_turn())
        except Exception as fault:
            record("crashed", fault=repr(fault))
        finally:
            del self._connections[number]

    def _servers_in_turn(self) -> list[int]:
        count = len(self.upstreams)
        self._turn += 1
        return [(self._turn + number) % count for number in range(count)]


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN."""
    with suppress(OSError):
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
    writer.transport.abort()


def record(what: str, **more: Any) -> None:
    line = json.dumps({"what": what, "at": time.monotonic(), **more})
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def serve(upstreams: list[tuple[str, int]]) -> None:
    links: dict[str, Link] = {}
    commands = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        command = json.loads(line)
        name = command.get("link", "")
        match command["do"]:
            case "listen":
                links[name] = Link(name, upstreams, first=len(links))
                record("listening", link=name, port=await links[name].listen())
            case "plan":
                links[name].planned.append(Fault(**command["fault"]))
            case "kill":
                ASSASSIN.wait_for(
                    command["step"], command["pid"], command["delay_seconds"], command["server"]
                )
            case "calm":
                for link in links.values():
                    link.planned.clear()
                    for connection in link._connections.values():
                        connection._fault = None
                record("calm")
            case "down":
                links[name].go_down()
            case "up":
                links[name].is_down = False
                record("up", link=name)
    os._exit(0)  # without good-byes to whoever is still connected


if __name__ == "__main__":
    addresses = [address.rpartition(":") for address in sys.argv[1:]]
    asyncio.run(serve([(host, int(port)) for host, _, port in addresses]))
