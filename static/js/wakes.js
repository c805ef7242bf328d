/**
 * The moments at which a page should look after its line: the network is back or gone, the tab is shown again,
 * the machine has slept, the page is put aside for the way back or brought out again.
 */

const TICK_MS = 2000;
const ASLEEP_MS = 8000; // a tick that comes this late in a visible tab was no busy moment
const LONG_HIDDEN_MS = 30_000;

export class Wakes {
  #heard;
  #hiddenAt = 0;
  #tickedAt = 0;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #ticking;
  /** @type {AbortController | null} */
  #listening = null;

  /**
   * @param {object} heard
   * @param {() => void} heard.hurry now is a good moment to connect
   * @param {(asleepMs: number) => void} heard.doubt a line that looks open may be dead
   * @param {() => void} heard.aside the page is being left; it may come back as it is
   * @param {() => void} heard.back the page has come back as it was
   */
  constructor(heard) {
    this.#heard = heard;
  }

  start() {
    if (this.#listening) return;
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    window.addEventListener("online", () => this.#heard.doubt(0), { signal });
    window.addEventListener("offline", () => this.#heard.doubt(0), { signal });
    window.addEventListener("pagehide", () => this.#heard.aside(), { signal });
    window.addEventListener("pageshow", (event) => event.persisted && this.#heard.back(), {
      signal,
    });
    document.addEventListener("resume", () => this.#heard.doubt(0), { signal });
    document.addEventListener("visibilitychange", () => this.#visibilityChanged(), { signal });
    this.#tickedAt = Date.now();
    this.#ticking = setInterval(() => this.#tick(), TICK_MS);
  }

  stop() {
    clearInterval(this.#ticking);
    this.#listening?.abort();
    this.#listening = null;
  }

  #visibilityChanged() {
    const now = Date.now();
    this.#tickedAt = now; // a hidden tab's timers are slow, which is not sleep
    if (document.visibilityState === "hidden") {
      this.#hiddenAt = now;
    } else {
      this.#heard.hurry();
      if (now - this.#hiddenAt > LONG_HIDDEN_MS) this.#heard.doubt(0);
    }
  }

  /** A lid closed over a visible tab fires no event; only the clock tells. */
  #tick() {
    const now = Date.now();
    const missing = now - this.#tickedAt - TICK_MS;
    this.#tickedAt = now;
    if (missing > ASLEEP_MS && document.visibilityState === "visible") this.#heard.doubt(missing);
  }
}
