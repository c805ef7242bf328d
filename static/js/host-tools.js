/** Everything moderators have, and what people may do with their own messages: joins menus, questions, door and settings together. */

import { ActMenu } from "./act-menu.js";
import { actOf, ban, handOver, remove } from "./acts.js";
import { chooseBan, isAgreed } from "./asks.js";
import { Door, describeDoor } from "./door.js";
import { DoorView } from "./door-view.js";
import { find } from "./lib/dom.js";
import { Moderation } from "./moderation.js";
import { Notice } from "./notice.js";
import { isModerator, mayRemove, waysWith } from "./rights.js";
import { SettingsDialog } from "./settings-dialog.js";

/** @import { ChatError, Knock, Member, MessageEntry, Reply, Way } from "./types.d.ts" */
/** @import { Item, Offer } from "./act-menu.js" */

/** @type {Record<Way["act"], string>} */
const ICONS = {
  mute: "mic-off",
  unmute: "mic",
  remove: "user-minus",
  ban: "ban",
  promote: "shield",
  demote: "shield-off",
  "hand-over": "crown",
};

/** Not what one thinks of in front of a message. @type {Set<Way["act"]>} */
const ABOUT_ROLES = new Set(["promote", "demote", "hand-over"]);

/** @param {string} id */
const element = (id) => find(`#${id}`, HTMLElement);

export class HostTools {
  #state;
  #message;
  #rewrite;
  #moderation;
  #notice;
  #settings;
  #menu = new ActMenu(element("act-menu"), (button) => this.#offer(button));
  #door;
  #doorView = new DoorView((knock, isLetIn) => this.#answer(knock, isLetIn));

  /**
   * @param {object} given
   * @param {import("./room-state.js").RoomState} given.state
   * @param {(name: string, data: object) => Promise<Reply<any> | null>} given.ask
   * @param {(seq: number) => MessageEntry | undefined} given.message
   * @param {(text: string) => void} given.rewrite puts the words of an own message that was removed back into the box
   * @param {(invite: string) => void} given.renewed the link carries another invite
   * @param {(sentence: string) => void} given.say aloud
   * @param {() => void} given.nudge somebody wants to be let in
   * @param {() => void} given.focus where to, when what had the focus has gone
   */
  constructor({ state, ask, message, rewrite, renewed, say, nudge, focus }) {
    this.#state = state;
    this.#message = message;
    this.#rewrite = rewrite;
    this.#notice = new Notice({
      element: element("notice"),
      text: element("notice-text"),
      button: element("notice-act"),
      close: element("notice-close"),
      say,
      left: focus,
    });
    this.#moderation = new Moderation({
      ask,
      heard: {
        done: (sentence, undo) =>
          this.#notice.show(sentence, undo ? takeBack("Undo", undo) : undefined),
        refused: (error) => this.#notice.refuse(error.message),
      },
    });
    this.#settings = new SettingsDialog({ state, moderation: this.#moderation, renewed });
    this.#door = new Door({
      look: () => this.#moderation.look("knocks"),
      changed: () => this.#doorView.draw(this.#door.knocks),
      arrived: (names) => {
        say(describeDoor(names.map((name) => ({ name }))));
        nudge();
      },
    });
  }

  start() {
    this.#menu.start();
    this.#settings.start();
    element("menu-settings").addEventListener("click", () => {
      element("menu").hidePopover(); // gives the focus back to its button, for the dialog to return to
      this.#settings.open();
    });
  }

  /** The room, or what I may do in it, is not what it was. */
  draw() {
    const { me, room } = this.#state;
    element("menu-settings").hidden = !isModerator(me);
    this.#door.watch(isModerator(me) && (room.knock || room.locked));
    this.#settings.draw();
  }

  /** A new line: what was told on the old one may be outdated. */
  welcomed() {
    this.draw();
    this.#door.refresh();
  }

  /** So many wait at the door. @param {number} waiting */
  knocked(waiting) {
    this.#door.heard(waiting);
  }

  /** My stay is over. */
  stop() {
    this.#door.watch(false);
    element("menu-settings").hidden = true;
    this.#menu.close();
    this.#notice.hide();
    for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  }

  // ---- menus

  /** @param {HTMLElement} button @returns {Offer} */
  #offer(button) {
    const seq = button.closest(".message")?.getAttribute("data-seq");
    const message = seq ? this.#message(Number(seq)) : undefined;
    const id = message?.by ?? button.closest(".person")?.getAttribute("data-member") ?? "";
    const { me, now } = this.#state;
    const person = this.#state.member(id);
    const ways = waysWith(me, person, now).filter(({ act }) => !message || !ABOUT_ROLES.has(act));
    const items = ways.map((way) => this.#item(way, person));
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

  /** @param {Way} way @param {Member} person @returns {Item} */
  #item(way, person) {
    const isGrave = way.act === "remove" || way.act === "ban";
    const act = () => this.#do(way, person);
    return { label: way.label, icon: ICONS[way.act], isGrave, act };
  }

  // ---- acts

  /** @param {Way} way @param {Member} person */
  async #do(way, person) {
    if (way.act === "ban") return this.#ban(person);
    if (way.act === "hand-over") return this.#handOver(person);
    if (way.act === "remove") return this.#remove(person);
    const act = actOf(way, person);
    if (act) await this.#moderation.do(act);
  }

  /** Nothing takes it back, but it may not be enough. @param {Member} person */
  async #remove(person) {
    const ban = { label: "Ban …", press: () => this.#ban(person), takesBack: false };
    await this.#moderation.do(remove(person), {
      done: (sentence) => this.#notice.show(sentence, ban),
      refused: (error) => this.#notice.refuse(error.message),
    });
  }

  /** @param {Member} person */
  async #ban(person) {
    const chosen = await chooseBan(person.name);
    if (chosen) await this.#moderation.do(ban(person, chosen.seconds, chosen.network));
  }

  /** @param {Member} person */
  async #handOver(person) {
    const isMeant = await isAgreed({
      title: `Make ${person.name} the host?`,
      text: "You become a co-host. Only the new host can give the room back.",
      yes: "Hand over",
    });
    if (isMeant) await this.#moderation.do(handOver(person));
  }

  /** @param {MessageEntry} message */
  async #removeMessage({ seq, by, text }) {
    const reply = await this.#moderation.ask("remove", { target: seq });
    if (!reply.ok) return this.#notice.refuse(reply.error.message);
    const isMine = by === this.#state.me.member_id;
    const rewrite = takeBack("Rewrite", () => this.#rewrite(text));
    this.#notice.show("Message removed", isMine ? rewrite : undefined);
  }

  /** @param {Knock} knock @param {boolean} isLetIn */
  async #answer({ knock_id, name }, isLetIn) {
    const act = {
      ask: { action: isLetIn ? "admit" : "refuse", knock_id },
      done: isLetIn ? `${name} is let in` : `${name} was refused`,
    };
    await this.#moderation.do(act, {
      done: (sentence) => {
        this.#door.settle(knock_id);
        this.#notice.show(sentence);
      },
      refused: (error) => this.#refused(error),
    });
  }

  /** Somebody else has answered, or whoever knocked has gone: the list was outdated. @param {ChatError} error */
  #refused(error) {
    this.#notice.refuse(error.message);
    this.#door.refresh();
  }
}

/** @param {string} label @param {() => void} press */
function takeBack(label, press) {
  return { label, press, takesBack: true };
}
