/** What the reader has seen: marks it as read, counts what came meanwhile in the pill and in the tab's title. */

import { flag } from "./lib/dom.js";
import { plural } from "./lib/text.js";
import { TitleCount } from "./title.js";

/** @import { Event } from "./types.d.ts" */

export class Attention {
  #reading;
  #view;
  #pill;
  #text;
  #last;
  #unmarked;
  #title = new TitleCount();

  /**
   * @param {object} given
   * @param {import("./reading.js").Reading} given.reading
   * @param {import("./timeline-view.js").TimelineView} given.view
   * @param {HTMLElement} given.pill
   * @param {HTMLElement} given.text of the pill
   * @param {() => number | null} given.last the newest seq shown
   * @param {() => void} given.unmarked the mark "New" has served
   */
  constructor({ reading, view, pill, text, last, unmarked }) {
    this.#reading = reading;
    this.#view = view;
    this.#pill = pill;
    this.#text = text;
    this.#last = last;
    this.#unmarked = unmarked;
  }

  start() {
    window.addEventListener("focus", () => this.update());
    window.addEventListener("blur", () => this.#reading.unmark() && this.#unmarked());
    document.addEventListener("visibilitychange", () => this.update());
    this.#pill.addEventListener("click", () => this.#view.toEnd());
  }

  /** Somebody looks, and at the end: what comes now is seen as it comes. */
  get isThere() {
    return document.visibilityState === "visible" && document.hasFocus() && this.#view.isAtEnd;
  }

  /** The reader came, went or moved. */
  update() {
    if (this.isThere) this.read();
    this.draw();
  }

  /** Everything shown is read. */
  read() {
    if (!this.isThere) return;
    const last = this.#last();
    if (last !== null) this.#reading.reach(last);
    this.#title.reset();
    this.draw();
  }

  /** A message came that nobody saw. @param {Event} event */
  miss(event) {
    this.#reading.miss(event);
    this.#title.add(1);
    this.draw();
  }

  /** Something other than a message wants to be seen, by somebody who is elsewhere. */
  nudge() {
    if (!this.isThere) this.#title.add(1);
  }

  draw() {
    const { unread } = this.#reading;
    this.#pill.hidden = this.#view.isAtEnd;
    this.#text.textContent = unread > 0 ? plural(unread, "new message") : "To the newest";
    flag(this.#pill, "new", unread > 0);
  }
}
