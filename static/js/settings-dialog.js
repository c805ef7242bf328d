/** The dialog "Room settings": shows how the room is, asks for changes, and says beside each how that went. */

import { changeRoom, setPasscode, unban } from "./acts.js";
import { isAgreed } from "./asks.js";
import { cloneTemplate, find, flag } from "./lib/dom.js";
import { isEndless, untilWhen } from "./lib/time.js";
import { isModerator } from "./rights.js";

/** @import { Act, Ban, ChatError } from "./types.d.ts" */
/** @import { Setting } from "./acts.js" */

const SHORTEST_PASSCODE = 4;

/** @template {HTMLElement} T @param {string} id @param {new (...args: any[]) => T} kind */
const part = (id, kind) => find(`#${id}`, kind);

export class SettingsDialog {
  #dialog = part("settings", HTMLDialogElement);
  #topic = part("set-topic", HTMLInputElement);
  #slow = part("set-slow_mode_seconds", HTMLSelectElement);
  #locked = part("set-locked", HTMLInputElement);
  #knock = part("set-knock", HTMLInputElement);
  #passcode = part("set-passcode", HTMLInputElement);
  #passcodeFields = part("passcode-fields", HTMLElement);
  #passcodeChange = part("passcode-change", HTMLElement);
  #state;
  #moderation;
  #renewed;
  #shownTopic = "";

  /**
   * @param {object} given
   * @param {import("./room-state.js").RoomState} given.state
   * @param {import("./moderation.js").Moderation} given.moderation
   * @param {(invite: string) => void} given.renewed the link carries another invite
   */
  constructor({ state, moderation, renewed }) {
    this.#state = state;
    this.#moderation = moderation;
    this.#renewed = renewed;
  }

  start() {
    this.#form("topic", () => this.#change("topic", this.#topic.value.trim()));
    this.#form("passcode", () => this.#savePasscode());
    this.#slow.addEventListener("change", () =>
      this.#change("slow_mode_seconds", Number(this.#slow.value)),
    );
    for (const name of /** @type {const} */ (["locked", "knock"])) {
      const input = name === "locked" ? this.#locked : this.#knock;
      input.addEventListener("change", () => this.#change(name, input.checked));
    }
    this.#passcodeChange.addEventListener("click", () => this.#unfoldPasscode());
    this.#on("passcode-lift", () => this.#changePasscode(""));
    this.#on("renew", () => this.#renew());
    this.#on("end-room", () => this.#end());
    this.#dialog.addEventListener(
      "click",
      (event) => event.target === this.#dialog && this.#dialog.close(),
    );
  }

  open() {
    for (const result of this.#dialog.querySelectorAll(".setting-result")) result.replaceChildren();
    this.#foldPasscode();
    this.#showTopic();
    this.draw();
    this.#dialog.showModal();
    this.#loadBans();
  }

  /** The room is not what it was, or I am not. */
  draw() {
    const { room, me } = this.#state;
    if (!isModerator(me)) return this.#dialog.close();
    if (room.topic !== this.#shownTopic) this.#showTopic(); // else it may be being written
    this.#locked.checked = room.locked;
    this.#knock.checked = room.knock;
    this.#drawSlow(room.slow_mode_seconds);
    part("passcode-on", HTMLElement).hidden = !room.has_passcode;
    part("passcode-lift", HTMLElement).hidden = !room.has_passcode;
    this.#passcodeChange.textContent = room.has_passcode ? "Change" : "Set";
    part("end-part", HTMLElement).hidden = me.role !== "host";
  }

  #showTopic() {
    this.#shownTopic = this.#state.room.topic;
    this.#topic.value = this.#shownTopic;
  }

  /** A program may have chosen something that is not in the list. @param {number} seconds */
  #drawSlow(seconds) {
    const isListed = [...this.#slow.options].some(({ value }) => value === String(seconds));
    if (!isListed) this.#slow.add(new Option(`${seconds} seconds`, String(seconds)));
    this.#slow.value = String(seconds);
  }

  // ---- changes

  /** @param {Setting} setting @param {string | number | boolean} value */
  async #change(setting, value) {
    const before = this.#state.room[setting];
    if (value === before) return;
    if (!(await this.#do(setting, changeRoom(setting, value, before)))) this.draw();
  }

  async #savePasscode() {
    const passcode = this.#passcode.value.trim();
    if (passcode.length < SHORTEST_PASSCODE) {
      this.#say("passcode", `A passcode has at least ${SHORTEST_PASSCODE} characters.`, {
        isError: true,
      });
      return this.#passcode.focus();
    }
    await this.#changePasscode(passcode);
  }

  /** @param {string} passcode */
  async #changePasscode(passcode) {
    if (!(await this.#do("passcode", setPasscode(passcode)))) return;
    this.#foldPasscode();
    this.#passcodeChange.focus();
  }

  #unfoldPasscode() {
    if (!this.#passcodeFields.hidden) return this.#foldPasscode();
    this.#passcodeFields.hidden = false;
    this.#passcodeChange.setAttribute("aria-expanded", "true");
    this.#passcode.focus();
  }

  #foldPasscode() {
    this.#passcode.value = "";
    this.#passcodeFields.hidden = true;
    this.#passcodeChange.setAttribute("aria-expanded", "false");
  }

  async #renew() {
    const reply = await this.#moderation.ask("moderate", { action: "renew_invite" });
    if (!reply.ok) return this.#refuse("invites", reply.error);
    this.#renewed(reply.invite);
    this.#say("invites", "There is a new link. It stands under Invite people.");
  }

  async #end() {
    const isMeant = await isAgreed({
      title: "End the room?",
      text: "Everybody is sent away, and what was said here is gone for good.",
      yes: "End the room",
    });
    if (isMeant) await this.#do("end", { ask: { action: "end_room" }, done: "The room has ended" });
  }

  // ---- the banned

  async #loadBans() {
    /** @type {{bans: Ban[]} | null} */
    const answer = await this.#moderation.look("bans");
    if (!answer) return;
    part("bans", HTMLElement).replaceChildren(...answer.bans.map((ban) => this.#drawBan(ban)));
    part("no-bans", HTMLElement).hidden = answer.bans.length > 0;
  }

  /** @param {Ban} ban */
  #drawBan(ban) {
    const node = cloneTemplate("ban-template");
    const end = isEndless(ban.until)
      ? "as long as the room lives"
      : untilWhen(ban.until, Date.now());
    find(".ban-name", HTMLElement, node).textContent = ban.name;
    find(".ban-until", HTMLElement, node).textContent = ban.network
      ? `${end}, with the network`
      : end;
    const button = find("button", HTMLElement, node);
    button.setAttribute("aria-label", `Let back in ${ban.name}`);
    button.addEventListener("click", async () => {
      if (!(await this.#do("bans", unban(ban)))) return;
      await this.#loadBans();
      this.#dialog.focus();
    });
    return node;
  }

  // ---- saying how it went

  /** @param {string} name @param {Act} act */
  #do(name, act) {
    return this.#moderation.do(act, {
      done: (sentence, undo) => this.#say(name, sentence, { undo }),
      refused: (error) => this.#refuse(name, error),
    });
  }

  /** @param {string} name @param {ChatError} error */
  #refuse(name, error) {
    this.#say(name, error.message, { isError: true });
  }

  /** @param {string} name @param {string} sentence @param {{undo?: (() => void) | null, isError?: boolean}} [more] */
  #say(name, sentence, { undo = null, isError = false } = {}) {
    const line = find(`[data-setting="${name}"] .setting-result`, HTMLElement, this.#dialog);
    flag(line, "error", isError);
    line.replaceChildren(sentence);
    if (!undo) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "setting-undo";
    button.textContent = "Undo";
    button.addEventListener("click", undo);
    line.append(" ", button);
  }

  /** @param {string} name @param {() => void} submitted */
  #form(name, submitted) {
    const form = find(`form[data-setting="${name}"]`, HTMLFormElement, this.#dialog);
    form.noValidate = true;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      submitted();
    });
  }

  /** @param {string} id @param {() => void} clicked */
  #on(id, clicked) {
    part(id, HTMLElement).addEventListener("click", clicked);
  }
}
