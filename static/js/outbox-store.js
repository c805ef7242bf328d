/**
 * Where an outbox keeps its items: in IndexedDB; where that is missing, broken or not open yet in localStorage;
 * and where even that is forbidden, as long as the page lives. Which tab may send is noted here, too, for browsers
 * without Web Locks.
 */

import { openDB } from "idb";
import { keysStarting, recall, remember } from "./lib/storage.js";

/** @import { DBSchema, IDBPDatabase } from "idb" */
/** @import { ItemStore, KeptItem, OutboxItem } from "./types.d.ts" */

const DATABASE = "flask-chat";
const OPEN_MS = 2000; // some private windows never answer
const ANSWER_MS = 5000; // and a database that has opened may still hang
export const FORGET_MS = 30 * 24 * 3_600_000;
const SETTLE_MS = 60; // for two tabs that write to localStorage at once to see each other

/**
 * @typedef {object} OutboxSchema
 * @property {{key: string, value: KeptItem, indexes: {member_id: string}}} outbox
 * @property {{key: string, value: {member_id: string, owner: string, until: number}}} turns
 */
/** @typedef {IDBPDatabase<OutboxSchema & DBSchema>} Database */

/** The best of the three for every item: what one cannot take, the next one does. @implements {ItemStore} */
export class LayeredItems {
  #layers;

  /** @param {ItemStore[]} layers the best first */
  constructor(layers) {
    this.#layers = layers;
  }

  async all() {
    /** @type {Map<string, OutboxItem>} */
    const items = new Map();
    for (const layer of this.#layers) {
      const kept = await layer.all();
      if (kept === null) return null;
      for (const item of kept) if (!items.has(item.key)) items.set(item.key, item);
    }
    return [...items.values()];
  }

  /** @param {OutboxItem} item */
  async put(item) {
    for (const layer of this.#layers) {
      if (!(await layer.put(item))) continue;
      for (const other of this.#layers) if (other !== layer) other.remove(item.key);
      return !(layer instanceof MemoryItems);
    }
    return false;
  }

  /** @param {string} key */
  async remove(key) {
    await Promise.all(this.#layers.map((layer) => layer.remove(key)));
  }

  /** @param {string} owner @param {number} now @param {number} until */
  async claim(owner, now, until) {
    for (const layer of this.#layers) {
      const isMine = await layer.claim(owner, now, until);
      if (isMine !== null) return isMine;
    }
    return true;
  }

  /** @param {string} owner */
  async release(owner) {
    await Promise.all(this.#layers.map((layer) => layer.release(owner)));
  }
}

/** The places of a member's items in this browser, the best first. @param {string} member_id @param {string} code of the room */
export function openItems(member_id, code) {
  return new LayeredItems([
    new DatabaseItems(member_id, code),
    new LocalItems(member_id, code),
    new MemoryItems(),
  ]);
}

/** Keeps items in IndexedDB. @implements {ItemStore} */
export class DatabaseItems {
  #member_id;
  #code;
  /** @type {Database | null} */
  #database = null;
  /** @type {Promise<unknown> | null} */
  #opened = null;
  #isLost = false;

  /** @param {string} member_id whose words these are; nobody else's page brings them back @param {string} code of the room */
  constructor(member_id, code) {
    this.#member_id = member_id;
    this.#code = code;
  }

  async all() {
    await this.#open();
    const database = this.#database;
    if (!database) return this.#isLost ? null : [];
    return this.#attempt(() => database.getAllFromIndex("outbox", "member_id", this.#member_id));
  }

  /** Until the database is open it takes nothing: a page that closes at once would lose it. @param {OutboxItem} item */
  async put(item) {
    if (!this.#database) return false;
    const kept = { ...item, member_id: this.#member_id, code: this.#code };
    const put = (/** @type {any} */ store) => {
      const done = store.put(kept);
      store.transaction.commit(); // by itself it would wait for this page, which may be gone by then
      return done;
    };
    const written = await this.#attempt(() => this.#write("outbox", put));
    return written !== null;
  }

  /** @param {string} key */
  async remove(key) {
    await this.#open();
    await this.#attempt(() => this.#write("outbox", (store) => store.delete(key)));
  }

  /** One transaction, so that only one tab can have it. @param {string} owner @param {number} now @param {number} until */
  async claim(owner, now, until) {
    await this.#open();
    if (!this.#database) return null;
    const member_id = this.#member_id;
    let isMine = false;
    const claimed = await this.#attempt(() =>
      this.#write("turns", async (store) => {
        const held = await store.get(member_id);
        isMine = !held || held.owner === owner || held.until < now || held.until > now + 60_000;
        if (isMine) await store.put({ member_id, owner, until });
      }),
    );
    return claimed === null ? null : isMine;
  }

  /** @param {string} owner */
  async release(owner) {
    await this.#attempt(() =>
      this.#write("turns", async (store) => {
        const held = await store.get(this.#member_id);
        if (held?.owner === owner) await store.delete(this.#member_id);
      }),
    );
  }

  /** Opens it the first time it is needed, and waits for that once: late is better than never. */
  #open() {
    this.#opened ??= Promise.race([
      this.#connect(),
      new Promise((late) => setTimeout(late, OPEN_MS)),
    ]);
    return this.#opened;
  }

  async #connect() {
    try {
      this.#database = await openDatabase(() => this.#lose());
    } catch {
      // Without it the next layer keeps the items.
    }
  }

  #lose() {
    this.#database = null;
    this.#isLost = true;
  }

  /**
   * @template {"outbox" | "turns"} Name
   * @param {Name} name
   * @param {(store: any) => unknown} change
   */
  async #write(name, change) {
    if (!this.#database) throw new Error("no database");
    // Strict: a phone whose battery runs out in the tunnel keeps them, too.
    const transaction = this.#database.transaction(name, "readwrite", { durability: "strict" });
    const changed = change(transaction.store);
    transaction.done.catch(() => {}); // awaited below, after what made it fail
    await changed;
    await transaction.done;
    return true;
  }

  /**
   * A database that hangs must not hold up the outbox: what it could not take, the next layer does.
   * @template T @param {() => T | Promise<T>} action @returns {Promise<T | null>} null when the database failed
   */
  async #attempt(action) {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    /** @type {Promise<null>} */
    const late = new Promise((resolve) => {
      timer = setTimeout(() => resolve(null), ANSWER_MS);
    });
    try {
      return await Promise.race([action(), late]);
    } catch {
      return null;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Keeps items in localStorage, one entry each, so that two tabs of a room do not overwrite each other. @implements {ItemStore} */
export class LocalItems {
  #member_id;
  #code;

  /** @param {string} member_id @param {string} code of the room */
  constructor(member_id, code) {
    this.#member_id = member_id;
    this.#code = code;
  }

  async all() {
    const items = keysStarting(this.#name("")).map((key) => parseItem(recall(key)));
    return items.filter((item) => item !== null);
  }

  /** @param {OutboxItem} item */
  async put(item) {
    const kept = { ...item, member_id: this.#member_id, code: this.#code };
    return remember(this.#name(item.key), JSON.stringify(kept));
  }

  /** @param {string} key */
  async remove(key) {
    remember(this.#name(key), null);
  }

  /** Writes, waits, and looks who has written last. @param {string} owner @param {number} now @param {number} until */
  async claim(owner, now, until) {
    const held = this.#held();
    const isHeld = held.until >= now && held.until <= now + 60_000 && held.owner !== owner;
    if (isHeld) return false;
    if (!remember(this.#turn(), `${until} ${owner}`)) return null;
    await new Promise((settled) => setTimeout(settled, SETTLE_MS));
    return this.#held().owner === owner;
  }

  /** @param {string} owner */
  async release(owner) {
    if (this.#held().owner === owner) remember(this.#turn(), null);
  }

  #held() {
    const [until = "0", owner = ""] = (recall(this.#turn()) ?? "").split(" ");
    return { until: Number(until), owner };
  }

  #turn() {
    return `turn:${this.#member_id}`;
  }

  /** @param {string} key */
  #name(key) {
    return `outbox:${this.#member_id}:${key}`;
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
    return true;
  }

  /** @param {string} key */
  async remove(key) {
    this.#items.delete(key);
  }

  async claim() {
    return null; // no other tab sees these items
  }

  async release() {}
}

/**
 * Everything unsent in this browser, of all rooms: for the lobby, as the room may have ended meanwhile.
 * @returns {Promise<KeptItem[]>}
 */
export async function allUnsent() {
  const local = keysStarting("outbox:").map((key) => parseItem(recall(key)));
  /** @type {KeptItem[]} */
  let kept = [];
  try {
    const database = await openDatabase(() => {});
    kept = await database.getAll("outbox");
    database.close();
  } catch {
    // Without a database there is only localStorage.
  }
  return [...kept, ...local.filter((item) => item !== null)].sort((a, b) => a.place - b.place);
}

/** Throws items away. @param {KeptItem[]} items */
export async function discardUnsent(items) {
  for (const { member_id, key } of items) remember(`outbox:${member_id}:${key}`, null);
  try {
    const database = await openDatabase(() => {});
    const transaction = database.transaction("outbox", "readwrite");
    await Promise.all(items.map(({ key }) => transaction.store.delete(key)));
    await transaction.done;
    database.close();
  } catch {
    // Without a database there is only localStorage.
  }
}

/** Words nobody came back for in a month are let go. @param {number} now */
export async function sweepUnsent(now) {
  const items = await allUnsent();
  await discardUnsent(items.filter(({ written_at }) => now - written_at > FORGET_MS));
}

/** @param {() => void} lost the browser has closed it, or a newer version of this page wants it @returns {Promise<Database>} */
async function openDatabase(lost) {
  return openDB(DATABASE, 1, {
    upgrade(database) {
      const outbox = database.createObjectStore("outbox", { keyPath: "key" });
      outbox.createIndex("member_id", "member_id");
      database.createObjectStore("turns", { keyPath: "member_id" });
    },
    blocking(_current, _blocked, event) {
      lost();
      if (event.target instanceof IDBDatabase) event.target.close();
    },
    terminated: lost,
  });
}

/** @param {string | null} json @returns {KeptItem | null} */
function parseItem(json) {
  try {
    const item = JSON.parse(json ?? "");
    const isItem =
      typeof item.key === "string" &&
      typeof item.text === "string" &&
      typeof item.written_at === "number";
    return isItem ? { place: item.written_at, ...item } : null;
  } catch {
    return null;
  }
}
