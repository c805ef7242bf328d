/** The list of who is here: a column beside the talk on wide screens, a sheet from below on narrow ones. */

import { cloneTemplate, find } from "./lib/dom.js";
import { recall, remember } from "./lib/storage.js";
import { initial } from "./lib/text.js";
import { isMuted, waysWith } from "./rights.js";

/** @import { Member } from "./types.d.ts" */
/** @typedef {ReturnType<typeof describePerson>} Person */

const CLOSED = "members:closed";

export class MembersView {
  #panel;
  #list;
  #title;
  #button;
  #close;
  #count;
  #wide = window.matchMedia("(min-width: 900px)");
  /** @type {Map<string, {node: HTMLElement, drawn: string}>} by member id */
  #nodes = new Map();
  /** @type {AbortController | null} */
  #listening = null;

  /**
   * @param {object} given
   * @param {HTMLElement} given.panel
   * @param {HTMLElement} given.list
   * @param {HTMLElement} given.title
   * @param {HTMLElement} given.button opens and closes
   * @param {HTMLElement} given.close
   * @param {HTMLElement} given.count
   */
  constructor({ panel, list, title, button, close, count }) {
    this.#panel = panel;
    this.#list = list;
    this.#title = title;
    this.#button = button;
    this.#close = close;
    this.#count = count;
  }

  start() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    this.#wide.addEventListener("change", () => this.#place(), { signal });
    this.#button.addEventListener("click", () => this.#toggle(), { signal });
    this.#close.addEventListener("click", () => this.#panel.hidePopover(), { signal });
    this.#panel.addEventListener("toggle", () => this.#place(), { signal });
    this.#place();
  }

  stop() {
    this.#listening?.abort();
  }

  /** Shows nobody any more: who is here is not told to somebody who is not. */
  close() {
    this.stop();
    if (this.#panel.matches(":popover-open")) this.#panel.hidePopover();
    this.#panel.hidden = true;
    this.#button.hidden = true;
  }

  /** @param {Member[]} here @param {Member} me @param {number} now by the server's clock */
  draw(here, me, now) {
    this.#count.textContent = String(here.length);
    this.#title.textContent = here.length === 1 ? "Here now" : `Here now · ${here.length}`;
    const people = here.map((member) => describePerson(member, me, now));
    if (this.#nodes.size === 0) this.#list.replaceChildren(); // as the page came
    const hadFocus = this.#list.contains(document.activeElement);
    const ids = new Set(people.map(({ member_id }) => member_id));
    for (const [id, { node }] of this.#nodes) {
      if (ids.has(id)) continue;
      node.remove();
      this.#nodes.delete(id);
    }
    for (const [index, person] of people.entries()) {
      const node = this.#drawPerson(person);
      const there = this.#list.children[index];
      if (there !== node) this.#list.insertBefore(node, there ?? null);
    }
    if (hadFocus && !this.#list.contains(document.activeElement)) this.#keepFocus();
  }

  /** Whoever had the focus is gone. */
  #keepFocus() {
    const next = this.#list.querySelector(".act-button:not([hidden])");
    if (next instanceof HTMLElement) next.focus();
    else this.#button.focus();
  }

  /** The same node for the same person, so that whoever is on its button stays there. @param {Person} person */
  #drawPerson(person) {
    const drawn = JSON.stringify(person);
    const known = this.#nodes.get(person.member_id);
    if (known?.drawn === drawn) return known.node;
    const node = known?.node ?? cloneTemplate("person-template");
    drawPerson(node, person);
    this.#nodes.set(person.member_id, { node, drawn });
    return node;
  }

  #toggle() {
    if (this.#wide.matches) {
      remember(CLOSED, recall(CLOSED) ? null : "yes");
      this.#place();
    } else {
      this.#panel.togglePopover();
    }
  }

  /** Column or sheet, open or closed. */
  #place() {
    const isWide = this.#wide.matches;
    if (isWide) this.#panel.removeAttribute("popover");
    else if (!this.#panel.hasAttribute("popover")) this.#panel.setAttribute("popover", "auto");
    this.#panel.hidden = isWide && recall(CLOSED) !== null;
    const isOpen = isWide ? !this.#panel.hidden : this.#panel.matches(":popover-open");
    this.#button.setAttribute("aria-expanded", String(isOpen));
  }
}

/** @param {Member} member @param {Member} me @param {number} now */
function describePerson(member, me, now) {
  const { member_id, name, hue, glyph, role } = member;
  const isMe = member_id === me.member_id;
  const hasMenu = waysWith(me, member, now).length > 0;
  return { member_id, name, hue, glyph, role, isMe, isQuiet: isMuted(member, now), hasMenu };
}

/** @param {HTMLElement} node @param {Person} person */
function drawPerson(node, { member_id, name, hue, glyph, role, isMe, isQuiet, hasMenu }) {
  node.dataset.member = member_id;
  node.dataset.hue = String(hue);
  node.dataset.glyph = String(glyph);
  find(".avatar", HTMLElement, node).textContent = initial(name);
  find(".person-name", HTMLElement, node).textContent = name;
  find(".person-note", HTMLElement, node).textContent = isMe ? "you" : "";
  const marks = new Set([role, isQuiet ? "muted" : ""]);
  for (const mark of node.querySelectorAll("[data-mark]"))
    if (mark instanceof HTMLElement) mark.hidden = !marks.has(mark.dataset.mark ?? "");
  const button = find(".act-button", HTMLElement, node);
  button.hidden = !hasMenu;
  button.setAttribute("aria-label", `${name}: more`);
}
