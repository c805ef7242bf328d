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
    const { kind, member, member_id = "", previous = "" } = event;
    if (kind === "member_joined" && member) {
      this.#members.set(member.member_id, { ...member, here: true });
      return true;
    }
    if (kind === "host_changed") {
      this.#change(previous, { role: event.reason === "handed_over" ? "cohost" : "guest" });
      return this.#change(member_id, { role: "host", muted_until: undefined });
    }
    const changes = changesOfMember(event);
    return changes !== null && this.#change(member_id, changes);
  }

  /** @param {string} member_id @param {Partial<Member>} changes */
  #change(member_id, changes) {
    const known = this.#members.get(member_id);
    if (known) this.#members.set(member_id, { ...known, ...changes });
    return known !== undefined;
  }

  /** @param {string} member_id */
  find(member_id) {
    return this.#members.get(member_id);
  }

  /** Never fails: somebody unheard of is "Somebody". @param {string} member_id @returns {Member} */
  get(member_id) {
    return (
      this.#members.get(member_id) ?? {
        member_id,
        name: "Somebody",
        hue: 0,
        glyph: 0,
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

/** @param {Event} event @returns {Partial<Member> | null} */
function changesOfMember({ kind, name, role, muted_until }) {
  switch (kind) {
    case "member_left":
    case "member_removed":
      return { here: false };
    case "member_renamed":
      return name ? { name } : null;
    case "member_changed":
      return {
        ...(role ? { role } : {}),
        ...(muted_until === undefined ? {} : { muted_until: muted_until ?? undefined }),
      };
    default:
      return null;
  }
}
