/**
 * The items of an outbox as this tab knows them: in their order, kept by the store (outbox-store.js), and the same in
 * all tabs of this browser (tabs.js). When they are sent is outbox.js.
 */

import { drawKey } from "./lib/keys.js";

/** @import { ChatError, ItemStore, OutboxItem, TabChannel, TabMessage } from "./types.d.ts" */

export class OutboxItems {
  /** @type {OutboxItem[]} in the order of `place` */
  #items = [];
  /** @type {Set<string>} keys known to be in the store, so that their absence tells that another tab removed them */
  #stored = new Set();
  /** @type {Set<string>} keys that only this page holds, since nothing would keep them */
  #fragile = new Set();
  /** @type {Set<string>} keys that have arrived or were discarded: late news about them is old */
  #gone = new Set();
  #store;
  #tabs;
  #changed;
  #now;
  #place = 0;

  /**
   * @param {object} given
   * @param {ItemStore} given.store
   * @param {TabChannel} given.tabs
   * @param {() => void} given.changed called when the store's answer changed something
   * @param {() => number} given.now
   */
  constructor({ store, tabs, changed, now }) {
    this.#store = store;
    this.#tabs = tabs;
    this.#changed = changed;
    this.#now = now;
  }

  /** @returns {readonly OutboxItem[]} */
  get all() {
    return this.#items;
  }

  /** Those that are on their way, or will be. */
  get underWay() {
    return this.#items.filter(isUnderWay);
  }

  /** The next one to send. @returns {OutboxItem | undefined} */
  get next() {
    return this.#items.find(isUnderWay);
  }

  /** Whether closing this page would lose something. */
  get isFragile() {
    return this.#fragile.size > 0;
  }

  /** @param {string} key */
  find(key) {
    return this.#items.find((item) => item.key === key);
  }

  /** @param {string} text @returns {OutboxItem} */
  add(text) {
    /** @type {OutboxItem} */
    const item = {
      key: drawKey(),
      text,
      written_at: this.#now(),
      place: this.#nextPlace(),
      state: "waiting",
    };
    this.#items.push(item);
    this.keep(item);
    return item;
  }

  /** @param {OutboxItem} item */
  async keep(item) {
    /** @type {OutboxItem} */
    const kept = { ...item, state: item.state === "failed" ? "failed" : "waiting" };
    this.#tabs.tell({ type: "put", item: kept });
    const isLasting = await this.#store.put(kept);
    if (this.#gone.has(item.key)) return void this.#store.remove(item.key);
    this.#stored.add(item.key);
    if (isLasting === !this.#fragile.has(item.key)) return;
    if (isLasting) this.#fragile.delete(item.key);
    else this.#fragile.add(item.key);
    this.#changed();
  }

  /** Makes this tab know what the store knows. */
  async load() {
    const stored = new Set(this.#stored); // what is put from now on may be missing in the answer
    const kept = await this.#store.all();
    if (kept === null) return;
    const keys = new Set(kept.map(({ key }) => key));
    this.#items = this.#items.filter(
      ({ key, state }) => state === "kept" || !stored.has(key) || keys.has(key),
    );
    for (const item of kept) {
      if (this.#gone.has(item.key)) this.#store.remove(item.key);
      else if (!this.find(item.key)) this.#take(item);
    }
    this.#changed();
  }

  /** It goes out, or waits again. @param {OutboxItem} item @param {"sending" | "waiting"} state */
  move(item, state) {
    item.state = state;
    this.#tabs.tell({ type: state, key: item.key });
  }

  /** @param {OutboxItem} item @param {ChatError} error */
  fail(item, error) {
    item.state = "failed";
    item.error = error;
    this.keep(item);
  }

  /** The server has it; it is shown until the log here has it, too. @param {OutboxItem} item @param {number} seq */
  acknowledge(item, seq) {
    item.state = "kept";
    item.seq = seq;
    this.#forget(item.key);
    this.#tabs.tell({ type: "kept", key: item.key, seq });
  }

  /** To be called for what was acknowledged; until then the store would bring it back. @param {string} key */
  async release(key) {
    await this.#store.remove(key);
  }

  /** @param {string} key */
  discard(key) {
    this.#drop(key);
    this.#store.remove(key);
    this.#tabs.tell({ type: "removed", key });
  }

  /** The log shown here holds it. Whether there was one. @param {string} key @param {number} seq */
  settle(key, seq) {
    const item = this.find(key);
    this.#drop(key);
    if (!item) return false;
    if (item.state !== "kept") this.#tabs.tell({ type: "kept", key, seq }); // others show it until their log has it
    this.#store.remove(key);
    return true;
  }

  /** What another tab tells. @param {Exclude<TabMessage, {type: "wait"}>} message */
  hear(message) {
    if (message.type === "put") return this.#take(message.item);
    const item = this.find(message.key);
    if (message.type === "removed") return this.#drop(message.key);
    if (message.type === "kept") {
      this.#forget(message.key);
      if (item) Object.assign(item, { state: "kept", seq: message.seq });
    } else if (item && isUnderWay(item)) {
      item.state = message.type;
    }
  }

  /** Rises in every tab, also when the clock is set back; and follows what was heard from other tabs. */
  #nextPlace() {
    this.#place = Math.max(this.#now(), this.#place + 1);
    return this.#place;
  }

  /** @param {OutboxItem} item from the store, or as another tab tells it */
  #take(item) {
    const known = this.find(item.key);
    if (known?.state === "kept" || this.#gone.has(item.key)) return;
    if (known) Object.assign(known, { error: undefined }, item);
    else this.#items.push({ ...item });
    this.#stored.add(item.key);
    this.#place = Math.max(this.#place, item.place);
    this.#items.sort((a, b) => a.place - b.place || (a.key < b.key ? -1 : 1));
  }

  /** @param {string} key */
  #drop(key) {
    this.#items = this.#items.filter((item) => item.key !== key);
    this.#forget(key);
  }

  /** @param {string} key */
  #forget(key) {
    this.#gone.add(key);
    this.#stored.delete(key);
    this.#fragile.delete(key);
  }
}

/** @param {OutboxItem} item */
function isUnderWay({ state }) {
  return state === "waiting" || state === "sending";
}
