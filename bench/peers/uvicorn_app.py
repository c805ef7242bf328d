"""python-socketio on uvicorn, with uvloop, httptools and the websockets package. Usage: uvicorn_app.py PORT"""

import sys
from collections import Counter
from datetime import UTC, datetime

import socketio
import uvicorn

sio = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins="*")
last_seq = Counter()
rooms = {}


def now():
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@sio.event
async def connect(sid, environ, auth):
    room = rooms[sid] = auth["room"]
    await sio.enter_room(sid, room)
    me = {"member_id": sid}
    welcome = {
        "room": {"room_id": room},
        "me": me,
        "members": [],
        "events": [],
        "server_time": now(),
    }
    await sio.emit("welcome", welcome, to=sid)


@sio.event
async def post(sid, data):
    room = rooms[sid]
    last_seq[room] += 1
    at = now()
    event = {
        "seq": last_seq[room],
        "kind": "message_posted",
        "at": at,
        "by": sid,
        "text": data["text"],
        "key": data["key"],
    }
    await sio.emit("event", event, to=room)
    return {"ok": True, "seq": event["seq"], "at": at}


@sio.event
async def disconnect(sid, reason):
    rooms.pop(sid, None)


if __name__ == "__main__":
    # Compression off, as everywhere here: uvicorn would offer it by default.
    uvicorn.run(
        socketio.ASGIApp(sio),
        port=int(sys.argv[1]),
        log_level="warning",
        access_log=False,
        ws_per_message_deflate=False,
    )
