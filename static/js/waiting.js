/** Waiting at a room's door: asks the server every two seconds how it stands until somebody has answered. Knows no page. */

/** @import { KnockState } from "./types.d.ts" */

const ASK_MS = 2000;
const LONGEST_MS = 30_000; // while the server is out of reach

export class Waiting {
  #ask;
  #heard;
  #failures = 0;
  #isOver = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {object} given
   * @param {() => Promise<KnockState>} given.ask rejects when there was no answer
   * @param {object} given.heard
   * @param {(state: KnockState) => void} given.heard.answered the last thing that is heard
   * @param {(isUnreachable: boolean) => void} given.heard.trouble
   */
  constructor({ ask, heard }) {
    this.#ask = ask;
    this.#heard = heard;
  }

  start() {
    this.#later(ASK_MS);
  }

  stop() {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  /** Asks at once, as when the page is looked at again. */
  async now() {
    clearTimeout(this.#timer);
    const state = await this.#state();
    if (this.#isOver) return;
    this.#heard.trouble(this.#failures > 1);
    if (state === "waiting") return this.#later(pauseAfter(this.#failures));
    this.stop();
    this.#heard.answered(state);
  }

  /** Nobody has answered for as long as the server does not. @returns {Promise<KnockState>} */
  async #state() {
    try {
      const state = await this.#ask();
      this.#failures = 0;
      return state;
    } catch {
      this.#failures += 1;
      return "waiting";
    }
  }

  /** @param {number} ms */
  #later(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.now(), ms);
  }
}

/** @param {number} failures one after the other, so far */
export function pauseAfter(failures) {
  return Math.min(ASK_MS * 2 ** failures, LONGEST_MS);
}
