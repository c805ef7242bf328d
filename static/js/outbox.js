/**
 * What I have said and the server has not acknowledged yet. Sends one item at a time, in order, with the
 * same key until it is acknowledged; waits when told to; keeps everything in the store it was given.
 * Knows no page and no socket.
 */

import { drawKey } from "./lib/keys.js";
import { keysStarting, recall, remember } from "./lib/storage.js";

/** @import { ChatError, ItemStore, OutboxItem, Posted, Reply } from "./types.d.ts" */

const STALE_MS = 10 * 60_000;
const FORGET_MS = 7 * 24 * 3_600_000;
const SLOWEST_RETRY_SECONDS = 60;
const TEMPORARY = new Set(["too_fast", "unavailable", "timeout"]);

export class Outbox {
  /** @type {OutboxItem[]} in the order they were written */
  #items = [];
  #store;
  #send;
  #changed;
  #now;
  #online = false;
  #sending = false;
  #waitUntil = 0;
  #timeouts = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {object} given
   * @param {ItemStore} given.store
   * @param {(item: OutboxItem) => Promise<Reply<Posted> | null>} given.send null when no answer came
   * @param {() => void} given.changed called after every change of `items`
   * @param {() => number} [given.now]
   */
  constructor({ store, send, changed, now = Date.now }) {
    this.#store = store;
    this.#send = send;
    this.#changed = changed;
    this.#now = now;
  }

  /** @returns {readonly OutboxItem[]} */
  get items() {
    return this.#items;
  }

  /** How many the user would miss if this were all. */
  get waitingCount() {
    return this.#items.filter(({ state }) => state === "waiting" || state === "sending").length;
  }

  /** Until when the server asked us to wait; 0 when it did not. */
  get waitUntil() {
    return this.#waitUntil > this.#now() ? this.#waitUntil : 0;
  }

  /** Brings back what an earlier page could not send; what is old asks first. */
  async start() {
    const kept = await this.#store.all();
    const known = new Set(this.#items.map(({ key }) => key));
    const returned = kept
      .filter(({ key }) => !known.has(key))
      .sort((a, b) => a.written_at - b.written_at);
    for (const item of returned) this.#revive(item);
    this.#items = [...returned, ...this.#items];
    if (returned.length > 0) this.#changed();
    this.#flush();
  }

  /** @param {OutboxItem} item */
  #revive(item) {
    if (item.state === "failed") return;
    const isStale = this.#now() - item.written_at > STALE_MS;
    item.state = isStale ? "failed" : "waiting";
    if (isStale) item.error = { code: "stale", message: "It was written a while ago" };
  }

  stop() {
    clearTimeout(this.#timer);
    this.#online = false;
  }

  /** Takes a message from its user; from here on it is not lost. @param {string} text @returns {OutboxItem} */
  add(text) {
    /** @type {OutboxItem} */
    const item = { key: drawKey(), text, written_at: this.#now(), state: "waiting" };
    this.#items.push(item);
    this.#keep(item);
    this.#changed();
    this.#flush();
    return item;
  }

  /** Whether posts can reach the server now. @param {boolean} online */
  setOnline(online) {
    this.#online = online;
    if (online) this.#flush();
  }

  /** @param {string} key */
  retry(key) {
    const item = this.#find(key);
    if (item?.state !== "failed") return;
    item.state = "waiting";
    item.written_at = this.#now();
    delete item.error;
    this.#keep(item);
    this.#changed();
    this.#flush();
  }

  /** Throws an item away and returns its text. @param {string} key */
  discard(key) {
    const item = this.#find(key);
    this.#drop(key);
    return item?.text ?? "";
  }

  /** The log holds this one now, whether or not its acknowledgement has come. @param {string} key */
  settle(key) {
    if (this.#find(key)) this.#drop(key);
  }

  /** Nothing can be sent any more: everything that waits has failed. @param {ChatError} error */
  close(error) {
    this.stop();
    for (const item of this.#items) {
      if (item.state === "kept") continue;
      item.state = "failed";
      item.error = error;
    }
    this.#changed();
  }

  async #flush() {
    if (this.#sending || !this.#online || this.waitUntil) return;
    const item = this.#items.find(({ state }) => state === "waiting");
    if (!item) return;
    this.#sending = true;
    item.state = "sending";
    this.#changed();
    const reply = await this.#send(item);
    this.#sending = false;
    if (this.#items.includes(item)) this.#answer(item, reply);
    this.#flush();
  }

  /** @param {OutboxItem} item @param {Reply<Posted> | null} reply */
  #answer(item, reply) {
    if (reply === null) {
      item.state = "waiting";
      this.#timeouts += 1;
      if (this.#online) this.#pause(Math.min(2 ** this.#timeouts, SLOWEST_RETRY_SECONDS));
    } else if (reply.ok) {
      this.#timeouts = 0;
      item.state = "kept";
      item.seq = reply.seq;
      this.#store.remove(item.key);
    } else if (TEMPORARY.has(reply.error.code)) {
      item.state = "waiting";
      item.error = reply.error;
      this.#pause(reply.error.retry_after_seconds ?? 1);
    } else {
      item.state = "failed";
      item.error = reply.error;
      this.#keep(item);
    }
    if (reply?.ok) delete item.error;
    this.#changed();
  }

  /** @param {number} seconds */
  #pause(seconds) {
    clearTimeout(this.#timer);
    const ms = Math.min(Math.max(seconds, 0.1), SLOWEST_RETRY_SECONDS) * 1000;
    this.#waitUntil = this.#now() + ms;
    this.#timer = setTimeout(() => {
      this.#waitUntil = 0;
      this.#changed();
      this.#flush();
    }, ms);
  }

  /** @param {string} key */
  #find(key) {
    return this.#items.find((item) => item.key === key);
  }

  /** @param {string} key */
  #drop(key) {
    this.#items = this.#items.filter((item) => item.key !== key);
    this.#store.remove(key);
    this.#changed();
  }

  /** @param {OutboxItem} item */
  #keep(item) {
    this.#store.put({ ...item, state: item.state === "failed" ? "failed" : "waiting" });
  }
}

/** Keeps items for as long as the page lives. @implements {ItemStore} */
export class MemoryItems {
  /** @type {Map<string, OutboxItem>} */
  #items = new Map();

  async all() {
    return [...this.#items.values()].map((item) => ({ ...item }));
  }

  /** @param {OutboxItem} item */
  async put(item) {
    this.#items.set(item.key, { ...item });
  }

  /** @param {string} key */
  async remove(key) {
    this.#items.delete(key);
  }
}

/** Keeps items in localStorage, one entry each, so that two tabs of a room do not overwrite each other. @implements {ItemStore} */
export class LocalItems {
  #prefix;

  /** @param {string} member_id whose words these are; nobody else's page brings them back */
  constructor(member_id) {
    this.#prefix = `outbox:${member_id}:`;
  }

  async all() {
    const items = keysStarting(this.#prefix).map((key) => parseItem(recall(key)));
    return items.filter((item) => item !== null);
  }

  /** @param {OutboxItem} item */
  async put(item) {
    remember(this.#prefix + item.key, JSON.stringify(item));
  }

  /** @param {string} key */
  async remove(key) {
    remember(this.#prefix + key, null);
  }
}

/** Words nobody came back for in a week are let go. @param {number} now */
export function sweepOutboxes(now) {
  for (const key of keysStarting("outbox:")) {
    const item = parseItem(recall(key));
    if (item === null || now - item.written_at > FORGET_MS) remember(key, null);
  }
}

/** @param {string | null} json @returns {OutboxItem | null} */
function parseItem(json) {
  try {
    const item = JSON.parse(json ?? "");
    const isItem =
      typeof item.key === "string" &&
      typeof item.text === "string" &&
      typeof item.written_at === "number";
    return isItem ? item : null;
  } catch {
    return null;
  }
}
