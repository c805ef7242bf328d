/** Everybody this browser has heard of in the room, and which of them are here. */

/** @import { Event, Member } from "./types.d.ts" */

const ROLE_ORDER = { host: 0, cohost: 1, guest: 2 };

export class Roster {
  /** @type {Map<string, Member>} */
  #members = new Map();

  /** Everyone here, as a welcome tells it; those known from before stay known, as gone. @param {Member[]} members */
  start(members) {
    for (const [id, member] of this.#members) this.#members.set(id, { ...member, here: false });
    this.meet(members);
  }

  /** Takes in members that came along with events. @param {Member[]} members */
  meet(members) {
    for (const member of members) this.#members.set(member.member_id, member);
  }

  /** Learns names from older events without changing who is here. @param {Member[]} members */
  learn(members) {
    for (const member of members) {
      const known = this.#members.get(member.member_id);
      this.#members.set(member.member_id, known ?? member);
    }
  }

  /** What an event says about people. Returns whether the list changed. @param {Event} event */
  apply(event) {
    const id = event.member_id ?? event.member?.member_id ?? "";
    const known = this.#members.get(id);
    if (event.kind === "member_joined" && event.member) {
      this.#members.set(id, { ...event.member, here: true });
      return true;
    }
    if (!known) return false;
    if (event.kind === "member_left" || event.kind === "member_removed") {
      this.#members.set(id, { ...known, here: false });
      return true;
    }
    if (event.kind === "member_renamed" && event.name) {
      this.#members.set(id, { ...known, name: event.name });
      return true;
    }
    return false;
  }

  /** Never fails: somebody unheard of is "Somebody". @param {string} member_id @returns {Member} */
  get(member_id) {
    return (
      this.#members.get(member_id) ?? {
        member_id,
        name: "Somebody",
        hue: 0,
        role: "guest",
        here: false,
      }
    );
  }

  /** Those here, hosts first, then by name. */
  get here() {
    return [...this.#members.values()]
      .filter((member) => member.here)
      .sort((a, b) => ROLE_ORDER[a.role] - ROLE_ORDER[b.role] || a.name.localeCompare(b.name));
  }
}
