/** What the tabs of one member in one browser tell each other. */

/** @import { TabChannel, TabMessage } from "./types.d.ts" */

/** @implements {TabChannel} */
export class Tabs {
  #name;
  /** @type {BroadcastChannel | null} */
  #channel = null;

  /** @param {string} member_id */
  constructor(member_id) {
    this.#name = `outbox:${member_id}`;
  }

  /** @param {(message: TabMessage) => void} heard */
  start(heard) {
    if (this.#channel || typeof BroadcastChannel !== "function") return;
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }) => heard(data);
  }

  /** A page with an open channel cannot be put aside for the way back. */
  stop() {
    this.#channel?.close();
    this.#channel = null;
  }

  /** To the other tabs, not to this one. @param {TabMessage} message */
  tell(message) {
    this.#channel?.postMessage(message);
  }
}
