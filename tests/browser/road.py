"""The way from a browser to the server: a TCP relay that can close and fall silent."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Road:
    """Relays connections to the server's port, in a thread of its own."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._is_open = True
        self._is_silent = False
        self._swallows_upgrades = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._lines: set[asyncio.StreamWriter] = set()  # both ends of the WebSockets among them
        self._from_server: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait()
        self.opened = 0  # connections so far
        self.swallowed = 0  # wishes for a WebSocket so far

    @property
    def url(self) -> str:
        """Where people go instead of to the server itself."""
        return f"http://127.0.0.1:{self._port}"

    def close(self) -> None:
        """Cut every connection and refuse new ones."""
        self._is_open = False
        self._loop.call_soon_threadsafe(self._cut)

    def open(self) -> None:
        """Let connections through again."""
        self._is_open = True
        self._is_silent = False

    def fall_silent(self) -> None:
        """Take nothing more from the WebSockets there are now and close none; new ones work."""
        self._loop.call_soon_threadsafe(self._fall_silent, self._lines)

    def fall_silent_everywhere(self) -> None:
        """Take nothing more from anybody, also not from those who come; close none."""
        self._is_silent = True
        self._loop.call_soon_threadsafe(self._fall_silent, self._writers)

    def lose_answers(self) -> None:
        """On the WebSockets there are now, let through what browsers send but no answers."""
        self._loop.call_soon_threadsafe(self._lose_answers)

    def swallow_upgrades(self, is_swallowing: bool = True) -> None:
        """Never answer who wants a WebSocket from now on, as some proxies do; plain HTTP works."""
        self._swallows_upgrades = is_swallowing

    @property
    def websockets(self) -> int:
        """How many WebSockets have been let through and are still there."""
        return len(self._lines - self._from_server)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._relay, "127.0.0.1", 0))
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()  # before the rest, else somebody comes meanwhile
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _cut(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    def _fall_silent(self, writers: set[asyncio.StreamWriter]) -> None:
        for writer in writers:
            writer.transport.pause_reading()  # type: ignore[attr-defined]

    def _lose_answers(self) -> None:
        for writer in self._lines & self._from_server:
            writer.transport.pause_reading()  # type: ignore[attr-defined]

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._is_open:
            writer.transport.abort()
            return
        self.opened += 1
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._upstream)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, back}
        if self._is_silent:
            self._fall_silent({writer, back})
        self._from_server.add(back)
        with suppress(OSError, asyncio.CancelledError):
            await asyncio.wait(
                [
                    asyncio.create_task(self._carry(reader, back, {writer, back})),
                    asyncio.create_task(self._carry(there, writer, {writer, back})),
                ],
                return_when=asyncio.FIRST_COMPLETED,
            )
        self._writers -= {writer, back}
        self._lines -= {writer, back}
        self._from_server.discard(back)
        for each in (writer, back):
            with suppress(OSError):
                each.close()

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        both: set[asyncio.StreamWriter],
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if b"upgrade: websocket" in data.lower():
                    if self._swallows_upgrades:
                        self.swallowed += 1
                        await reader.read()
                        return
                    self._lines |= both
                writer.write(data)
                await writer.drain()


@contextmanager
def road_to(port: int) -> Iterator[Road]:
    """A road for the length of a block."""
    road = Road(port)
    try:
        yield road
    finally:
        road.stop()
