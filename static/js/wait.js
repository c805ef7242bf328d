/** The page of somebody who waits at the door: goes in once they are let in, and says so when they are not. */

import { find } from "./lib/dom.js";
import { Waiting } from "./waiting.js";

/** @import { KnockState } from "./types.d.ts" */

const TITLES = {
  waiting: "At the door",
  admitted: "Come in",
  refused: "Not let in",
  over: "Nobody answered",
};

class WaitPage {
  #page = find("#wait", HTMLElement);
  #waiting = new Waiting({
    ask: () => this.#ask(),
    heard: {
      answered: (state) => this.#show(state),
      trouble: (isUnreachable) => this.#tellTrouble(isUnreachable),
    },
  });

  start() {
    if (this.#page.dataset.state !== "waiting") return;
    this.#waiting.start();
    document.addEventListener("visibilitychange", () => this.#lookedAt());
    window.addEventListener("online", () => this.#lookedAt());
    window.addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
  }

  /** @returns {Promise<KnockState>} */
  async #ask() {
    const answer = await fetch(`/r/${this.#page.dataset.code}/wait/state`, { cache: "no-store" });
    if (!answer.ok) throw new Error(`answered ${answer.status}`);
    const { state } = await answer.json();
    return state;
  }

  #lookedAt() {
    if (document.visibilityState === "visible" && this.#page.dataset.state === "waiting")
      this.#waiting.now();
  }

  /** @param {KnockState} state */
  #show(state) {
    this.#page.dataset.state = state;
    for (const part of this.#page.querySelectorAll("[data-when]"))
      if (part instanceof HTMLElement) part.hidden = part.dataset.when !== state;
    find("#wait-cancel", HTMLElement).textContent = "Back to the lobby";
    document.title = document.title.replace(TITLES.waiting, TITLES[state]);
    if (state === "admitted") find("#enter", HTMLFormElement).requestSubmit();
  }

  /** @param {boolean} isUnreachable */
  #tellTrouble(isUnreachable) {
    const sentence = isUnreachable ? "The server cannot be reached. Still trying …" : "";
    const line = find("#wait-trouble", HTMLElement);
    if (line.textContent !== sentence) line.textContent = sentence;
  }
}

new WaitPage().start();
