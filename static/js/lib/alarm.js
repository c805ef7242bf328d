/** One moment to be told of, however far away: timers that are set for longer than 24 days go off at once. */

const LONGEST_MS = 2 ** 31 - 1;

export class Alarm {
  #ring;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {() => void} ring */
  constructor(ring) {
    this.#ring = ring;
  }

  /** Instead of what was set before. @param {number | null} ms from now; null for never */
  set(ms) {
    clearTimeout(this.#timer);
    if (ms !== null && ms <= LONGEST_MS) this.#timer = setTimeout(this.#ring, Math.max(ms, 0));
  }
}
