/** From lines to rows: groups, days, collapsed presence, the mark where the unread begins, and what is still on its way. */

import { listNames } from "./lib/text.js";
import { dayLabel, dayOf } from "./lib/time.js";

/** @import { Entry, Member, MessageRow, OutboxItem, PresenceEntry, Row } from "./types.d.ts" */

const GROUP_MS = 5 * 60_000;

/**
 * @param {object} given
 * @param {readonly Entry[]} given.entries
 * @param {readonly OutboxItem[]} given.outbox what this member has written and the log does not hold yet
 * @param {Member} given.me
 * @param {(member_id: string) => Member} given.member
 * @param {number | null} given.newAfter the seq after which the unread begins; null for no mark
 * @param {number} given.now
 * @returns {Row[]}
 */
export function arrange({ entries, outbox, me, member, newAfter, now }) {
  /** @type {Row[]} */
  const rows = [];
  /** @type {MessageRow | null} the message just above, when nothing came between */
  let above = null;
  /** @type {PresenceEntry[]} */
  let presence = [];
  let day = "";
  let marked = newAfter === null;

  const endPresence = () => {
    if (presence.length === 0) return;
    const text = describePresence(presence, me.member_id, (id) => member(id).name);
    rows.push({
      type: "presence",
      id: `p:${presence[0].seq}`,
      at: presence[presence.length - 1].at,
      text,
    });
    presence = [];
    above = null;
  };

  /** @param {string} at */
  const beginDay = (at) => {
    if (dayOf(at) === day) return;
    endPresence();
    day = dayOf(at);
    rows.push({ type: "day", id: `d:${day}`, at, text: dayLabel(at, now) });
    above = null;
  };

  /** @param {Omit<MessageRow, "first" | "last" | "type">} message */
  const addMessage = (message) => {
    const continues =
      above !== null &&
      above.by === message.by &&
      Date.parse(message.at) - Date.parse(above.at) <= GROUP_MS;
    if (continues && above) above.last = false;
    /** @type {MessageRow} */
    const row = { ...message, type: "message", first: !continues, last: true };
    rows.push(row);
    above = row;
  };

  for (const entry of entries) {
    beginDay(entry.at);
    if (entry.kind === "presence") {
      presence.push(entry);
      continue;
    }
    endPresence();
    const mine = entry.by === me.member_id;
    if (!marked && newAfter !== null && entry.seq > newAfter && !mine) {
      rows.push({ type: "new", id: "new" });
      marked = true;
      above = null;
    }
    const { name, hue } = member(entry.by);
    const id = mine && entry.key ? `k:${entry.key}` : `s:${entry.seq}`;
    const { seq, at, by, text, edited, removed, key } = entry;
    addMessage({
      id,
      seq,
      at,
      by,
      name,
      hue,
      mine,
      text,
      edited,
      removed,
      key,
      state: mine ? "kept" : "",
    });
  }
  endPresence();

  const arrived = new Set(outbox.length > 0 ? keysOf(entries, me.member_id) : []);
  for (const item of outbox) {
    if (arrived.has(item.key)) continue;
    const at = new Date(item.written_at).toISOString();
    beginDay(new Date(now).toISOString());
    const { key, text, state, error } = item;
    addMessage({
      id: `k:${key}`,
      seq: 0,
      at,
      by: me.member_id,
      name: me.name,
      hue: me.hue,
      mine: true,
      text,
      edited: false,
      removed: false,
      key,
      state,
      error,
    });
  }
  return rows;
}

/** @param {readonly Entry[]} entries @param {string} me */
function keysOf(entries, me) {
  return entries.flatMap((entry) =>
    entry.kind === "message" && entry.by === me ? [entry.key] : [],
  );
}

/**
 * One line for a run of comings and goings: "Ada, Grace and 3 others joined · Mallory left".
 * Somebody who came and went again within the run is told once, somebody who left and returned not at all.
 * @param {readonly PresenceEntry[]} run
 * @param {string} me
 * @param {(member_id: string) => string} nameOf
 */
export function describePresence(run, me, nameOf) {
  /** @type {Map<string, {first: string, last: string}>} */
  const changes = new Map();
  for (const { member_id, action } of run) {
    const known = changes.get(member_id);
    changes.set(member_id, { first: known?.first ?? action, last: action });
  }
  /** @type {Map<string, string[]>} */
  const sentences = new Map([
    ["joined", []],
    ["came back", []],
    ["came and went", []],
    ["left", []],
    ["removed", []],
  ]);
  for (const [member_id, { first, last }] of changes) {
    const name = member_id === me ? "You" : nameOf(member_id);
    sentences.get(outcome(first, last))?.push(name);
  }
  return [...sentences]
    .filter(([, names]) => names.length > 0)
    .map(
      ([what, names]) =>
        `${listNames(youFirst(names))} ${what === "removed" ? verbRemoved(names) : what}`,
    )
    .join(" · ");
}

/** @param {string} first @param {string} last */
function outcome(first, last) {
  if (last === "joined") return first === "joined" ? "joined" : "came back";
  if (last === "left") return first === "joined" ? "came and went" : "left";
  return "removed";
}

/** @param {string[]} names */
function youFirst(names) {
  return names.includes("You") ? ["You", ...names.filter((name) => name !== "You")] : names;
}

/** @param {string[]} names */
function verbRemoved(names) {
  return names.length > 1 || names[0] === "You" ? "were removed" : "was removed";
}
