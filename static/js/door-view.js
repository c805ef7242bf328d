/** Those who wait to be let in: in a bar above the composer, and on top of the list of people. */

import { describeDoor } from "./door.js";
import { cloneTemplate, find } from "./lib/dom.js";

/** @import { Knock } from "./types.d.ts" */

export class DoorView {
  #bar = find("#door", HTMLElement);
  #text = find("#door-text", HTMLElement);
  #more = find("#door-more", HTMLElement);
  #inBar = find("#door-knocks", HTMLElement);
  #section = find("#door-list", HTMLElement);
  #inList = find("#door-people", HTMLElement);
  #answer;
  #isUnfolded = false;

  /** @param {(knock: Knock, isLetIn: boolean) => void} answer */
  constructor(answer) {
    this.#answer = answer;
    this.#more.addEventListener("click", () => this.#unfold());
  }

  /** @param {Knock[]} knocks */
  draw(knocks) {
    const isOne = knocks.length === 1;
    this.#bar.hidden = knocks.length === 0;
    this.#section.hidden = knocks.length === 0;
    if (knocks.length === 0) this.#isUnfolded = false;
    else this.#text.textContent = describeDoor(knocks);
    this.#bar.dataset.count = isOne ? "one" : "many";
    this.#more.hidden = isOne;
    this.#drawInto(this.#inBar, knocks);
    this.#drawInto(this.#inList, knocks);
    this.#fold(isOne);
  }

  #unfold() {
    this.#isUnfolded = !this.#isUnfolded;
    this.#fold(false);
  }

  /** @param {boolean} isOne */
  #fold(isOne) {
    this.#inBar.hidden = !isOne && !this.#isUnfolded;
    this.#more.textContent = this.#isUnfolded ? "Hide" : "Show";
    this.#more.setAttribute("aria-expanded", String(this.#isUnfolded));
  }

  /** Only what changed, so that nobody loses the button they are on. @param {HTMLElement} list @param {Knock[]} knocks */
  #drawInto(list, knocks) {
    const known = new Map(
      [...list.children].map((node) => [node.getAttribute("data-knock"), node]),
    );
    const nodes = knocks.map((knock) => known.get(knock.knock_id) ?? this.#drawKnock(knock));
    const hadFocus = list.contains(document.activeElement);
    for (const node of known.values()) if (!nodes.includes(node)) node.remove();
    for (const node of nodes) if (!node.isConnected) list.append(node);
    if (hadFocus && !list.contains(document.activeElement))
      list.querySelector("button")?.focus({ preventScroll: true });
  }

  /** @param {Knock} knock */
  #drawKnock(knock) {
    const node = cloneTemplate("knock-template");
    node.dataset.knock = knock.knock_id;
    find(".knock-name", HTMLElement, node).textContent = knock.name;
    for (const button of node.querySelectorAll("button")) {
      const isLetIn = button.dataset.answer === "admit";
      button.setAttribute("aria-label", isLetIn ? `Let in ${knock.name}` : `Refuse ${knock.name}`);
      button.addEventListener("click", () => this.#answer(knock, isLetIn));
    }
    return node;
  }
}
