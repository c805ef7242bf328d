/** Who may do what to whom, as flask_chat/domain/moderation.py decides it: so that nothing is offered that would be refused. */

/** @import { Member, Way } from "./types.d.ts" */

const MUTES = /** @type {const} */ ([
  ["Mute for 5 minutes", 300],
  ["Mute for an hour", 3600],
  ["Mute until lifted", 0],
]);

/** The host or a co-host. @param {Pick<Member, "role">} member */
export function isModerator({ role }) {
  return role !== "guest";
}

/** @param {Pick<Member, "muted_until">} member @param {number} now by the server's clock */
export function isMuted({ muted_until }, now) {
  return muted_until !== undefined && Date.parse(muted_until) > now;
}

/** Whether `me` may mute, remove and ban this person. @param {Member} me @param {Member} person */
export function isOver(me, person) {
  if (!isModerator(me) || me.member_id === person.member_id) return false;
  return me.role === "host" || !isModerator(person);
}

/** Whether `me` may remove a message of this person. @param {Member} me @param {string} by */
export function mayRemove(me, by) {
  return isModerator(me) || me.member_id === by;
}

/** Whether a message has a menu for `me`. @param {Member} me @param {Member} author @param {boolean} isRemoved */
export function hasActs(me, author, isRemoved) {
  return isRemoved ? isOver(me, author) : mayRemove(me, author.member_id);
}

/**
 * What `me` may do with this person now, in the order of a menu.
 * @param {Member} me
 * @param {Member} person
 * @param {number} now by the server's clock
 * @returns {Way[]}
 */
export function waysWith(me, person, now) {
  if (!isOver(me, person)) return [];
  /** @type {Way[]} */
  const ban = [{ act: "ban", label: "Ban …" }];
  if (!person.here) return ban;
  return [
    ...waysOfRole(me, person),
    ...waysToQuiet(person, now),
    { act: "remove", label: "Remove from the room" },
    ...ban,
  ];
}

/** @param {Member} me @param {Member} person @returns {Way[]} */
function waysOfRole(me, person) {
  if (me.role !== "host") return [];
  return [
    person.role === "cohost"
      ? { act: "demote", label: "No longer co-host" }
      : { act: "promote", label: "Make co-host" },
    { act: "hand-over", label: "Hand over the room …" },
  ];
}

/** @param {Member} person @param {number} now @returns {Way[]} */
function waysToQuiet(person, now) {
  if (isMuted(person, now)) return [{ act: "unmute", label: "Unmute" }];
  return MUTES.map(([label, seconds]) => ({ act: "mute", label, seconds }));
}
