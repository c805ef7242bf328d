/** The buttons of a thousand messages are one stop of the tab key: the newest, and from there with the arrow keys. */

const STEPS = new Map([
  ["ArrowUp", -1],
  ["ArrowDown", 1],
]);

export class MessageKeys {
  #lines;
  /** @type {HTMLElement | null} the one that can be reached */
  #stop = null;

  /** @param {HTMLElement} lines */
  constructor(lines) {
    this.#lines = lines;
  }

  /** @param {AbortSignal} signal */
  start(signal) {
    this.#lines.addEventListener("keydown", (event) => this.#pressed(event), { signal });
    this.#lines.addEventListener("focusout", () => queueMicrotask(() => this.draw()), { signal });
  }

  /** Lines came, went or have got a button; the one with the focus may have lost it. */
  draw() {
    const stop = this.#stop;
    const hasFocus = stop !== null && stop === document.activeElement;
    if (hasFocus && stop.isConnected && !stop.hidden) return;
    this.#stopAt(this.#next(this.#lines.lastElementChild, -1));
    if (hasFocus) this.#stop?.focus({ preventScroll: true });
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const step = STEPS.get(event.key);
    const button = event.target;
    if (step === undefined || !(button instanceof HTMLElement) || !isMenuButton(button)) return;
    event.preventDefault();
    const line = button.closest(".message");
    const next = this.#next(
      step < 0 ? line?.previousElementSibling : line?.nextElementSibling,
      step,
    );
    if (!next) return;
    this.#stopAt(next);
    next.focus();
  }

  /** @param {HTMLElement | null} button */
  #stopAt(button) {
    if (this.#stop && this.#stop !== button) this.#stop.tabIndex = -1;
    this.#stop = button;
    if (button) button.tabIndex = 0;
  }

  /** The nearest button from this line on. @param {Element | null | undefined} from @param {number} step @returns {HTMLElement | null} */
  #next(from, step) {
    for (
      let line = from;
      line;
      line = step < 0 ? line.previousElementSibling : line.nextElementSibling
    ) {
      const button = line.querySelector(".act-button:not([hidden])");
      if (button instanceof HTMLElement) return button;
    }
    return null;
  }
}

/** @param {HTMLElement} node */
function isMenuButton(node) {
  return node.classList.contains("act-button");
}
