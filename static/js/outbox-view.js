/**
 * What the page says about unsent messages as a whole: how slowly they go and why, the question whether old ones
 * should still go, and a word before somebody leaves them behind. Each bubble tells its own state in timeline-view.js.
 */

import { isAgreed } from "./asks.js";
import { find } from "./lib/dom.js";
import { isBlank, plural, withoutAdvice } from "./lib/text.js";
import { timeLeft } from "./lib/time.js";

/** @import { ChatError } from "./types.d.ts" */

const TICK_MS = 250;
const FEW = 2; // the bubbles' own buttons do for fewer

export class OutboxView {
  #outbox;
  #line;
  #question;
  #text;
  #composer;
  #pace;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #ticking;
  #guard = (/** @type {BeforeUnloadEvent} */ event) => event.preventDefault();
  #isGuarded = false;

  /**
   * @param {object} given
   * @param {import("./outbox.js").Outbox} given.outbox
   * @param {HTMLElement} given.line why and how long it takes
   * @param {HTMLElement} given.question about old messages
   * @param {import("./composer.js").Composer} given.composer
   * @param {() => {until: number, words: string, isHushed: boolean}} given.pace when slow mode lets me speak again (0: now),
   *   what it is, and whether no pace counts, since I may not speak at all
   */
  constructor({ outbox, line, question, composer, pace }) {
    this.#outbox = outbox;
    this.#line = line;
    this.#question = question;
    this.#composer = composer;
    this.#pace = pace;
    this.#text = find("#stale-text", HTMLElement, question);
    const on = (/** @type {string} */ id, /** @type {(key: string) => void} */ act) =>
      find(id, HTMLElement, question).addEventListener("click", () => {
        for (const { key } of outbox.stale) act(key);
        composer.focus();
      });
    on("#stale-send", (key) => outbox.retry(key));
    on("#stale-discard", (key) => outbox.discard(key));
  }

  /** Everything that would be lost: what was not sent, and what stands in the box. */
  get words() {
    const unsent = this.#outbox.items.filter(({ state }) => state !== "kept");
    const texts = [...unsent.map(({ text }) => text), this.#composer.text];
    return texts.filter((text) => !isBlank(text)).join("\n\n");
  }

  draw() {
    this.#drawWait();
    const { length } = this.#outbox.stale;
    this.#question.hidden = length < FEW;
    if (length >= FEW)
      this.#text.textContent = `${length} messages were written more than ten minutes ago. Send them now?`;
    this.#guardFragile();
  }

  #drawWait() {
    const now = Date.now();
    const pace = this.#pace();
    const wait = pace.isHushed ? null : this.#outbox.wait;
    const sentence = wait ? describeWait(this.#outbox.waitingCount, wait, now) : pace.words;
    if (this.#line.textContent !== sentence) this.#line.textContent = sentence;
    this.#composer.slow(Math.max(wait?.until ?? 0, pace.until));
    if (!wait && pace.until === 0) {
      clearInterval(this.#ticking);
      this.#ticking = undefined;
    } else {
      this.#ticking ??= setInterval(() => this.#drawWait(), TICK_MS);
    }
  }

  /** Only while closing would lose words: a page that always listens could not be put aside for the way back. */
  #guardFragile() {
    const { isFragile } = this.#outbox;
    if (isFragile === this.#isGuarded) return;
    this.#isGuarded = isFragile;
    if (isFragile) window.addEventListener("beforeunload", this.#guard);
    else window.removeEventListener("beforeunload", this.#guard);
  }

  /** Asks before words are left behind. @param {SubmitEvent} event of the form that leaves */
  async leaving(event) {
    const unsent = this.#outbox.items.filter(({ state }) => state !== "kept").length;
    if (unsent === 0) return;
    event.preventDefault();
    const form = event.target;
    const isMeant = await isAgreed({
      title: "Leave now?",
      text: `${plural(unsent, "message has", "messages have")} not been sent yet and would be lost.`,
      yes: "Leave anyway",
      no: "Stay",
    });
    if (isMeant && form instanceof HTMLFormElement) form.submit();
  }
}

/**
 * "Sending slowly: 12 messages, 6 s". With a reason of the server's when it gave one.
 * @param {number} count
 * @param {{until: number, error: ChatError | null}} wait
 * @param {number} now
 */
export function describeWait(count, { until, error }, now) {
  const time = timeLeft(Math.max(1, Math.ceil((until - now) / 1000)));
  const left = plural(count, "message");
  if (error === null || error.code === "too_fast") return `Sending slowly: ${left}, ${time}`;
  if (error.code === "slow_mode") return `Slow mode: ${left} in ${time}`;
  const isUnavailable = error.code === "unavailable";
  const cause = isUnavailable ? "The server cannot keep messages just now" : error.message;
  return `${withoutAdvice(cause)}. ${left} in ${time}`;
}
