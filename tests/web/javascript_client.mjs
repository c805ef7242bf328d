// The JavaScript client from npm against our server: `node javascript_client.mjs URL TOKEN TRANSPORT`.
// Posts a message, reads history, provokes a refusal, and prints what it saw as one line of JSON.
import { io } from "socket.io-client";

const [url, token, transport] = process.argv.slice(2);
const socket = io(url, { auth: { token }, transports: transport.split(","), reconnection: false });
const seen = { events: [], acks: [] };
const fail = (error) => {
  console.log(JSON.stringify({ error: error.message, data: error.data }));
  process.exit(1);
};
setTimeout(() => fail(new Error("waited in vain")), 10_000).unref();

socket.on("connect_error", fail);
socket.on("event", (event) => seen.events.push(event));
socket.on("welcome", async (welcome) => {
  seen.welcome = welcome;
  const ask = (name, data) => socket.timeout(5_000).emitWithAck(name, data);
  seen.acks.push(await ask("post", { key: "js-1", text: "from JavaScript 👋" }));
  seen.acks.push(await ask("post", { key: "js-1", text: "from JavaScript 👋" }));
  seen.acks.push(await ask("post", { text: 5 }));
  seen.acks.push(await ask("history", { limit: 1 }));
  seen.transport = socket.io.engine.transport.name;
  socket.disconnect();
  console.log(JSON.stringify(seen));
});
