/**
 * What only moderators have: acts on people, the door and the settings. A script of its own, which the room's page loads
 * with the markup it needs (host-tools.html) once somebody is a moderator.
 */

import { actOf, ban, handOver, remove } from "./acts.js";
import { isAgreed } from "./asks.js";
import { chooseBan } from "./ban-dialog.js";
import { Door, describeDoor } from "./door.js";
import { DoorView } from "./door-view.js";
import { isModerator, waysWith } from "./rights.js";
import { SettingsDialog } from "./settings-dialog.js";

/** @import { ChatError, Knock, Member, Way } from "./types.d.ts" */
/** @import { Item } from "./act-menu.js" */

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

export class HostDesk {
  #state;
  #moderation;
  #notice;
  #settings;
  #door;
  #doorView = new DoorView((knock, isLetIn) => this.#answer(knock, isLetIn));

  /**
   * @param {object} given
   * @param {import("./room-state.js").RoomState} given.state
   * @param {import("./moderation.js").Moderation} given.moderation
   * @param {import("./notice.js").Notice} given.notice
   * @param {(invite: string) => void} given.renewed the link carries another invite
   * @param {(sentence: string) => void} given.say aloud
   * @param {() => void} given.nudge somebody wants to be let in
   */
  constructor({ state, moderation, notice, renewed, say, nudge }) {
    this.#state = state;
    this.#moderation = moderation;
    this.#notice = notice;
    this.#settings = new SettingsDialog({ state, moderation, renewed });
    this.#door = new Door({
      look: () => this.#moderation.look("knocks"),
      changed: () => this.#doorView.draw(this.#door.knocks),
      arrived: (names) => {
        say(describeDoor(names.map((name) => ({ name }))));
        nudge();
      },
    });
    this.#settings.start();
    this.draw();
  }

  /** Opens the settings. */
  open() {
    this.#settings.open();
  }

  /** The room, or what I may do in it, is not what it was. */
  draw() {
    const { me, room } = this.#state;
    this.#door.watch(isModerator(me) && (room.knock || room.locked));
    this.#settings.draw();
  }

  /** A new line: what was told on the old one may be outdated. */
  welcomed() {
    this.#door.refresh();
  }

  /** So many wait at the door. @param {number} waiting */
  knocked(waiting) {
    this.#door.heard(waiting);
  }

  /** My stay is over. */
  stop() {
    this.#door.watch(false);
  }

  /** What I may do with somebody, for a menu. @param {Member} person @param {boolean} isAtMessage @returns {Item[]} */
  items(person, isAtMessage) {
    const { me, now } = this.#state;
    const ways = waysWith(me, person, now);
    return ways
      .filter(({ act }) => !isAtMessage || !ABOUT_ROLES.has(act))
      .map((way) => this.#item(way, person));
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
