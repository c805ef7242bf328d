import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Outbox } from "../../static/js/outbox.js";
import { MemoryItems } from "../../static/js/outbox-store.js";
import { LeaseTurns, LockTurns } from "../../static/js/turns.js";
import { FakeTabs, OneTurn } from "./tabs.js";

/** @import { OutboxItem, Posted, Reply, Turns } from "../../static/js/types.d.ts" */

/** A server that answers after a while, and knows a key again. */
class Room {
  /** @type {Map<string, number>} */
  #seqs = new Map();
  /** @type {string[]} */
  texts = [];
  asked = 0;
  under_way = 0;
  most_under_way = 0;

  /** @param {OutboxItem} item @returns {Promise<Reply<Posted>>} */
  async post({ key, text }) {
    this.asked += 1;
    this.under_way += 1;
    this.most_under_way = Math.max(this.most_under_way, this.under_way);
    await pause(Math.random() * 4);
    if (!this.#seqs.has(key)) {
      this.#seqs.set(key, this.texts.push(text));
    }
    await pause(Math.random() * 4);
    this.under_way -= 1;
    return { ok: true, seq: this.#seqs.get(key) ?? 0, at: "2026-11-22T21:03:18.123Z" };
  }
}

/** Several tabs of one member: one store, one room. */
class Browser {
  store = new MemoryItems();
  room = new Room();
  /** @type {Set<FakeTabs>} */
  #tabs = new Set();

  /** @param {Turns} turns @param {(item: OutboxItem) => Promise<Reply<Posted> | null>} [send] */
  open(turns, send = (item) => this.room.post(item)) {
    const tabs = new FakeTabs(this.#tabs);
    return new Outbox({ store: this.store, turns, tabs, send, changed: () => {} });
  }

  async settles() {
    for (let round = 0; round < 500; round += 1) {
      if ((await this.store.all()).length === 0) break;
      await pause(5);
    }
    await pause(10);
  }
}

/** What tabs tell each other takes a moment. @param {() => boolean} condition */
async function until(condition) {
  for (let round = 0; round < 500 && !condition(); round += 1) await pause(5);
  assert.ok(condition(), "waited in vain");
}

/** @param {string[]} texts @param {string} tab */
const of = (texts, tab) => texts.filter((text) => text.startsWith(tab));
/** @param {string} tab */
const eight = (tab) => Array.from({ length: 8 }, (_, number) => `${tab}${number}`);

/** A lease as a database keeps it: looking and taking are one. */
class Lease {
  owner = "";
  until = 0;

  /** @param {string} owner @param {number} now @param {number} until */
  async claim(owner, now, until) {
    await pause(1);
    if (this.owner !== "" && this.owner !== owner && this.until > now) return false;
    Object.assign(this, { owner, until });
    return true;
  }

  /** @param {string} owner */
  async release(owner) {
    if (this.owner === owner) this.owner = "";
  }
}

/** Locks as the browser gives them. */
class Locks {
  #held = Promise.resolve();
  #isHeld = false;

  /** @param {string} _name @param {any} options @param {(lock: any) => Promise<void>} work */
  request = async (_name, options, work) => {
    if (options.ifAvailable && this.#isHeld) return work(null);
    const before = this.#held;
    this.#isHeld = true;
    this.#held = (async () => {
      await before;
      this.#isHeld = true;
      await work({});
      this.#isHeld = false;
    })();
    return this.#held;
  };
}

const one = new OneTurn();
const lease = new Lease();
const locks = new Locks();
/** @type {Record<string, {make: () => Turns, most: number}>} */
const KINDS = {
  "one turn": { make: () => one, most: 1 },
  "a lease": { make: () => new LeaseTurns(lease), most: 1 },
  locks: {
    make: () => new LockTurns("x", /** @type {any} */ (locks)),
    most: 1,
  },
  "no exclusion at all": { make: () => new OneTurn(), most: 2 },
};

for (const [name, { make, most }] of Object.entries(KINDS)) {
  test(`two tabs that wrote offline send all of it once and each in order, with ${name}`, async () => {
    const browser = new Browser();
    const [a, b] = [browser.open(make()), browser.open(make())];
    await Promise.all([a.start(), b.start()]);

    for (const text of eight("a")) a.add(text);
    for (const text of eight("b")) b.add(text);
    await until(() => a.items.length === 16 && b.items.length === 16);
    a.setOnline(true);
    b.setOnline(true);
    await browser.settles();

    assert.deepEqual(of(browser.room.texts, "a"), eight("a"));
    assert.deepEqual(of(browser.room.texts, "b"), eight("b"));
    assert.equal(browser.room.texts.length, 16);
    assert.ok(browser.room.most_under_way <= most);
    if (most === 1) assert.ok(browser.room.asked <= 24, `asked ${browser.room.asked} times`);
    for (const tab of [a, b]) await until(() => tab.items.every(({ state }) => state === "kept"));
  });
}

test("a tab without a line leaves its messages to one that has it", async () => {
  const browser = new Browser();
  const [a, b] = [browser.open(one), browser.open(one)];
  await Promise.all([a.start(), b.start()]);
  b.setOnline(true);

  a.add("written in the dark");
  await browser.settles();

  assert.deepEqual(browser.room.texts, ["written in the dark"]);
  await until(() => a.items[0].state === "kept");
});

test("what is shown in one tab is kept by the other until its own log has it", async () => {
  const browser = new Browser();
  const [a, b] = [browser.open(one), browser.open(one)];
  await Promise.all([a.start(), b.start()]);

  const { key } = a.add("hello");
  await until(() => b.items.length === 1);
  a.settle(key, 7);

  assert.deepEqual(a.items, []);
  await until(() => b.items[0].state === "kept" && b.items[0].seq === 7);
});

test("discarding in one tab discards in all", async () => {
  const browser = new Browser();
  const [a, b] = [browser.open(one), browser.open(one)];
  await Promise.all([a.start(), b.start()]);

  const { key } = a.add("never mind");
  await until(() => b.items.length === 1);
  b.discard(key);

  await until(() => a.items.length === 0);
  assert.deepEqual(await browser.store.all(), []);
});

test("a tab that was put aside learns what the others did meanwhile", async () => {
  const browser = new Browser();
  const [a, b] = [browser.open(one), browser.open(one)];
  await Promise.all([a.start(), b.start()]);
  a.add("first");
  await until(() => b.items.length === 1);

  b.stop();
  a.setOnline(true);
  await browser.settles();
  a.setOnline(false);
  a.add("second");
  await b.start();

  assert.deepEqual(
    b.items.map(({ text }) => text),
    ["second"],
  );
});

test("a tab that dies while sending leaves the message to the others", async () => {
  const browser = new Browser();
  const dying = new LeaseTurns(new Lease());
  const [a, b] = [browser.open(dying, () => new Promise(() => {})), browser.open(one)];
  await Promise.all([a.start(), b.start()]);
  a.setOnline(true);
  a.add("last words");
  await until(() => b.items[0]?.state === "sending");

  b.setOnline(true);
  await browser.settles();

  assert.deepEqual(browser.room.texts, ["last words"]);
});
