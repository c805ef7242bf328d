/** A short word on what was done or refused, with a way back for ten seconds: longer while somebody points at it or is in it. */

import { flag } from "./lib/dom.js";

/** @typedef {{label: string, press: () => void, takesBack: boolean}} Button one that takes back answers to Control Z as well */

const SHOWN_MS = 10_000;

export class Notice {
  #element;
  #text;
  #button;
  #say;
  #left;
  /** @type {Button | null} */
  #offered = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {object} given
   * @param {HTMLElement} given.element
   * @param {HTMLElement} given.text
   * @param {HTMLElement} given.button
   * @param {HTMLElement} given.close
   * @param {(sentence: string) => void} given.say aloud
   * @param {() => void} given.left it went away with the focus in it
   */
  constructor({ element, text, button, close, say, left }) {
    this.#element = element;
    this.#text = text;
    this.#button = button;
    this.#say = say;
    this.#left = left;
    button.addEventListener("click", () => this.#act());
    close.addEventListener("click", () => this.hide());
    element.addEventListener("pointerenter", () => clearTimeout(this.#timer));
    element.addEventListener("pointerleave", () => this.#wait());
    element.addEventListener("focusin", () => clearTimeout(this.#timer));
    element.addEventListener("focusout", () => this.#wait());
    document.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** @param {string} sentence @param {Button} [button] */
  show(sentence, button) {
    this.#draw(sentence, button);
    this.#say(button?.takesBack ? `${sentence}. ${button.label} with Control Z.` : sentence);
  }

  /** @param {string} sentence why something was not done */
  refuse(sentence) {
    this.#draw(sentence);
    flag(this.#element, "refused", true);
    this.#say(sentence);
  }

  hide() {
    clearTimeout(this.#timer);
    const hadFocus = this.#element.contains(document.activeElement);
    if (this.#element.matches(":popover-open")) this.#element.hidePopover();
    this.#offered = null;
    if (hadFocus) this.#left();
  }

  /** @param {string} sentence @param {Button} [button] */
  #draw(sentence, button) {
    this.hide(); // and shown again, on top of whatever has opened meanwhile
    flag(this.#element, "refused", false);
    this.#text.textContent = sentence;
    this.#button.hidden = button === undefined;
    this.#button.textContent = button?.label ?? "";
    this.#offered = button ?? null;
    this.#element.showPopover();
    this.#wait();
  }

  #act() {
    const offered = this.#offered;
    this.hide();
    offered?.press();
  }

  #wait() {
    clearTimeout(this.#timer);
    if (this.#element.matches(":hover, :focus-within")) return;
    this.#timer = setTimeout(() => this.hide(), SHOWN_MS);
  }

  /** As everywhere else, Escape and Control Z; a field has words of its own to take back. @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.key === "Escape" && this.#element.contains(document.activeElement)) this.hide();
    if (!this.#offered?.takesBack || !(event.ctrlKey || event.metaKey) || event.key !== "z") return;
    const at = document.activeElement;
    const hasWords = at instanceof HTMLTextAreaElement || at instanceof HTMLInputElement;
    if (hasWords && at.value !== "") return;
    event.preventDefault();
    this.#act();
  }
}
