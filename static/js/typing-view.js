/** The line that tells who else is typing. */

import { flag } from "./lib/dom.js";
import { describeTyping, TypingTracker } from "./typing.js";

export class TypingView {
  #line;
  #text;
  #nameOf;
  #tracker = new TypingTracker(() => this.#draw());

  /**
   * @param {object} given
   * @param {HTMLElement} given.line
   * @param {HTMLElement} given.text
   * @param {(member_id: string) => string} given.nameOf "" for whom it should not tell of
   */
  constructor({ line, text, nameOf }) {
    this.#line = line;
    this.#text = text;
    this.#nameOf = nameOf;
  }

  /** @param {string} member_id @param {boolean} isTyping */
  hear(member_id, isTyping) {
    this.#tracker.hear(member_id, isTyping);
  }

  /** @param {string} member_id */
  forget(member_id) {
    this.#tracker.forget(member_id);
  }

  clear() {
    this.#tracker.clear();
  }

  #draw() {
    const names = this.#tracker.members.map(this.#nameOf).filter(Boolean);
    const sentence = describeTyping(names);
    this.#text.textContent = sentence;
    flag(this.#line, "shown", sentence !== "");
  }
}
