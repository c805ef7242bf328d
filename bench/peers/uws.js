// Node on uWebSockets.js alone, speaking the few packets by hand: no library between, its own publish to topics (which
// joins what one loop turn has for a socket into one write). The fastest Node there is. Usage: uws.js PORT
"use strict";

const uws = require("@trufflesuite/uws-js-unofficial");

const port = Number(process.argv[2]);
const lastSeq = new Map();
const sockets = new Set();
const now = () => new Date().toISOString();
const text = new TextDecoder();
let connected = 0;

function join(socket, auth) {
  const data = socket.getUserData();
  data.room = auth.room;
  socket.subscribe(auth.room);
  socket.send(`40${JSON.stringify({ sid: data.id })}`);
  const me = { member_id: data.id };
  const welcome = { room: { room_id: auth.room }, me, members: [], events: [], server_time: now() };
  socket.send(`42${JSON.stringify(["welcome", welcome])}`);
}

const app = uws.App();

function post(socket, packet) {
  const start = packet.indexOf("[");
  const [name, { key, text }] = JSON.parse(packet.slice(start));
  if (name !== "post") return;
  const { room, id } = socket.getUserData();
  const seq = (lastSeq.get(room) ?? 0) + 1;
  lastSeq.set(room, seq);
  const at = now();
  const event = { seq, kind: "message_posted", at, by: id, text, key };
  app.publish(room, `42${JSON.stringify(["event", event])}`);
  socket.send(`43${packet.slice(2, start)}${JSON.stringify([{ ok: true, seq, at }])}`);
}

app.ws("/socket.io/", {
  compression: uws.DISABLED,
  idleTimeout: 0,
  maxBackpressure: 64 * 1024 * 1024,
  maxPayloadLength: 1000000,
  upgrade(response, request, context) {
    response.upgrade(
      { id: `c${++connected}`, room: null },
      request.getHeader("sec-websocket-key"),
      request.getHeader("sec-websocket-protocol"),
      request.getHeader("sec-websocket-extensions"),
      context,
    );
  },
  open(socket) {
    sockets.add(socket);
    const sid = socket.getUserData().id;
    socket.send(
      `0${JSON.stringify({ sid, upgrades: [], pingInterval: 25000, pingTimeout: 20000, maxPayload: 1000000 })}`,
    );
  },
  message(socket, message) {
    const packet = text.decode(message);
    if (packet.startsWith("42")) post(socket, packet);
    else if (packet.startsWith("40")) join(socket, JSON.parse(packet.slice(2)));
  },
  close(socket) {
    sockets.delete(socket);
  },
});

setInterval(() => {
  for (const socket of sockets) socket.send("2");
}, 25000);

app.listen("127.0.0.1", port, (listening) => listening || process.exit(1));
