/** The list of who is here: a column beside the talk on wide screens, a sheet from below on narrow ones. */

import { cloneTemplate, find } from "./lib/dom.js";
import { recall, remember } from "./lib/storage.js";
import { initial } from "./lib/text.js";

/** @import { Member } from "./types.d.ts" */

const CLOSED = "members:closed";

export class MembersView {
  #panel;
  #list;
  #title;
  #button;
  #close;
  #count;
  #wide = window.matchMedia("(min-width: 900px)");
  #drawn = "";
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

  /** @param {Member[]} here @param {string} me */
  draw(here, me) {
    this.#count.textContent = String(here.length);
    this.#title.textContent = here.length === 1 ? "Here now" : `Here now · ${here.length}`;
    const drawn = JSON.stringify(here);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.#list.replaceChildren(
      ...here.map((member) => drawPerson(member, member.member_id === me)),
    );
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

/** @param {Member} member @param {boolean} isMe */
function drawPerson(member, isMe) {
  const node = cloneTemplate("person-template");
  node.dataset.hue = String(member.hue);
  find(".avatar", HTMLElement, node).textContent = initial(member.name);
  find(".person-name", HTMLElement, node).textContent = member.name;
  const notes = [
    isMe ? "you" : "",
    member.role === "guest" ? "" : member.role === "host" ? "host" : "co-host",
  ];
  find(".person-note", HTMLElement, node).textContent = notes.filter(Boolean).join(", ");
  return node;
}
