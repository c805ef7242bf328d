/** What stands in the composer's place when this membership is over, and the way out of it. */

import { copyText, find } from "./lib/dom.js";
import { isEndless, untilWhen } from "./lib/time.js";

/** @import { ChatError, Event } from "./types.d.ts" */

const FINAL = new Set(["room_ended", "room_not_found", "token_invalid", "banned"]);

export class Ending {
  #panel;
  #unsent;

  /** @param {HTMLElement} panel @param {() => string} unsent the words that would be lost */
  constructor(panel, unsent) {
    this.#panel = panel;
    this.#unsent = unsent;
    this.#part("copy").addEventListener("click", () => this.#copy());
  }

  /** @param {ChatError} why it is over @param {string} room the room's code @returns {string} what to say aloud */
  show(why, room) {
    const { title, text, again } = describeEnd(why, room, Date.now());
    this.#part("title").textContent = title;
    this.#part("text").textContent = text;
    this.#part("again").hidden = again === "";
    this.#part("again").textContent = again;
    this.#part("copy").hidden = this.#unsent() === "";
    this.#panel.hidden = false;
    return `${title}. ${text}`;
  }

  async #copy() {
    const isCopied = await copyText(this.#unsent(), this.#panel);
    this.#part("copy").textContent = isCopied ? "Copied" : "Could not copy";
  }

  /** @param {string} name */
  #part(name) {
    return find(`#over-${name}`, HTMLElement, this.#panel);
  }
}

/**
 * Why an event ends the stay of `me`, for `describeEnd`; null when it does not.
 * @param {Event} event
 * @param {string} me
 * @returns {ChatError | null}
 */
export function endOf({ kind, member_id, reason, until }, me) {
  if (kind === "room_ended") return { code: "room_ended", message: "" };
  if (member_id !== me) return null;
  if (kind === "member_removed" && until) return { code: "banned", message: "", until };
  if (kind === "member_removed" || reason === "removed") return { code: "removed", message: "" };
  return kind === "member_left" && reason !== "gone" ? { code: "left", message: "" } : null;
}

/** Whether an error of the server means that there is no way back with this token. @param {string} code */
export function isFinal(code) {
  return FINAL.has(code);
}

/** @param {ChatError} why @param {string} room @param {number} now */
export function describeEnd({ code, message, until }, room, now) {
  switch (code) {
    case "room_ended":
    case "room_not_found":
      return {
        title: "This room has ended",
        text: `What was said here is gone from the server, and ${room} may lead to another room one day.`,
        // Who hears it from the server and not by the event was away, and so perhaps was the server: people may want to
        // meet where they were.
        again: message === "" ? "" : `See where ${room} leads`,
      };
    case "removed":
      return {
        title: "You were removed from this room",
        text: `The host has ended your stay here. The code ${room} leads back in.`,
        again: "Join again",
      };
    case "banned":
      return {
        title: "You were banned from this room",
        text:
          until && !isEndless(until)
            ? `You may come back, but not ${untilWhen(until, now).replace("until", "before")}.`
            : "The host does not let you in again.",
        again: "",
      };
    case "left":
      return {
        title: "You have left this room",
        text: `The code ${room} lets you back in.`,
        again: "Join again",
      };
    default:
      return {
        title: "You are not in this room any more",
        text: `Join again with the code ${room}.`,
        again: "Join again",
      };
  }
}
