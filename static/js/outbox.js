/**
 * What this member has said and the server has not acknowledged yet, in all tabs of this browser. Sends one
 * item at a time, in order, with the same key until it is acknowledged; waits when told to. What is kept where is
 * outbox-items.js, which tab's turn it is turns.js, what the tabs tell each other tabs.js.
 * Knows no page and no socket.
 *
 * Why order holds: items have a `place`; a tab's own places rise and become known to the others in that order;
 * and the next one is only sent once the one before is acknowledged. So when the server sees a key for the
 * first time it has all earlier ones of that tab, even if two tabs were to send at once.
 */

import { OutboxItems } from "./outbox-items.js";

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
  #items;
  /** @type {Map<string, number>} key → how often the server failed on it */
  #failures = new Map();
  #turns;
  #tabs;
  #send;
  #changed;
  #now;
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
    this.#items = new OutboxItems({ store, tabs, changed, now });
    this.#turns = turns;
    this.#tabs = tabs;
    this.#send = send;
    this.#changed = changed;
    this.#now = now;
  }

  /** @returns {readonly OutboxItem[]} */
  get items() {
    return this.#items.all;
  }

  /** How many are on their way, or will be. */
  get waitingCount() {
    return this.#items.underWay.length;
  }

  /** Those that wait for their writer to say whether they should still go. */
  get stale() {
    return this.#items.all.filter(({ error }) => error?.code === STALE.code);
  }

  /** Whether closing this page would lose something. */
  get isFragile() {
    return this.#items.isFragile;
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
    await this.#items.load();
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
    const item = this.#items.add(text);
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
    const item = this.#items.find(key);
    if (item?.state !== "failed") return;
    item.state = "waiting";
    item.agreed_at = this.#now();
    delete item.error;
    this.#failures.delete(key);
    this.#items.keep(item);
    this.#changed();
    this.#flush();
  }

  /** Throws an item away and returns its text. @param {string} key */
  discard(key) {
    const item = this.#items.find(key);
    if (!item) return "";
    this.#items.discard(key);
    this.#changed();
    return item.text;
  }

  /** The log shown here holds this one, whether or not its acknowledgement has come. @param {string} key @param {number} seq */
  settle(key, seq) {
    if (this.#items.settle(key, seq)) this.#changed();
  }

  /** The log shown here holds everything up to this. @param {number} last */
  settleUpTo(last) {
    for (const { key, state, seq } of this.#items.all)
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
    for (const item of this.#items.all) {
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
    return this.#isOnline && this.#waitUntil <= this.#now() && this.#items.next !== undefined;
  }

  /** It is this tab's turn. @param {boolean} waited for other tabs, which may have sent some meanwhile */
  async #sendNext(waited) {
    if (waited) await this.#items.load();
    const item = this.#items.next;
    if (!item || !this.#isReady()) return;
    if (this.#isStale(item)) return this.#ask();
    this.#items.move(item, "sending");
    this.#changed();
    const reply = await this.#send(item);
    if (this.#items.find(item.key) === item) await this.#answer(item, reply);
  }

  /** @param {OutboxItem} item */
  #isStale({ written_at, agreed_at }) {
    return this.#onlineSince - Math.max(written_at, agreed_at ?? 0) > STALE_MS;
  }

  /** What is old may no longer be meant: its writer decides. */
  #ask() {
    for (const item of this.#items.underWay) if (this.#isStale(item)) this.#items.fail(item, STALE);
    this.#changed();
  }

  /** @param {OutboxItem} item @param {Reply<Posted> | null} reply */
  async #answer(item, reply) {
    if (reply?.ok) return this.#acknowledged(item, reply.seq);
    this.#items.move(item, "waiting");
    if (reply === null) this.#unanswered();
    else if (this.#isPassing(item.key, reply.error)) this.#refusedForNow(reply.error);
    else this.#items.fail(item, reply.error);
    this.#changed();
  }

  /** @param {OutboxItem} item @param {number} seq */
  async #acknowledged(item, seq) {
    this.#timeouts = 0;
    this.#failures.delete(item.key);
    this.#items.acknowledge(item, seq);
    if (this.waitingCount === 0) this.#paceMs = 0;
    if (this.#paceMs > 0) this.#pause(this.#paceMs, null);
    this.#changed();
    await this.#items.release(item.key); // before the next tab has its turn and looks
  }

  /** No answer in time, though the line seems to be there. A lost line waits for the next one instead. */
  #unanswered() {
    if (!this.#isOnline) return;
    this.#timeouts += 1;
    const seconds = Math.min(2 ** this.#timeouts, SLOWEST_RETRY_SECONDS);
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

  /** @param {TabMessage} message */
  #hear(message) {
    if (message.type === "wait") this.#waitFor(message.until, message.error, message.pace_ms);
    else this.#items.hear(message);
    this.#changed();
    this.#flush();
  }
}

/** In how many ms the server takes one message after the other, if its refusal tells. @param {ChatError} error */
function paceOf({ code, limit = 0 }) {
  if (limit <= 0) return null;
  if (code === "too_fast") return 1000 / limit + PACE_SLACK_MS;
  return code === "slow_mode" ? limit * 1000 + PACE_SLACK_MS : null;
}
