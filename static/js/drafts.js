/** What stands unsent in the box, kept per room so that it survives a reload. */

import { recall, remember } from "./lib/storage.js";

const QUIET_MS = 300;

export class Draft {
  #key;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {string | null} */
  #unsaved = null;

  /** @param {string} room_id */
  constructor(room_id) {
    this.#key = `draft:${room_id}`;
  }

  get text() {
    return this.#unsaved ?? recall(this.#key) ?? "";
  }

  /** Saves once typing pauses. @param {string} text */
  change(text) {
    this.#unsaved = text;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), QUIET_MS);
  }

  /** Saves now: on sending, and when the page is being put away. */
  flush() {
    clearTimeout(this.#timer);
    if (this.#unsaved === null) return;
    remember(this.#key, this.#unsaved);
    this.#unsaved = null;
  }
}
