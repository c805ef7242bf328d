// Node's socket.io on `ws` (its default), `eiows`, or uWebSockets.js. Usage: socketio.js PORT ws|eiows|uws
"use strict";

const { Server } = require("socket.io");

const [port, engine] = [Number(process.argv[2]), process.argv[3]];
const options = { serveClient: false, cors: { origin: "*" } };
if (engine === "eiows") options.wsEngine = require("eiows").Server;

const io = new Server(options);
const lastSeq = new Map();
const now = () => new Date().toISOString();

io.on("connection", (socket) => {
  const { room } = socket.handshake.auth;
  socket.join(room);
  const me = { member_id: socket.id };
  socket.emit("welcome", {
    room: { room_id: room },
    me,
    members: [],
    events: [],
    server_time: now(),
  });
  socket.on("post", ({ key, text }, acknowledge) => {
    const seq = (lastSeq.get(room) ?? 0) + 1;
    lastSeq.set(room, seq);
    const at = now();
    io.to(room).emit("event", { seq, kind: "message_posted", at, by: socket.id, text, key });
    acknowledge({ ok: true, seq, at });
  });
});

if (engine === "uws") {
  const app = require("@trufflesuite/uws-js-unofficial").App();
  io.attachApp(app);
  app.listen("127.0.0.1", port, (listening) => listening || process.exit(1));
} else {
  const server = require("node:http").createServer();
  io.attach(server);
  server.listen({ port, host: "127.0.0.1", backlog: 4096 });
}
