/** What moderators change, and how the timeline says it. `lines.py` on the server says the same in the same words. */

import { isolated, named } from "./lib/text.js";
import { duration, isEndless, untilWhen } from "./lib/time.js";
import { isModerator } from "./rights.js";

/** @import { ChangeEntry, Event, Member, Room, RoomChange } from "./types.d.ts" */

/** @type {(keyof RoomChange)[]} */
const OF_ROOM = ["topic", "locked", "knock", "has_passcode", "slow_mode_seconds", "invites"];

/** What an event changes, one entry for each thing; none for an event of another kind. @param {Event} event @returns {ChangeEntry[]} */
export function changesOf(event) {
  const { kind, seq, at, by = "", member_id = "" } = event;
  /** @param {ChangeEntry["what"]} what @param {ChangeEntry["value"]} value @returns {ChangeEntry} */
  const change = (what, value) => ({ kind: "change", seq, at, by, what, value, member_id });
  const { role, muted_until, until } = event;
  if (kind === "room_changed")
    return OF_ROOM.flatMap((what) => {
      const value = event[what];
      return value === undefined ? [] : [change(what, value)];
    });
  if (kind === "host_changed") return [change("host", null)];
  if (kind === "member_removed" && until !== undefined) return [change("banned", until)];
  if (kind !== "member_changed") return [];
  return [
    ...(role === undefined ? [] : [change("role", role)]),
    ...(muted_until === undefined ? [] : [change("muted_until", muted_until)]),
  ];
}

/** Two changes of the same subject: the later one tells all. @param {ChangeEntry} change */
export function subjectOf({ what, member_id }) {
  return what === "host" ? what : `${what}:${member_id}`;
}

/**
 * "Ada locked the room", "Ada muted you until 21:40".
 * @param {ChangeEntry} change
 * @param {string} me
 * @param {(member_id: string) => string} nameOf
 * @param {number} now
 */
export function describeChange({ what, value, by, member_id }, me, nameOf, now) {
  const who = by === me ? "You" : by === "" ? "The host" : named(nameOf(by));
  const whom = member_id === me ? "you" : named(nameOf(member_id));
  const Whom = member_id === me ? "You" : whom;
  const is = member_id === me ? "are" : "is";
  switch (what) {
    case "topic":
      return value
        ? `${who} changed the topic to “${isolated(String(value))}”`
        : `${who} took the topic away`;
    case "locked":
      return value ? `${who} locked the room` : `${who} opened the room again`;
    case "knock":
      return value
        ? `${who} turned knocking on: newcomers wait to be let in`
        : `${who} turned knocking off`;
    case "has_passcode":
      return value ? `${who} set a passcode` : `${who} lifted the passcode`;
    case "slow_mode_seconds":
      return value ? `Slow mode: one message every ${every(Number(value))}` : "Slow mode is off";
    case "invites":
      return `${who} renewed the invite link`;
    case "role":
      return value === "cohost"
        ? `${who} made ${whom} a co-host`
        : `${Whom} ${is} no longer a co-host`;
    case "muted_until":
      return value
        ? `${who} muted ${whom}${ending(String(value), now)}`
        : `${who} let ${whom} write again`;
    case "host":
      return `${Whom} ${is} the host now`;
    case "banned":
      return `${Whom} ${is === "are" ? "were" : "was"} banned${ending(String(value), now)}`;
  }
}

/** What somebody should hear of an event that others have caused. @param {Event} event @param {{me: Member, member: (id: string) => Member}} state */
export function newsOf(event, state) {
  const { member_id } = state.me;
  if (event.by === member_id) return [];
  return changesOf(event).map((change) =>
    describeChange(change, member_id, (id) => state.member(id).name, Date.now()),
  );
}

/** What a guest should know about the room's pace; "" when there is nothing to know. @param {{room: Pick<Room, "slow_mode_seconds">, me: Member}} state */
export function describeSlowMode({ room, me }) {
  if (room.slow_mode_seconds === 0 || isModerator(me)) return "";
  return `Slow mode: one message every ${every(room.slow_mode_seconds)}`;
}

/** "10 seconds", "minute" in "one message every minute". @param {number} seconds */
export function every(seconds) {
  return duration(seconds).replace(/^1 /u, "");
}

/** @param {string} until @param {number} now */
function ending(until, now) {
  return isEndless(until) ? "" : ` ${untilWhen(until, now)}`;
}
