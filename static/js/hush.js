/** Keeps the composer closed while I am muted, and opens it again when the time has come or a moderator lifts it. */

import { Alarm } from "./lib/alarm.js";
import { isEndless, untilWhen } from "./lib/time.js";

export class Hush {
  #state;
  #composer;
  #say;
  #alarm;
  #isHushed = false;

  /**
   * @param {object} given
   * @param {import("./room-state.js").RoomState} given.state
   * @param {Pick<import("./composer.js").Composer, "hush">} given.composer
   * @param {() => void} given.changed somebody's mute has ended by itself
   * @param {(sentence: string) => void} given.say aloud
   */
  constructor({ state, composer, changed, say }) {
    this.#state = state;
    this.#composer = composer;
    this.#say = say;
    this.#alarm = new Alarm(changed);
  }

  /** Somebody's record is not what it was. */
  draw() {
    const until = this.#state.mutedUntil;
    this.#composer.hush(until === null ? "" : describeMute(until, Date.now()));
    if (this.#isHushed && until === null) this.#say("You can write again");
    this.#isHushed = until !== null;
    const { nextUnmuteMs } = this.#state;
    this.#alarm.set(nextUnmuteMs === null ? null : nextUnmuteMs + 1);
  }

  stop() {
    this.#alarm.set(null);
    this.#composer.hush("");
  }
}

/** @param {string} until @param {number} now */
export function describeMute(until, now) {
  const end = isEndless(until) ? "until a host lets you write again" : untilWhen(until, now);
  return `You are muted ${end}. What you write stays here.`;
}
