/** Brings the timeline to the screen: once per frame, however much comes, and anew when the days get other names. */

import { msUntilMidnight } from "./lib/time.js";
import { arrange } from "./rows.js";

/** @import { Row } from "./types.d.ts" */
/** @typedef {{toEnd?: boolean, isQuiet?: boolean}} How to the end whatever the reader looks at; without the rise of new lines */

const KEPT_LINES = 2000;
const KEPT_LINES_AT_END = 1000;
const HIDDEN_MS = 200; // a hidden tab has no frames

export class Painter {
  #timeline;
  #view;
  #gather;
  #painted;
  #isPending = false;
  /** @type {How} */
  #how = {};

  /**
   * @param {object} given
   * @param {import("./timeline.js").Timeline} given.timeline
   * @param {import("./timeline-view.js").TimelineView} given.view
   * @param {() => Omit<Parameters<typeof arrange>[0], "entries" | "now">} given.gather what rows are made from beside the log
   * @param {(rows: Row[]) => void} given.painted
   */
  constructor({ timeline, view, gather, painted }) {
    this.#timeline = timeline;
    this.#view = view;
    this.#gather = gather;
    this.#painted = painted;
  }

  start() {
    setTimeout(() => {
      this.paint({ isQuiet: true });
      this.start();
    }, msUntilMidnight(Date.now()) + 50);
  }

  /** Soon. @param {How} [how] */
  paint(how = {}) {
    this.#add(how);
    if (this.#isPending) return;
    this.#isPending = true;
    if (document.visibilityState === "visible") requestAnimationFrame(() => this.paintNow());
    else setTimeout(() => this.paintNow(), HIDDEN_MS);
  }

  /** Before anything else happens. @param {How} [how] */
  paintNow(how = {}) {
    this.#add(how);
    this.#isPending = false;
    const timeline = this.#timeline;
    if (this.#view.isAtEnd && timeline.entries.length > KEPT_LINES)
      timeline.trim(KEPT_LINES_AT_END);
    const rows = arrange({ ...this.#gather(), entries: timeline.entries, now: Date.now() });
    this.#view.draw(rows, { ...this.#how, canLoad: timeline.more });
    this.#how = {};
    this.#painted(rows);
  }

  /** @param {How} how */
  #add(how) {
    this.#how.toEnd ||= how.toEnd;
    this.#how.isQuiet ||= how.isQuiet;
  }
}
