/** Asks the server for what is missing: the events in a hole, and older ones when the reader wants them. */

/** @import { Event, History, Reply } from "./types.d.ts" */

const PAGE_EVENTS = 100;

export class CatchUp {
  #timeline;
  #ask;
  #heard;
  #isFilling = false;

  /**
   * @param {object} given
   * @param {import("./timeline.js").Timeline} given.timeline
   * @param {(range: {after?: number, before?: number, limit: number}) => Promise<Reply<History> | null>} given.ask
   * @param {object} given.heard
   * @param {(history: History) => void} given.heard.missed events for a hole, in order
   * @param {(history: History) => void} given.heard.older events that stand in front now
   * @param {() => void} given.heard.unanswered the hole is still there
   * @param {() => void} given.heard.gone what is missing is no longer kept: start over from the newest
   */
  constructor({ timeline, ask, heard }) {
    this.#timeline = timeline;
    this.#ask = ask;
    this.#heard = heard;
  }

  /** Until nothing is missing; `unanswered` when it stays. On a new line the welcome brings it. */
  async fillHole() {
    if (this.#isFilling) return;
    this.#isFilling = true;
    while (this.#timeline.hasHole && this.#timeline.last !== null) {
      const last = this.#timeline.last;
      const reply = await this.#ask({ after: last, limit: PAGE_EVENTS });
      if (!reply?.ok) {
        this.#heard.unanswered();
        break;
      }
      this.#heard.missed(reply);
      if (this.#timeline.last !== last) continue;
      this.#heard.gone();
      break;
    }
    this.#isFilling = false;
  }

  /** One page of older events. Returns whether the server answered. */
  async loadOlder() {
    const before = this.#timeline.first;
    if (before === null) return false;
    const reply = await this.#ask({ before, limit: PAGE_EVENTS });
    if (!reply?.ok) return false;
    if (before !== this.#timeline.first) return true; // it was trimmed or started over meanwhile
    this.#timeline.prepend(reply.events, reply.more);
    this.#heard.older(reply);
    return true;
  }
}
