import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Outbox } from "../../static/js/outbox.js";
import { MemoryItems } from "../../static/js/outbox-store.js";
import { FakeTabs, OneTurn } from "./tabs.js";

/** @import { ChatError, ItemStore, OutboxItem, Posted, Reply } from "../../static/js/types.d.ts" */

/** @typedef {Reply<Posted> | null} Answer */

/**
 * One tab's outbox whose server answers with what `answers` holds, in order; then with ok.
 * @param {object} [given]
 * @param {ItemStore} [given.store]
 * @param {Answer[]} [given.answers]
 * @param {() => number} [given.now]
 * @param {OneTurn} [given.turns]
 * @param {FakeTabs} [given.tabs]
 * @param {(item: OutboxItem) => Promise<Answer>} [given.send]
 */
function makeOutbox({
  store = new MemoryItems(),
  answers = [],
  now = Date.now,
  turns = new OneTurn(),
  tabs = new FakeTabs(),
  send,
} = {}) {
  /** @type {{ key: string, text: string }[]} */
  const sent = [];
  let seq = 0;
  const outbox = new Outbox({
    store,
    now,
    turns,
    tabs,
    changed: () => {},
    send: async (item) => {
      sent.push({ key: item.key, text: item.text });
      if (send) return send(item);
      const answer = answers.shift();
      if (answer !== undefined) return answer;
      seq += 1;
      return { ok: true, seq, at: "2026-11-22T21:03:18.123Z" };
    },
  });
  return { outbox, sent, store };
}

const settled = () => new Promise((done) => setImmediate(done));
/** @param {{ text: string }[]} sent */
const texts = (sent) => sent.map(({ text }) => text);

test("what is written while offline waits and is then sent in order", async () => {
  const { outbox, sent } = makeOutbox();

  outbox.add("one");
  outbox.add("two");
  assert.equal(outbox.waitingCount, 2);
  assert.deepEqual(sent, []);
  outbox.setOnline(true);
  await settled();

  assert.deepEqual(texts(sent), ["one", "two"]);
  assert.deepEqual(
    outbox.items.map(({ state }) => state),
    ["kept", "kept"],
  );
});

test("a lost answer sends the same key again once the line is back", async () => {
  const { outbox, sent } = makeOutbox({
    send: async () => {
      if (sent.length > 1) return { ok: true, seq: 1, at: "2026-11-22T21:03:18.123Z" };
      outbox.setOnline(false);
      return null;
    },
  });
  outbox.setOnline(true);

  outbox.add("one");
  await settled();
  assert.equal(outbox.items[0].state, "waiting");
  outbox.setOnline(true);
  await settled();

  assert.equal(sent.length, 2);
  assert.equal(sent[0].key, sent[1].key);
  assert.equal(outbox.items[0].state, "kept");
});

test("lines that were lost do not make the wait for a slow server longer", async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const { outbox, sent } = makeOutbox({
    send: async () => {
      if (sent.length < 4) outbox.setOnline(false);
      return null;
    },
  });

  outbox.add("one");
  for (let line = 0; line < 4; line += 1) {
    outbox.setOnline(true);
    await settled();
  }
  const until = outbox.wait?.until;
  const now = Date.now();
  outbox.stop();
  mock.timers.reset();

  assert.equal(sent.length, 4);
  assert.equal(until, now + 2000);
});

test("an event that comes before its acknowledgement settles the item for good", async () => {
  const { outbox } = makeOutbox();
  outbox.setOnline(true);

  const item = outbox.add("one");
  outbox.settle(item.key, 1);
  await settled();

  assert.deepEqual(outbox.items, []);
});

test("too fast waits as long as the server says and goes on by itself", async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const error = { code: "too_fast", message: "Too fast", retry_after_seconds: 2 };
  const { outbox, sent } = makeOutbox({ answers: [{ ok: false, error }] });
  outbox.setOnline(true);

  outbox.add("one");
  outbox.add("two");
  await settled();
  assert.equal(outbox.wait?.until, Date.now() + 2000);
  assert.equal(sent.length, 1);
  mock.timers.tick(2000);
  await settled();
  mock.timers.reset();

  assert.deepEqual(texts(sent), ["one", "one", "two"]);
  assert.equal(outbox.wait, null);
});

test("a refusal keeps the words and lets the next ones pass", async () => {
  const error = { code: "message_too_long", message: "Too long", limit: 3 };
  const { outbox, sent } = makeOutbox({ answers: [{ ok: false, error }] });
  outbox.setOnline(true);

  const item = outbox.add("four");
  outbox.add("two");
  await settled();

  assert.deepEqual(texts(sent), ["four", "two"]);
  assert.equal(outbox.items[0].state, "failed");
  assert.equal(outbox.discard(item.key), "four");
});

test("retrying sends a failed one again with its key", async () => {
  const error = { code: "message_empty", message: "Sorry" };
  const { outbox, sent } = makeOutbox({ answers: [{ ok: false, error }] });
  outbox.setOnline(true);
  const item = outbox.add("one");
  await settled();

  outbox.retry(item.key);
  outbox.retry(item.key);
  await settled();

  assert.deepEqual(sent, [
    { key: item.key, text: "one" },
    { key: item.key, text: "one" },
  ]);
});

test("a new page sends what the old one could not, once and with the same key", async () => {
  const store = new MemoryItems();
  const old = makeOutbox({ store });
  const item = old.outbox.add("one");
  old.outbox.stop();

  const { outbox, sent } = makeOutbox({ store });
  await outbox.start();
  outbox.setOnline(true);
  await settled();

  assert.deepEqual(sent, [{ key: item.key, text: "one" }]);
  assert.deepEqual(await store.all(), []);
});

test("what has waited for more than ten minutes asks first", async () => {
  const store = new MemoryItems();
  makeOutbox({ store, now: () => Date.now() - 11 * 60_000 }).outbox.add("old news");

  const { outbox, sent } = makeOutbox({ store });
  await outbox.start();
  outbox.setOnline(true);
  await settled();

  assert.deepEqual(sent, []);
  assert.equal(outbox.items[0].error?.code, "stale");
});

test("what has become old in a tunnel asks first, too, and goes once it may", async () => {
  let now = 1_000_000;
  const { outbox, sent } = makeOutbox({ now: () => now });
  outbox.add("old");
  now += 11 * 60_000;
  outbox.add("new");

  outbox.setOnline(true);
  await settled();
  assert.deepEqual(texts(sent), ["new"]);
  assert.deepEqual(texts([...outbox.stale]), ["old"]);
  outbox.retry(outbox.stale[0].key);
  await settled();

  assert.deepEqual(texts(sent), ["new", "old"]);
});

test("once it was too fast, the rest keeps to the pace without running into it again", async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const error = { code: "too_fast", message: "Too fast", retry_after_seconds: 0.5, limit: 2 };
  const { outbox, sent } = makeOutbox({ answers: [{ ok: false, error }] });
  outbox.setOnline(true);

  for (const text of ["one", "two", "three"]) outbox.add(text);
  await settled();
  assert.equal(outbox.wait?.until, Date.now() + 500 + 2 * 550);
  mock.timers.tick(500);
  await settled();
  assert.deepEqual(texts(sent), ["one", "one"]);
  mock.timers.tick(549);
  await settled();
  assert.deepEqual(texts(sent), ["one", "one"]);
  mock.timers.tick(1);
  await settled();
  assert.deepEqual(texts(sent), ["one", "one", "two"]);
  mock.timers.tick(550);
  await settled();
  mock.timers.reset();

  assert.deepEqual(texts(sent), ["one", "one", "two", "three"]);
  assert.equal(outbox.wait, null);
});

test("slow mode lets one message go after the other, however long that takes", async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const error = { code: "slow_mode", message: "Slow", retry_after_seconds: 200, limit: 300 };
  const { outbox, sent } = makeOutbox({ answers: [{ ok: false, error }] });
  outbox.setOnline(true);

  for (const text of ["one", "two"]) outbox.add(text);
  await settled();
  assert.equal(outbox.wait?.until, Date.now() + 200_000 + 300_050);
  mock.timers.tick(199_999);
  await settled();
  assert.deepEqual(texts(sent), ["one"]);
  mock.timers.tick(1);
  await settled();
  mock.timers.tick(300_050);
  await settled();
  mock.timers.reset();

  assert.deepEqual(texts(sent), ["one", "one", "two"]);
  assert.equal(outbox.wait, null);
});

test("when slow mode ends, what waits for it goes at once", async () => {
  const error = { code: "slow_mode", message: "Slow", retry_after_seconds: 200, limit: 300 };
  const { outbox, sent } = makeOutbox({ answers: [{ ok: false, error }] });
  outbox.setOnline(true);
  for (const text of ["one", "two"]) outbox.add(text);
  await settled();

  outbox.hurry();
  await new Promise((later) => setTimeout(later, 5));
  await settled();
  outbox.stop();

  assert.deepEqual(texts(sent), ["one", "one", "two"]);
});

test("what is said while muted fails with the reason, and the rest is tried as well", async () => {
  const error = { code: "muted", message: "The host has muted you." };
  const { outbox, sent } = makeOutbox({ answers: [{ ok: false, error }] });
  outbox.setOnline(true);

  outbox.add("let me speak");
  await settled();

  assert.deepEqual(texts(sent), ["let me speak"]);
  assert.equal(outbox.items[0].state, "failed");
  assert.equal(outbox.items[0].error?.message, error.message);
});

test("a server that fails on one message again and again does not hold back the others", async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const error = { code: "internal", message: "Sorry" };
  const { outbox, sent } = makeOutbox({
    send: async ({ text }) =>
      text === "bad" ? { ok: false, error } : { ok: true, seq: 1, at: "2026-11-22T21:03:18.123Z" },
  });
  outbox.setOnline(true);

  outbox.add("bad");
  outbox.add("good");
  for (let second = 0; second < 8; second += 1) {
    await settled();
    mock.timers.tick(1000);
  }
  await settled();
  mock.timers.reset();

  assert.deepEqual(texts(sent), ["bad", "bad", "bad", "bad", "bad", "good"]);
  assert.equal(outbox.items[0].state, "failed");
  assert.equal(outbox.items[0].error?.message, "Sorry");
});

test("closing fails what still waits, so that it can be copied", () => {
  const { outbox } = makeOutbox();
  outbox.add("one");

  outbox.close({ code: "room_ended", message: "This room has ended" });

  assert.equal(outbox.items[0].state, "failed");
  assert.equal(outbox.items[0].text, "one");
});
