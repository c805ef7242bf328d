/** What a moderator can do, as the server is asked for it, with what is said afterwards and what takes it back. */

import { every } from "./changes.js";

/** @import { Act, Member, Room, Way } from "./types.d.ts" */
/** @typedef {Pick<Member, "member_id" | "name">} Somebody */

/** @param {Somebody} person @param {number} seconds 0 until it is lifted @returns {Act} */
export function mute({ member_id, name }, seconds) {
  return {
    ask: { action: "mute", member_id, seconds },
    done: `${name} was muted`,
    undo: { ask: { action: "unmute", member_id }, done: `${name} can write again` },
  };
}

/** @param {Somebody} person @returns {Act} */
export function unmute({ member_id, name }) {
  return { ask: { action: "unmute", member_id }, done: `${name} can write again` };
}

/** Not to be taken back, but no door is closed by it. @param {Somebody} person @returns {Act} */
export function remove({ member_id, name }) {
  return { ask: { action: "remove_member", member_id }, done: `${name} was removed` };
}

/** @param {Somebody} person @param {number} seconds 0 for as long as the room lives @param {boolean} network @returns {Act} */
export function ban({ member_id, name }, seconds, network) {
  return {
    ask: { action: "ban", member_id, seconds, network },
    done: `${name} was banned`,
    undo: unban({ member_id, name }),
  };
}

/** @param {Somebody} person @returns {Act} */
export function unban({ member_id, name }) {
  return { ask: { action: "unban", member_id }, done: `${name} may come back in` };
}

/** @param {Somebody} person @param {"cohost" | "guest"} role @returns {Act} */
export function setRole({ member_id, name }, role) {
  const asked = (/** @type {"cohost" | "guest"} */ role) => ({
    ask: { action: "set_role", member_id, role },
    done: role === "cohost" ? `${name} is a co-host now` : `${name} is no longer a co-host`,
  });
  return { ...asked(role), undo: asked(role === "cohost" ? "guest" : "cohost") };
}

/** @param {Somebody} person @returns {Act} */
export function handOver({ member_id, name }) {
  return { ask: { action: "hand_over", member_id }, done: `${name} is the host now` };
}

/** The act behind an entry of a person's menu that needs no question, neither before nor after; null for the others. @param {Way} way @param {Somebody} person */
export function actOf({ act, seconds = 0 }, person) {
  switch (act) {
    case "mute":
      return mute(person, seconds);
    case "unmute":
      return unmute(person);
    case "promote":
      return setRole(person, "cohost");
    case "demote":
      return setRole(person, "guest");
    default:
      return null;
  }
}

/** @typedef {"topic" | "locked" | "knock" | "slow_mode_seconds"} Setting those whose value is known, so that it can be put back */

/** @template {Setting} K @param {K} setting @param {Room[K]} value @param {Room[K]} before @returns {Act} */
export function changeRoom(setting, value, before) {
  const asked = (/** @type {Room[K]} */ value) => ({
    ask: { action: "change_room", [setting]: value },
    done: describeSetting(setting, value),
  });
  return { ...asked(value), undo: asked(before) };
}

/** @param {string} passcode "" to lift it @returns {Act} */
export function setPasscode(passcode) {
  return {
    ask: { action: "change_room", passcode },
    done: passcode === "" ? "The passcode is lifted" : "The passcode is set",
  };
}

/** @param {Setting} setting @param {Room[Setting]} value */
function describeSetting(setting, value) {
  switch (setting) {
    case "topic":
      return value === "" ? "The topic was taken away" : "The topic was changed";
    case "locked":
      return value ? "The room is locked" : "The room is open";
    case "knock":
      return value ? "Newcomers have to knock" : "Nobody has to knock: who waits may come in";
    case "slow_mode_seconds":
      return value ? `Slow mode: one message every ${every(Number(value))}` : "Slow mode is off";
  }
}
