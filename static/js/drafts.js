/** What stands unsent in the box, kept per room so that it survives a reload, and with whose it is for the lobby. */

import { keysStarting, recall, remember } from "./lib/storage.js";

/** @import { KeptDraft } from "./types.d.ts" */

const QUIET_MS = 300;
const PREFIX = "draft:";

export class Draft {
  #owner;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {string | null} */
  #unsaved = null;

  /** @param {{room_id: string, member_id: string, code: string}} owner */
  constructor(owner) {
    this.#owner = owner;
  }

  /** What was kept; from now on it is this member's, since somebody may have left the room and come in again. */
  take() {
    const text = readDraft(this.#key)?.text ?? "";
    if (text !== "") this.change(text);
    return text;
  }

  /** Saves once typing pauses. @param {string} text */
  change(text) {
    this.#unsaved = text;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), QUIET_MS);
  }

  /** Saves now: on sending, and when the page is being put away. */
  flush() {
    clearTimeout(this.#timer);
    if (this.#unsaved === null) return;
    const draft = { ...this.#owner, text: this.#unsaved, written_at: Date.now() };
    remember(this.#key, draft.text === "" ? null : JSON.stringify(draft));
    this.#unsaved = null;
  }

  get #key() {
    return PREFIX + this.#owner.room_id;
  }
}

/** All that are kept in this browser, the oldest first. */
export function allDrafts() {
  const drafts = keysStarting(PREFIX).map((key) => readDraft(key));
  return drafts.filter((draft) => draft !== null).sort((a, b) => a.written_at - b.written_at);
}

/** @param {readonly KeptDraft[]} drafts */
export function discardDrafts(drafts) {
  for (const { room_id } of drafts) remember(PREFIX + room_id, null);
}

/** @param {string} key @returns {KeptDraft | null} */
function readDraft(key) {
  try {
    const draft = JSON.parse(recall(key) ?? "");
    return typeof draft.text === "string" && typeof draft.written_at === "number" ? draft : null;
  } catch {
    return null;
  }
}
