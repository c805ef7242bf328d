/**
 * What this member has said and the server has not acknowledged yet, in all tabs of this browser. Sends one
 * item at a time, in order, with the same key until it is acknowledged; waits when told to. Where items are
 * kept is outbox-store.js, which tab's turn it is turns.js, what the tabs tell each other tabs.js.
 * Knows no page and no socket.
 *
 * Why order holds: items have a `place`; a tab's own places rise and become known to the others in that order;
 * and the next one is only sent once the one before is acknowledged. So when the server sees a key for the
 * first time it has all earlier ones of that tab, even if two tabs were to send at once.
 */

import { drawKey } from "./lib/keys.js";

/** @import { ChatError, ItemStore, OutboxItem, Posted, Reply, TabChannel, TabMessage, Turns } from "./types.d.ts" */

const STALE_MS = 10 * 60_000;
const SLOWEST_RETRY_SECONDS = 60;
const PACE_SLACK_MS = 50;
const INTERNAL_TRIES = 5; // a server that fails on one message every time must not hold back the others
const PASSING = new Set([
  "too_fast",
  "slow_mode",
  "unavailable",
  "timeout",
  "server_full",
  "room_full",
  "connections_exceeded",
]);
/** @type {ChatError} */
const STALE = { code: "stale", message: "It was written more than ten minutes ago" };

export class Outbox {
  /** @type {OutboxItem[]} in the order of `place` */
  #items = [];
  /** @type {Set<string>} keys known to be in the store, so that their absence tells that another tab removed them */
  #stored = new Set();
  /** @type {Set<string>} keys that only this page holds, since nothing would keep them */
  #fragile = new Set();
  /** @type {Set<string>} keys that have arrived or were discarded: late news about them is old */
  #gone = new Set();
  /** @type {Map<string, number>} key → how often the server failed on it */
  #failures = new Map();
  #store;
  #turns;
  #tabs;
  #send;
  #changed;
  #now;
  #place = 0;
  #isOnline = false;
  #onlineSince = 0;
  #isFlushing = false;
  #waitUntil = 0;
  /** @type {ChatError | null} why it waits */
  #waitError = null;
  #paceMs = 0;
  #timeouts = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {object} given
   * @param {ItemStore} given.store
   * @param {Turns} given.turns
   * @param {TabChannel} given.tabs
   * @param {(item: OutboxItem) => Promise<Reply<Posted> | null>} given.send null when no answer came
   * @param {() => void} given.changed called after every change of `items`
   * @param {() => number} [given.now]
   */
  constructor({ store, turns, tabs, send, changed, now = Date.now }) {
    this.#store = store;
    this.#turns = turns;
    this.#tabs = tabs;
    this.#send = send;
    this.#changed = changed;
    this.#now = now;
  }

  /** @returns {readonly OutboxItem[]} */
  get items() {
    return this.#items;
  }

  /** How many are on their way, or will be. */
  get waitingCount() {
    return this.#items.filter(isUnderWay).length;
  }

  /** Those that wait for their writer to say whether they should still go. */
  get stale() {
    return this.#items.filter(({ error }) => error?.code === STALE.code);
  }

  /** Whether closing this page would lose something. */
  get isFragile() {
    return this.#fragile.size > 0;
  }

  /**
   * Whether it goes slowly now, until when (of all of them, as far as that can be told), and why.
   * @returns {{until: number, error: ChatError | null} | null}
   */
  get wait() {
    const now = this.#now();
    if (this.#waitUntil <= now || this.waitingCount === 0) return null;
    return {
      until: this.#waitUntil + (this.waitingCount - 1) * this.#paceMs,
      error: this.#waitError,
    };
  }

  /** Brings back what earlier pages and other tabs have not sent yet. May be called again after `stop`. */
  async start() {
    this.#tabs.start((message) => this.#hear(message));
    await this.#load();
    this.#flush();
  }

  /** Rests until the next `start`: no timers, no turn held, no channel open. */
  stop() {
    this.setOnline(false);
    clearTimeout(this.#timer);
    this.#waitUntil = 0;
    this.#turns.stop();
    this.#tabs.stop();
  }

  /** Takes a message from its user; from here on it is not lost. @param {string} text @returns {OutboxItem} */
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
    this.#keep(item);
    this.#changed();
    this.#flush();
    return item;
  }

  /** Whether posts can reach the server now. @param {boolean} isOnline */
  setOnline(isOnline) {
    if (isOnline && !this.#isOnline) this.#onlineSince = this.#now();
    this.#isOnline = isOnline;
    if (isOnline) this.#flush();
  }

  /** @param {string} key */
  retry(key) {
    const item = this.#find(key);
    if (item?.state !== "failed") return;
    item.state = "waiting";
    item.agreed_at = this.#now();
    delete item.error;
    this.#failures.delete(key);
    this.#keep(item);
    this.#changed();
    this.#flush();
  }

  /** Throws an item away and returns its text. @param {string} key */
  discard(key) {
    const item = this.#find(key);
    if (!item) return "";
    this.#drop(key);
    this.#store.remove(key);
    this.#tabs.tell({ type: "removed", key });
    this.#changed();
    return item.text;
  }

  /** The log shown here holds this one, whether or not its acknowledgement has come. @param {string} key @param {number} seq */
  settle(key, seq) {
    const item = this.#find(key);
    this.#drop(key);
    if (!item) return;
    if (item.state !== "kept") this.#tabs.tell({ type: "kept", key, seq }); // others show it until their log has it
    this.#store.remove(key);
    this.#changed();
  }

  /** The log shown here holds everything up to this. @param {number} last */
  settleUpTo(last) {
    for (const { key, state, seq } of this.#items)
      if (state === "kept" && seq !== undefined && seq <= last) this.settle(key, seq);
  }

  /** What made it wait, such as slow mode, no longer holds: tries again at once. */
  hurry() {
    if (this.#waitUntil === 0) return;
    this.#waitFor(this.#now(), null, 0);
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

  // ---- sending

  async #flush() {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    while (this.#isReady()) await this.#turns.take((waited) => this.#sendNext(waited));
    this.#isFlushing = false;
  }

  #isReady() {
    return this.#isOnline && this.#waitUntil <= this.#now() && this.#next() !== undefined;
  }

  /** @returns {OutboxItem | undefined} */
  #next() {
    return this.#items.find(isUnderWay);
  }

  /** It is this tab's turn. @param {boolean} waited for other tabs, which may have sent some meanwhile */
  async #sendNext(waited) {
    if (waited) await this.#load();
    const item = this.#next();
    if (!item || !this.#isReady()) return;
    if (this.#isStale(item)) return this.#ask();
    item.state = "sending";
    this.#tabs.tell({ type: "sending", key: item.key });
    this.#changed();
    const reply = await this.#send(item);
    if (this.#find(item.key) === item) await this.#answer(item, reply);
  }

  /** @param {OutboxItem} item */
  #isStale({ written_at, agreed_at }) {
    return this.#onlineSince - Math.max(written_at, agreed_at ?? 0) > STALE_MS;
  }

  /** What is old may no longer be meant: its writer decides. */
  #ask() {
    for (const item of this.#items)
      if (isUnderWay(item) && this.#isStale(item)) this.#fail(item, STALE);
    this.#changed();
  }

  /** @param {OutboxItem} item @param {Reply<Posted> | null} reply */
  async #answer(item, reply) {
    if (reply?.ok) return this.#acknowledged(item, reply.seq);
    item.state = "waiting";
    this.#tabs.tell({ type: "waiting", key: item.key });
    if (reply === null) this.#unanswered();
    else if (this.#isPassing(item.key, reply.error)) this.#refusedForNow(reply.error);
    else this.#fail(item, reply.error);
    this.#changed();
  }

  /** @param {OutboxItem} item @param {number} seq */
  async #acknowledged(item, seq) {
    this.#timeouts = 0;
    item.state = "kept";
    item.seq = seq;
    this.#forget(item.key);
    this.#tabs.tell({ type: "kept", key: item.key, seq });
    if (this.waitingCount === 0) this.#paceMs = 0;
    if (this.#paceMs > 0) this.#pause(this.#paceMs, null);
    this.#changed();
    await this.#store.remove(item.key); // before the next tab has its turn and looks
  }

  /** No answer in time, though the line seems to be there. A lost line waits for the next one instead. */
  #unanswered() {
    this.#timeouts += 1;
    const seconds = Math.min(2 ** this.#timeouts, SLOWEST_RETRY_SECONDS);
    if (this.#isOnline)
      this.#pause(seconds * 1000, { code: "timeout", message: "The server does not answer" });
  }

  /** @param {string} key @param {ChatError} error */
  #isPassing(key, { code }) {
    if (code !== "internal") return PASSING.has(code);
    this.#failures.set(key, (this.#failures.get(key) ?? 0) + 1);
    return (this.#failures.get(key) ?? 0) < INTERNAL_TRIES;
  }

  /** @param {ChatError} error */
  #refusedForNow(error) {
    this.#paceMs = paceOf(error) ?? this.#paceMs; // no need to run into it each time
    const longest = error.code === "slow_mode" ? Number.POSITIVE_INFINITY : SLOWEST_RETRY_SECONDS;
    const seconds = Math.min(error.retry_after_seconds ?? 1, longest);
    this.#pause(Math.max(seconds * 1000, PACE_SLACK_MS), error);
  }

  /** For all tabs, since the server counts the member and not the tab. @param {number} ms @param {ChatError | null} error */
  #pause(ms, error) {
    this.#waitFor(this.#now() + ms, error, this.#paceMs);
    this.#tabs.tell({ type: "wait", until: this.#waitUntil, error, pace_ms: this.#paceMs });
  }

  /** @param {number} until @param {ChatError | null} error @param {number} paceMs */
  #waitFor(until, error, paceMs) {
    clearTimeout(this.#timer);
    this.#waitUntil = until;
    this.#waitError = error;
    this.#paceMs = paceMs;
    this.#timer = setTimeout(() => {
      this.#changed();
      this.#flush();
    }, until - this.#now());
  }

  // ---- keeping

  /** Rises in every tab, also when the clock is set back; and follows what was heard from other tabs. */
  #nextPlace() {
    this.#place = Math.max(this.#now(), this.#place + 1);
    return this.#place;
  }

  /** @param {OutboxItem} item @param {ChatError} error */
  #fail(item, error) {
    item.state = "failed";
    item.error = error;
    this.#keep(item);
  }

  /** @param {OutboxItem} item */
  async #keep(item) {
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
  async #load() {
    const stored = new Set(this.#stored); // what is put from now on may be missing in the answer
    const kept = await this.#store.all();
    if (kept === null) return;
    const keys = new Set(kept.map(({ key }) => key));
    this.#items = this.#items.filter(
      ({ key, state }) => state === "kept" || !stored.has(key) || keys.has(key),
    );
    for (const item of kept) {
      if (this.#gone.has(item.key)) this.#store.remove(item.key);
      else if (!this.#find(item.key)) this.#take(item);
    }
    this.#changed();
  }

  /** @param {OutboxItem} item from the store, or as another tab tells it */
  #take(item) {
    const known = this.#find(item.key);
    if (known?.state === "kept" || this.#gone.has(item.key)) return;
    if (known) Object.assign(known, { error: undefined }, item);
    else this.#items.push({ ...item });
    this.#stored.add(item.key);
    this.#place = Math.max(this.#place, item.place);
    this.#items.sort((a, b) => a.place - b.place || (a.key < b.key ? -1 : 1));
  }

  /** @param {TabMessage} message */
  #hear(message) {
    if (message.type === "put") this.#take(message.item);
    else if (message.type === "wait") this.#waitFor(message.until, message.error, message.pace_ms);
    else this.#hearAbout(message);
    this.#changed();
    this.#flush();
  }

  /** @param {Exclude<TabMessage, {type: "put"} | {type: "wait"}>} message */
  #hearAbout(message) {
    const item = this.#find(message.key);
    if (message.type === "removed") return this.#drop(message.key);
    if (message.type === "kept") {
      this.#forget(message.key);
      if (item) Object.assign(item, { state: "kept", seq: message.seq });
    } else if (item?.state === "waiting" || item?.state === "sending") {
      item.state = message.type;
    }
  }

  /** @param {string} key */
  #find(key) {
    return this.#items.find((item) => item.key === key);
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
    this.#failures.delete(key);
  }
}

/** @param {OutboxItem} item */
function isUnderWay({ state }) {
  return state === "waiting" || state === "sending";
}

/** In how many ms the server takes one message after the other, if its refusal tells. @param {ChatError} error */
function paceOf({ code, limit = 0 }) {
  if (limit <= 0) return null;
  if (code === "too_fast") return 1000 / limit + PACE_SLACK_MS;
  return code === "slow_mode" ? limit * 1000 + PACE_SLACK_MS : null;
}
