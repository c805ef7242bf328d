import assert from "node:assert/strict";
import { test } from "node:test";
import { Ways } from "../../static/js/ways.js";

test("a WebSocket comes first, and polling within the same attempt when it is refused", () => {
  const ways = new Ways();

  assert.deepEqual(ways.transports, ["websocket", "polling"]);
  assert.equal(ways.tryAllTransports, true);
});

test("where no WebSocket has ever opened, silence leads to polling soon and at once", () => {
  const ways = new Ways();

  assert.ok(ways.patienceMs <= 5000);
  assert.equal(ways.silent(), true);

  assert.deepEqual(ways.transports, ["polling", "websocket"]);
  assert.equal(ways.tryAllTransports, false);
});

test("where one has opened the server may just be busy, so it has its time and a pause", () => {
  const ways = new Ways();
  ways.opened("websocket");

  assert.ok(ways.patienceMs >= 10_000);
  assert.equal(ways.silent(), false);

  assert.equal(ways.transports[0], "polling");
});

test("lines go on beginning with polling until a WebSocket opens beside it", () => {
  const ways = new Ways();
  ways.silent();

  ways.opened("polling");
  assert.equal(ways.transports[0], "polling");
  ways.opened("websocket");

  assert.equal(ways.transports[0], "websocket");
});

test("a network that is silent altogether has both ways tried in turn", () => {
  const ways = new Ways();

  const tried = Array.from({ length: 4 }, () => {
    const [first] = ways.transports;
    ways.silent();
    return first;
  });

  assert.deepEqual(tried, ["websocket", "polling", "websocket", "polling"]);
});

test("polling that is of no use does not keep the page from a WebSocket", () => {
  const ways = new Ways();
  ways.silent();

  ways.failed();

  assert.equal(ways.transports[0], "websocket");
});
