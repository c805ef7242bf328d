/** Who waits to be let in, as far as moderators are told. Knows no page. */

import { Alarm } from "./lib/alarm.js";

/** @import { Knock } from "./types.d.ts" */

const ASK_AGAIN_MS = 60_000; // nobody tells when a knock has run out

export class Door {
  #look;
  #changed;
  #arrived;
  /** @type {Knock[]} */
  #knocks = [];
  /** @type {Set<string>} those answered here whom the server may still name */
  #answered = new Set();
  #isWatched = false;
  #asked = 0;
  #alarm = new Alarm(() => this.refresh());

  /**
   * @param {object} given
   * @param {() => Promise<{knocks: Knock[]} | null>} given.look asks the server who waits
   * @param {() => void} given.changed
   * @param {(names: string[]) => void} given.arrived somebody has begun to wait
   */
  constructor({ look, changed, arrived }) {
    this.#look = look;
    this.#changed = changed;
    this.#arrived = arrived;
  }

  get knocks() {
    return this.#knocks;
  }

  /** Only moderators are told. @param {boolean} isWatched */
  watch(isWatched) {
    if (isWatched === this.#isWatched) return;
    this.#isWatched = isWatched;
    if (isWatched) this.refresh();
    else this.#show([]);
  }

  /** Somebody began or ended waiting, so many wait now. @param {number} waiting */
  heard(waiting) {
    if (!this.#isWatched) return;
    if (waiting === 0) this.#show([]);
    else this.refresh();
  }

  /** Answers may overtake each other: only the newest question counts. */
  async refresh() {
    if (!this.#isWatched) return;
    this.#asked += 1;
    const question = this.#asked;
    const answer = await this.#look();
    if (answer && this.#isWatched && question === this.#asked) this.#show(answer.knocks);
  }

  /** They have their answer. @param {string} knock_id */
  settle(knock_id) {
    this.#answered.add(knock_id);
    this.#show(this.#knocks);
  }

  /** @param {Knock[]} knocks */
  #show(knocks) {
    const known = new Set(this.#knocks.map(({ knock_id }) => knock_id));
    this.#knocks = knocks.filter(({ knock_id }) => !this.#answered.has(knock_id));
    const fresh = this.#knocks.filter(({ knock_id }) => !known.has(knock_id));
    if (knocks.length === 0) this.#asked += 1;
    this.#alarm.set(this.#knocks.length > 0 ? ASK_AGAIN_MS : null);
    this.#changed();
    if (fresh.length > 0) this.#arrived(fresh.map(({ name }) => name));
  }
}

/** "Mallory is at the door", "3 people are at the door". @param {readonly {name: string}[]} knocks */
export function describeDoor(knocks) {
  if (knocks.length === 1) return `${knocks[0].name} is at the door`;
  return `${knocks.length} people are at the door`;
}
