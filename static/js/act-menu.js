/**
 * One menu for everything that has a button with three dots. The browser opens and closes it, as the button names it
 * as its popover; it is filled and put in its place just before.
 */

import { cloneTemplate, find, setIcon } from "./lib/dom.js";

/** @typedef {{label: string, icon: string, isGrave?: boolean, act: () => void}} Item */
/** @typedef {{title: string, items: Item[]}} Offer */

const EDGE_PX = 8;
const SLIP_MS = 350; // the sheet opens under the finger: a double tap must not send anybody away

export class ActMenu {
  #menu;
  #offer;
  /** @type {HTMLElement | null} whose menu it is */
  #button = null;
  #openedAt = 0;

  /** @param {HTMLElement} menu @param {(button: HTMLElement) => Offer} offer what the button stands for */
  constructor(menu, offer) {
    this.#menu = menu;
    this.#offer = offer;
  }

  start() {
    document.addEventListener("click", (event) => this.#clicked(event));
    this.#menu.addEventListener("keydown", (event) => this.#pressed(event));
  }

  close() {
    if (this.#menu.matches(":popover-open")) this.#menu.hidePopover();
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const button = event.target instanceof Element && event.target.closest("[popovertarget]");
    if (!(button instanceof HTMLElement)) return;
    if (button.getAttribute("popovertarget") !== this.#menu.id) return;
    const isOpen = this.#menu.matches(":popover-open");
    if (isOpen && button === this.#button) return;
    const offer = this.#offer(button);
    if (offer.items.length === 0) return event.preventDefault(); // not any more, since it was drawn
    this.#fill(button, offer);
    if (!isOpen) return;
    event.preventDefault(); // it would only close the menu of the other button
    this.#menu.hidePopover();
    this.#menu.showPopover();
  }

  /** @param {HTMLElement} button @param {Offer} offer */
  #fill(button, { title, items }) {
    this.#button = button;
    this.#openedAt = performance.now();
    find("#act-menu-title", HTMLElement, this.#menu).textContent = title;
    const nodes = items.map((item) => this.#drawItem(item));
    nodes[0]?.setAttribute("autofocus", "");
    find("#act-menu-items", HTMLElement, this.#menu).replaceChildren(...nodes);
    this.#place(button);
  }

  /** @param {Item} item */
  #drawItem({ label, icon, isGrave = false, act }) {
    const node = cloneTemplate("act-template");
    setIcon(node, icon);
    find("span", HTMLElement, node).textContent = label;
    node.classList.toggle("menu-item-stop", isGrave);
    node.addEventListener("click", (event) => {
      const isTouch = event instanceof PointerEvent && event.pointerType === "touch";
      if (isTouch && performance.now() - this.#openedAt < SLIP_MS) return;
      this.close(); // gives the focus back to the button, for a dialog to return to
      act();
    });
    return node;
  }

  /** Beside the button, on the side where there is more room. Narrow screens have it as a sheet from below. @param {HTMLElement} button */
  #place(button) {
    const { top, bottom, left, right } = button.getBoundingClientRect();
    const isLow = top + bottom > innerHeight;
    const isRight = left + right > innerWidth;
    const set = (/** @type {string} */ name, /** @type {number | null} */ px) =>
      this.#menu.style.setProperty(`--${name}`, px === null ? "auto" : `${Math.round(px)}px`);
    set("menu-top", isLow ? null : bottom + 4);
    set("menu-bottom", isLow ? innerHeight - top + 4 : null);
    set("menu-left", isRight ? null : Math.max(left, EDGE_PX));
    set("menu-right", isRight ? Math.max(innerWidth - right, EDGE_PX) : null);
    set("menu-room", (isLow ? top : innerHeight - bottom) - 4 - EDGE_PX);
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const steps = new Map([
      ["ArrowDown", 1],
      ["ArrowUp", -1],
    ]);
    const step = steps.get(event.key);
    if (step === undefined) return;
    event.preventDefault();
    const items = [...this.#menu.querySelectorAll("button")];
    const at = items.findIndex((item) => item.matches(":focus"));
    items[(at + step + items.length) % items.length]?.focus();
  }
}
