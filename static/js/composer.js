/** The box one writes in: grows, counts, knows when Enter sends, and lets go of the text only when it was taken. */

import { flag } from "./lib/dom.js";
import { countCharacters, isBlank, plural } from "./lib/text.js";
import { timeLeftBriefly } from "./lib/time.js";

const COUNT_FROM = 0.8;

export class Composer {
  #form;
  #text;
  #send;
  #count;
  #reason;
  #wait;
  #hushed;
  #limit;
  #heard;
  #waitUntil = 0;
  #hush = "";
  #isTouch = window.matchMedia("(pointer: coarse)");
  /** @type {AbortController | null} */
  #listening = null;

  /**
   * @param {object} given
   * @param {HTMLFormElement} given.form
   * @param {HTMLTextAreaElement} given.text
   * @param {HTMLButtonElement} given.send
   * @param {HTMLElement} given.count
   * @param {HTMLElement} given.reason why one cannot send, for screen readers
   * @param {HTMLElement} given.wait seconds until the next may go
   * @param {HTMLElement} given.hushed why nothing may be sent for now, for everybody to see
   * @param {number} given.limit characters; 0 for none
   * @param {object} given.heard
   * @param {(text: string) => void} given.heard.send
   * @param {(text: string) => void} given.heard.changed
   */
  constructor({ form, text, send, count, reason, wait, hushed, limit, heard }) {
    this.#form = form;
    this.#text = text;
    this.#send = send;
    this.#count = count;
    this.#reason = reason;
    this.#wait = wait;
    this.#hushed = hushed;
    this.#limit = limit;
    this.#heard = heard;
  }

  /** @param {string} draft */
  start(draft) {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    if (draft && this.#text.value === "") this.#text.value = draft;
    this.#text.addEventListener("input", () => this.#changed(), { signal });
    this.#text.addEventListener("keydown", (event) => this.#pressed(event), { signal });
    this.#form.addEventListener("submit", (event) => this.#submitted(event), { signal });
    this.#send.addEventListener("pointerdown", (event) => event.preventDefault(), { signal }); // keeps a phone's keyboard open
    this.#draw();
    if (!this.#isTouch.matches) this.#text.focus({ preventScroll: true });
  }

  stop() {
    this.#listening?.abort();
  }

  get text() {
    return this.#text.value;
  }

  /** Puts words back, in front of what is there by now. @param {string} text */
  restore(text) {
    this.#text.value = this.#text.value === "" ? text : `${text}\n${this.#text.value}`;
    this.#changed();
    this.#text.focus();
  }

  focus() {
    this.#text.focus({ preventScroll: true });
  }

  /** Shows that messages go out slowly now; they are taken all the same. @param {number} until ms, 0 for not */
  slow(until) {
    this.#waitUntil = until;
    this.#drawWait();
  }

  /** Sends nothing until told otherwise, and says why; what is written stays. @param {string} reason "" to go on */
  hush(reason) {
    if (reason === this.#hush) return;
    this.#hush = reason;
    this.#hushed.hidden = reason === "";
    this.#hushed.textContent = reason;
    flag(this.#form, "hushed", reason !== "");
    flag(this.#form, "refused", false);
    this.#draw();
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (!shouldSend(event, this.#isTouch.matches)) return;
    event.preventDefault();
    this.#form.requestSubmit();
  }

  /** @param {SubmitEvent} event */
  #submitted(event) {
    event.preventDefault();
    const text = this.#text.value;
    if (this.#problem() !== "") {
      this.#reason.textContent = "";
      this.#draw();
      flag(this.#form, "refused", !isBlank(text));
      this.#text.focus();
      return;
    }
    this.#text.value = "";
    this.#heard.send(text);
    this.#changed();
    this.#text.focus();
  }

  #changed() {
    flag(this.#form, "refused", false);
    this.#draw();
    this.#heard.changed(this.#text.value);
  }

  /** Why this cannot be sent; "" when it can. */
  #problem() {
    if (this.#hush !== "") return this.#hush;
    const text = this.#text.value;
    if (isBlank(text)) return "Write something first";
    const excess = this.#limit > 0 ? countCharacters(text) - this.#limit : 0;
    return excess > 0 ? `${plural(excess, "character")} too many` : "";
  }

  #draw() {
    const problem = this.#problem();
    this.#send.setAttribute("aria-disabled", String(problem !== ""));
    this.#send.title = problem || "Send";
    if (this.#reason.textContent !== problem) this.#reason.textContent = problem;
    this.#drawCount();
    this.#grow();
  }

  #drawCount() {
    const length =
      this.#text.value.length < this.#limit * COUNT_FROM ? 0 : countCharacters(this.#text.value);
    const isNear = this.#limit > 0 && length >= this.#limit * COUNT_FROM;
    const isOver = isNear && length > this.#limit;
    flag(this.#form, "over", isOver);
    this.#count.textContent = !isNear
      ? ""
      : isOver
        ? `${plural(length - this.#limit, "character")} too many`
        : `${length} / ${this.#limit}`;
  }

  #drawWait() {
    const seconds = Math.ceil((this.#waitUntil - Date.now()) / 1000);
    const isSlow = this.#waitUntil > 0 && seconds > 0;
    flag(this.#form, "slow", isSlow);
    this.#wait.textContent = isSlow ? timeLeftBriefly(seconds) : "";
  }

  /** For browsers without `field-sizing: content`. */
  #grow() {
    if (CSS.supports("field-sizing", "content")) return;
    this.#text.style.blockSize = "auto";
    this.#text.style.blockSize = `${this.#text.scrollHeight}px`;
  }
}

/**
 * Enter sends, Shift+Enter breaks the line; on touch Enter breaks the line, and Ctrl or Cmd with Enter sends
 * everywhere. Never while a word is being composed; Safari ends composition before the keydown, hence 229.
 * @param {Pick<KeyboardEvent, "key" | "isComposing" | "keyCode" | "shiftKey" | "altKey" | "ctrlKey" | "metaKey">} event
 * @param {boolean} isTouch
 */
export function shouldSend(event, isTouch) {
  if (event.key !== "Enter" || event.isComposing || event.keyCode === 229) return false;
  if (event.ctrlKey || event.metaKey) return true;
  return !isTouch && !event.shiftKey && !event.altKey;
}
