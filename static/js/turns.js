/**
 * Whose turn it is to send, among the tabs of one member. A turn lasts for one message, so nobody holds it while
 * waiting: Web Locks where the browser has them, and on plain http, where it has none, a lease in the store.
 * Were two tabs to send at once after all, nothing would break (see outbox.js); it would only cost the server twice.
 */

import { drawKey } from "./lib/keys.js";

/** @import { ItemStore, Turns } from "./types.d.ts" */

const TURN_MS = 15_000; // longer than one message ever takes; a tab that was frozen or killed has it no longer
const ASK_AGAIN_MS = 200;

/**
 * The best kind this browser has.
 * @param {string} member_id
 * @param {ItemStore} store
 * @returns {Turns}
 */
export function makeTurns(member_id, store) {
  const locks = globalThis.navigator?.locks;
  return locks ? new LockTurns(`outbox:${member_id}`, locks) : new LeaseTurns(store);
}

/** Turns by the Web Locks API. @implements {Turns} */
export class LockTurns {
  #name;
  #locks;
  #stopped = new AbortController();

  /** @param {string} name @param {Pick<LockManager, "request">} locks */
  constructor(name, locks) {
    this.#name = name;
    this.#locks = locks;
  }

  /** @param {(waited: boolean) => Promise<void>} work */
  async take(work) {
    if (this.#stopped.signal.aborted) this.#stopped = new AbortController();
    let isFree = true;
    await this.#request({ ifAvailable: true }, async (lock) => {
      isFree = lock !== null;
      if (isFree) await work(false);
    });
    if (!isFree) await this.#queue(work);
  }

  /** Nobody who waits here gets a turn any more. */
  stop() {
    this.#stopped.abort();
  }

  /** @param {(waited: boolean) => Promise<void>} work */
  async #queue(work) {
    const { signal: stopped } = this.#stopped;
    const tooLong = new AbortController();
    const timer = setTimeout(() => tooLong.abort(), TURN_MS);
    stopped.addEventListener("abort", () => tooLong.abort(), { once: true });
    let hasBegun = false;
    const begin = () => {
      clearTimeout(timer);
      hasBegun = true;
      return work(true);
    };
    await this.#request({ signal: tooLong.signal }, begin);
    clearTimeout(timer);
    if (!hasBegun && !stopped.aborted) await this.#request({ steal: true }, begin);
  }

  /**
   * Waits for the work even when the lock is taken away meanwhile.
   * @param {LockOptions} options
   * @param {(lock: Lock | null) => Promise<void>} work
   */
  async #request(options, work) {
    /** @type {Promise<void> | undefined} */
    let working;
    try {
      await this.#locks.request(this.#name, options, (lock) => {
        working = work(lock);
        return working;
      });
    } catch (error) {
      const isOver = error instanceof DOMException && error.name === "AbortError";
      await (working ?? (isOver ? null : work(null))); // stolen, no longer wanted, or locks do not work here
    }
  }
}

/** Turns by a lease in the store, which ends by itself. @implements {Turns} */
export class LeaseTurns {
  #store;
  #owner = drawKey();
  #now;
  #isStopped = false;
  #isHeld = false;

  /** @param {Pick<ItemStore, "claim" | "release">} store @param {() => number} [now] */
  constructor(store, now = Date.now) {
    this.#store = store;
    this.#now = now;
  }

  /** @param {(waited: boolean) => Promise<void>} work */
  async take(work) {
    this.#isStopped = false;
    let waited = false;
    while (!(await this.#store.claim(this.#owner, this.#now(), this.#now() + TURN_MS))) {
      waited = true;
      await new Promise((done) => setTimeout(done, ASK_AGAIN_MS * (0.5 + Math.random())));
      if (this.#isStopped) return;
    }
    this.#isHeld = true;
    await work(waited);
    this.#isHeld = false;
    await this.#store.release(this.#owner);
  }

  stop() {
    this.#isStopped = true;
    if (this.#isHeld) this.#store.release(this.#owner);
  }
}
