"""picows (a WebSocket transport in Cython) on asyncio with uvloop, one write per connection and loop turn, speaking the
packets by hand: about the most that Python code gives without rules. Usage: picows_app.py PORT"""

import asyncio
import sys
from datetime import UTC, datetime
from itertools import count

import msgspec
import uvloop
from picows import WSListener, WSMsgType, ws_create_server

encode = msgspec.json.encode
decode = msgspec.json.decode
numbers = count(1)
rooms = {}
waiting = set()  # rooms and clients with something to write at the end of this loop turn
clients = set()


def now():
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def frame(payload):
    size = len(payload)
    head = bytes((0x81, size)) if size < 126 else bytes((0x81, 126, size >> 8, size & 255))
    return head + payload


def flush():
    for each in waiting:
        each.flush()
    waiting.clear()


def later(each):
    if not waiting:
        asyncio.get_running_loop().call_soon(flush)
    waiting.add(each)


class Room:
    def __init__(self, name):
        self.name = name
        self.members = set()
        self.seq = 0
        self.outbox = []

    def flush(self):
        data = b"".join(self.outbox)
        self.outbox.clear()
        for member in self.members:
            member.write(data)


class Client(WSListener):
    def on_ws_connected(self, transport):
        self.id = f"c{next(numbers)}"
        self.room = None
        self.outbox = []
        self.socket = transport.underlying_transport
        clients.add(self)
        opened = {
            "sid": self.id,
            "upgrades": [],
            "pingInterval": 25000,
            "pingTimeout": 20000,
            "maxPayload": 1000000,
        }
        self.tell(b"0" + encode(opened))

    def on_ws_disconnected(self, transport):
        clients.discard(self)
        if self.room:
            self.room.members.discard(self)

    def on_ws_frame(self, transport, message):
        if message.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
        elif message.msg_type == WSMsgType.TEXT:
            packet = message.get_payload_as_bytes()
            if packet.startswith(b"42"):
                self.post(packet)
            elif packet.startswith(b"40"):
                self.join(decode(packet[2:])["room"])

    def join(self, name):
        self.room = rooms.get(name) or rooms.setdefault(name, Room(name))
        self.room.members.add(self)
        self.tell(b"40" + encode({"sid": self.id}))
        me = {"member_id": self.id}
        welcome = {
            "room": {"room_id": name},
            "me": me,
            "members": [],
            "events": [],
            "server_time": now(),
        }
        self.tell(b"42" + encode(["welcome", welcome]))

    def post(self, packet):
        start = packet.index(b"[")
        _, data = decode(packet[start:])
        room = self.room
        room.seq += 1
        at = now()
        event = {
            "seq": room.seq,
            "kind": "message_posted",
            "at": at,
            "by": self.id,
            "text": data["text"],
            "key": data["key"],
        }
        room.outbox.append(frame(b"42" + encode(["event", event])))
        later(room)
        self.tell(b"43" + packet[2:start] + encode([{"ok": True, "seq": room.seq, "at": at}]))

    def tell(self, payload):
        self.outbox.append(frame(payload))
        later(self)

    def write(self, data):
        if self.outbox:
            data = b"".join(self.outbox) + data
            self.outbox.clear()
        self.socket.write(data)

    def flush(self):
        if self.outbox:
            self.write(b"")


async def ping():
    while True:
        await asyncio.sleep(25)
        for client in list(clients):
            client.tell(b"2")


async def main():
    server = await ws_create_server(
        lambda request: Client(), "127.0.0.1", int(sys.argv[1]), backlog=4096
    )
    pinging = asyncio.create_task(ping())
    await server.serve_forever()
    pinging.cancel()


uvloop.run(main())
