/** What the page says about itself: the banner of the connection, and the voice for screen readers. */

import { flag } from "./lib/dom.js";
import { plural, withoutAdvice } from "./lib/text.js";

/** @import { ConnectionState } from "./types.d.ts" */

const PATIENCE_MS = 2000;
const TICK_MS = 250;
const SPOKEN_LIMIT = 3;
const SPEAK_AFTER_MS = 400;

/** Shows how the connection stands once that lasts, with a count-down and a way to try at once. */
export class Banner {
  #element;
  #text;
  #button;
  #waiting;
  #say;
  #isShown = false;
  /** @type {ConnectionState} */
  #state = { name: "online" };
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #ticking;

  /**
   * @param {object} given
   * @param {HTMLElement} given.element
   * @param {HTMLElement} given.text
   * @param {HTMLButtonElement} given.button
   * @param {() => void} given.now pressed
   * @param {() => number} given.waiting how many messages wait to be sent
   * @param {(sentence: string) => void} given.say once when it comes and once when all is well again; a count-down is not read out
   */
  constructor({ element, text, button, now, waiting, say }) {
    this.#element = element;
    this.#text = text;
    this.#button = button;
    this.#waiting = waiting;
    this.#say = say;
    button.addEventListener("click", now);
  }

  /** @param {ConnectionState} state */
  show(state) {
    this.#state = state;
    clearInterval(this.#ticking);
    if (state.name !== "online" && state.name !== "closed")
      this.#ticking = setInterval(() => this.#draw(), TICK_MS);
    this.#draw();
  }

  stop() {
    clearInterval(this.#ticking);
  }

  #draw() {
    const state = this.#state;
    const isPatient = "since" in state && Date.now() - state.since < PATIENCE_MS;
    const isShown = state.name !== "online" && state.name !== "closed" && !isPatient;
    flag(this.#element, "shown", isShown);
    this.#element.inert = !isShown;
    this.#speak(isShown);
    if (!isShown) return;
    write(this.#text, describeConnection(state, Date.now(), this.#waiting()));
    const press = wordOnButton(state);
    write(this.#button, press);
    this.#button.hidden = press === "";
    this.#element.dataset.state = state.name;
  }

  /** @param {boolean} isShown */
  #speak(isShown) {
    if (isShown === this.#isShown) return;
    this.#isShown = isShown;
    if (isShown)
      this.#say(
        this.#state.name === "offline" ? "You are offline" : "The connection is lost, trying again",
      );
    else if (this.#state.name === "online") this.#say("Connected again");
  }
}

/** Only what is new: the text is read out, and a press may be under way. @param {HTMLElement} element @param {string} words */
function write(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

/** "Now" goes on from "Trying again in 4 s"; there is nothing to press while it is tried. @param {ConnectionState} state */
export function wordOnButton(state) {
  if (state.name === "connecting") return "";
  return state.name === "offline" ? "Try now" : "Now";
}

/** @param {ConnectionState} state @param {number} now @param {number} waiting */
export function describeConnection(state, now, waiting) {
  const wait =
    waiting === 0 ? "" : ` ${plural(waiting, "message waits", "messages wait")} to be sent.`;
  if (state.name === "offline") return `You are offline.${wait}`;
  if (state.name === "connecting")
    return state.attempt > 1 ? `Reconnecting …${wait}` : `Connecting …${wait}`;
  if (state.name !== "waiting") return "";
  const seconds = Math.max(1, Math.ceil((state.until - now) / 1000));
  const cause =
    state.error?.message ??
    (state.stopping ? "The server is restarting." : "The connection is lost.");
  return `${withoutAdvice(cause)}. Trying again in ${seconds} s.${wait}`;
}

/** The one polite voice: reads new messages, a few at a time, and never the history. */
export class Announcer {
  #element;
  /** @type {string[]} */
  #queue = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {HTMLElement} element a live region */
  constructor(element) {
    this.#element = element;
  }

  /** @param {string} sentence */
  say(sentence) {
    this.#queue.push(sentence);
    this.#timer ??= setTimeout(() => this.#speak(), SPEAK_AFTER_MS);
  }

  #speak() {
    this.#timer = undefined;
    const many = this.#queue.length > SPOKEN_LIMIT;
    this.#element.textContent = many
      ? `${this.#queue.length} new messages`
      : this.#queue.join("\n");
    this.#queue = [];
  }
}
