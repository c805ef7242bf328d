/** The menus of people and messages, and what was done from them. What only moderators have is brought when it is needed. */

import { ActMenu } from "./act-menu.js";
import { find } from "./lib/dom.js";
import { appendMarkup } from "./lib/markup.js";
import { Moderation } from "./moderation.js";
import { Notice } from "./notice.js";
import { isModerator, mayRemove } from "./rights.js";

/** @import { HostDesk } from "./host.js" */
/** @import { MessageEntry, Reply } from "./types.d.ts" */
/** @import { Item, Offer } from "./act-menu.js" */

/** @param {string} id */
const element = (id) => find(`#${id}`, HTMLElement);

export class HostTools {
  #given;
  #state;
  #moderation;
  #notice;
  #menu = new ActMenu(element("act-menu"), (button) => this.#offer(button));
  /** @type {HostDesk | null} */
  #desk = null;
  /** @type {Promise<void> | null} */
  #bringing = null;
  #isOver = false;

  /**
   * @param {object} given
   * @param {{script: string, markup: string}} given.urls of what only moderators have
   * @param {import("./room-state.js").RoomState} given.state
   * @param {(name: string, data: object) => Promise<Reply<any> | null>} given.ask
   * @param {(seq: number) => MessageEntry | undefined} given.message
   * @param {(text: string) => void} given.rewrite puts the words of an own message that was removed back into the box
   * @param {(invite: string) => void} given.renewed the link carries another invite
   * @param {(sentence: string) => void} given.say aloud
   * @param {() => void} given.nudge somebody wants to be let in
   * @param {() => void} given.focus where to, when what had the focus has gone
   */
  constructor(given) {
    this.#given = given;
    this.#state = given.state;
    this.#notice = new Notice({
      element: element("notice"),
      text: element("notice-text"),
      button: element("notice-act"),
      close: element("notice-close"),
      say: given.say,
      left: given.focus,
    });
    this.#moderation = new Moderation({
      ask: given.ask,
      heard: {
        done: (sentence, undo) =>
          this.#notice.show(sentence, undo ? takeBack("Undo", undo) : undefined),
        refused: (error) => this.#notice.refuse(error.message),
      },
    });
  }

  start() {
    this.#menu.start();
    element("menu-settings").addEventListener("click", () => this.#openSettings());
    this.draw();
  }

  /** The room, or what I may do in it, is not what it was. */
  draw() {
    const mayModerate = isModerator(this.#state.me);
    element("menu-settings").hidden = !mayModerate;
    if (mayModerate && !this.#desk) this.#bringDesk();
    this.#desk?.draw();
  }

  /** A new line: what was told on the old one may be outdated. */
  welcomed() {
    this.draw();
    this.#desk?.welcomed();
  }

  /** So many wait at the door. @param {number} waiting */
  knocked(waiting) {
    this.#desk?.knocked(waiting);
  }

  /** My stay is over. */
  stop() {
    this.#isOver = true;
    this.#desk?.stop();
    element("menu-settings").hidden = true;
    this.#menu.close();
    this.#notice.hide();
    for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  }

  // ---- what only moderators have

  /** Once for each page; after a failure again, at the next occasion. */
  #bringDesk() {
    this.#bringing ??= this.#makeDesk().catch((error) => {
      console.warn(error);
      this.#bringing = null;
    });
    return this.#bringing;
  }

  async #makeDesk() {
    const { state, renewed, say, nudge, urls } = this.#given;
    /** @type {typeof import("./host.js")} */
    const { HostDesk } = await import(urls.script);
    await appendMarkup(urls.markup);
    if (this.#isOver) return;
    const [moderation, notice] = [this.#moderation, this.#notice];
    this.#desk = new HostDesk({ state, moderation, notice, renewed, say, nudge });
  }

  async #openSettings() {
    element("menu").hidePopover(); // gives the focus back to its button, for the dialog to return to
    await this.#bringDesk();
    if (this.#desk) return this.#desk.open();
    this.#notice.show("The settings could not be loaded", {
      label: "Load the page again",
      press: () => location.reload(),
      takesBack: false,
    });
  }

  // ---- menus

  /** @param {HTMLElement} button @returns {Offer} */
  #offer(button) {
    const seq = button.closest(".message")?.getAttribute("data-seq");
    const message = seq ? this.#given.message(Number(seq)) : undefined;
    const id = message?.by ?? button.closest(".person")?.getAttribute("data-member") ?? "";
    const { me } = this.#state;
    const person = this.#state.member(id);
    const items = this.#desk?.items(person, Boolean(message)) ?? [];
    const title = id === me.member_id ? "Your message" : person.name;
    if (message && !message.removed && mayRemove(me, message.by))
      items.unshift(this.#removal(message));
    return { title, items };
  }

  /** @param {MessageEntry} message @returns {Item} */
  #removal(message) {
    return {
      label: "Remove message",
      icon: "trash",
      isGrave: true,
      act: () => this.#removeMessage(message),
    };
  }

  /** @param {MessageEntry} message */
  async #removeMessage({ seq, by, text }) {
    const reply = await this.#moderation.ask("remove", { target: seq });
    if (!reply.ok) return this.#notice.refuse(reply.error.message);
    const isMine = by === this.#state.me.member_id;
    const rewrite = takeBack("Rewrite", () => this.#given.rewrite(text));
    this.#notice.show("Message removed", isMine ? rewrite : undefined);
  }
}

/** @param {string} label @param {() => void} press */
function takeBack(label, press) {
  return { label, press, takesBack: true };
}
