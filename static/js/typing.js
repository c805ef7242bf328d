/** Who is typing, both ways: telling the others seldom enough, and forgetting those who went quiet. */

import { listNames } from "./lib/text.js";

const REPEAT_MS = 2000;
const PAUSE_MS = 3000;
const EXPIRY_MS = 5000;

/** Tells the room that I am typing: never twice within 2 s, and that I stopped after a pause. */
export class TypingSender {
  #send;
  #now;
  #saidAt = Number.NEGATIVE_INFINITY;
  #typing = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #pause;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #soon;

  /** @param {(is_typing: boolean) => void} send @param {() => number} [now] */
  constructor(send, now = Date.now) {
    this.#send = send;
    this.#now = now;
  }

  /** To be called on every change of the box. @param {boolean} isEmpty */
  changed(isEmpty) {
    if (isEmpty) return this.stop();
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => this.stop(), PAUSE_MS);
    const wait = this.#saidAt + REPEAT_MS - this.#now();
    if (wait <= 0) this.#say();
    else if (!this.#typing) this.#soon ??= setTimeout(() => this.#say(), wait);
  }

  /** Emptied, paused or gone. */
  stop() {
    const wasTyping = this.#typing;
    this.sent();
    if (wasTyping) this.#send(false);
  }

  /** Posted: the message itself tells the others that typing is over. */
  sent() {
    clearTimeout(this.#pause);
    clearTimeout(this.#soon);
    this.#soon = undefined;
    this.#typing = false;
  }

  #say() {
    clearTimeout(this.#soon);
    this.#soon = undefined;
    this.#typing = true;
    this.#saidAt = this.#now();
    this.#send(true);
  }
}

/** Remembers who is typing until they stop, post, leave, or five seconds pass. */
export class TypingTracker {
  /** @type {Map<string, ReturnType<typeof setTimeout>>} a timer per member who is typing, in the order they began */
  #timers = new Map();
  #changed;

  /** @param {() => void} changed */
  constructor(changed) {
    this.#changed = changed;
  }

  /** @param {string} member_id @param {boolean} isTyping */
  hear(member_id, isTyping) {
    if (!isTyping) return this.forget(member_id);
    clearTimeout(this.#timers.get(member_id));
    const isNew = !this.#timers.has(member_id);
    this.#timers.set(
      member_id,
      setTimeout(() => this.forget(member_id), EXPIRY_MS),
    );
    if (isNew) this.#changed();
  }

  /** @param {string} member_id */
  forget(member_id) {
    clearTimeout(this.#timers.get(member_id));
    if (this.#timers.delete(member_id)) this.#changed();
  }

  clear() {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#changed();
  }

  /** @returns {string[]} */
  get members() {
    return [...this.#timers.keys()];
  }
}

/** "Ada is typing", "Ada and Grace are typing", "Several people are typing". @param {string[]} names */
export function describeTyping(names) {
  if (names.length === 0) return "";
  if (names.length > 3) return "Several people are typing";
  return `${listNames(names)} ${names.length === 1 ? "is" : "are"} typing`;
}
