/** What this person has read: how many messages are unread, and where the mark "New" belongs. */

import { recall, remember } from "./lib/storage.js";

/** @import { Event } from "./types.d.ts" */

export class Reading {
  #key;
  #unread = 0;
  /** @type {number | null} */
  #newAfter = null;

  /** @param {string} room_id */
  constructor(room_id) {
    this.#key = `read:${room_id}`;
  }

  get unread() {
    return this.#unread;
  }

  /** The seq after which the new ones begin; null when there is no mark. */
  get newAfter() {
    return this.#newAfter;
  }

  /**
   * Marks what has come since this browser was last here, if it was here before.
   * @param {Event[]} events
   * @param {string} me
   */
  start(events, me) {
    const read = Number(recall(this.#key) ?? Number.NaN);
    const isNew = (/** @type {Event} */ { seq, kind, by }) =>
      seq > read && kind === "message_posted" && by !== me;
    if (events.some(isNew)) this.#newAfter = read;
  }

  /** A message of somebody else came while nobody was looking. @param {Event} event */
  miss(event) {
    if (this.#unread === 0) this.#newAfter = event.seq - 1;
    this.#unread += 1;
  }

  /** Everything up to here has been seen; the mark stays, as it shows where to read on. @param {number} last */
  reach(last) {
    this.#unread = 0;
    remember(this.#key, String(last));
  }

  /** Who speaks, or looks away with everything read, needs the mark no longer. Returns whether there was one. */
  unmark() {
    if (this.#unread > 0 || this.#newAfter === null) return false;
    this.#newAfter = null;
    return true;
  }
}
