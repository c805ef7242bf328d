/** Several tabs in one process: what they tell each other arrives later, in order, and a turn is one tab's. */

/** @import { TabChannel, TabMessage, Turns } from "../../static/js/types.d.ts" */

/** Stands in for the Tabs of one browser; tabs made with the same `others` hear each other. @implements {TabChannel} */
export class FakeTabs {
  #others;
  /** @type {((message: TabMessage) => void) | null} */
  heard = null;

  /** @param {Set<FakeTabs>} [others] */
  constructor(others = new Set()) {
    this.#others = others;
    others.add(this);
  }

  /** @param {(message: TabMessage) => void} heard */
  start(heard) {
    this.heard = heard;
  }

  stop() {
    this.heard = null;
  }

  /** @param {TabMessage} message */
  tell(message) {
    const copy = structuredClone(message);
    for (const tab of this.#others)
      if (tab !== this) setTimeout(() => tab.heard?.(structuredClone(copy)), 1);
  }
}

/** @implements {Turns} */
export class OneTurn {
  /** @type {Promise<void>} */
  #last = Promise.resolve();
  #waiting = 0;

  /** @param {(waited: boolean) => Promise<void>} work */
  async take(work) {
    const waited = this.#waiting > 0;
    this.#waiting += 1;
    this.#last = this.#last.then(() => work(waited));
    await this.#last;
    this.#waiting -= 1;
  }

  stop() {}
}
