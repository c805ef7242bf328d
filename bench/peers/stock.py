"""Stock Flask-SocketIO on gevent with gevent-websocket, as its documentation sets it up. Usage: stock.py PORT"""

from gevent import monkey

monkey.patch_all()

import sys
from collections import Counter
from datetime import UTC, datetime

from flask import Flask, request, session
from flask_socketio import SocketIO, emit, join_room

app = Flask(__name__)
app.secret_key = "bench"
socketio = SocketIO(app, async_mode="gevent", cors_allowed_origins="*", manage_session=True)
last_seq = Counter()


def now():
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@socketio.on("connect")
def connect(auth):
    room = session["room"] = auth["room"]
    join_room(room)
    me = {"member_id": request.sid}
    emit(
        "welcome",
        {"room": {"room_id": room}, "me": me, "members": [], "events": [], "server_time": now()},
    )


@socketio.on("post")
def post(data):
    room = session["room"]
    last_seq[room] += 1
    at = now()
    event = {
        "seq": last_seq[room],
        "kind": "message_posted",
        "at": at,
        "by": request.sid,
        "text": data["text"],
    }
    event["key"] = data["key"]
    emit("event", event, to=room)
    return {"ok": True, "seq": event["seq"], "at": at}


socketio.run(app, port=int(sys.argv[1]), log_output=False)
