/** From lines to rows: groups, days, runs of quiet lines, the mark where the unread begins, and what is still on its way. */

import { dayLabel, dayOf } from "./lib/time.js";
import { quietRows } from "./quiet-rows.js";
import { hasActs } from "./rights.js";

/** @import { ChangeEntry, Entry, Member, MessageRow, OutboxItem, PresenceEntry, Row } from "./types.d.ts" */

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
  /** @type {(PresenceEntry | ChangeEntry)[]} */
  let quiet = [];
  let day = "";
  let marked = newAfter === null;

  const endQuiet = () => {
    if (quiet.length === 0) return;
    rows.push(...quietRows(quiet, me.member_id, (id) => member(id).name, now));
    quiet = [];
    above = null;
  };

  /** @param {string} at */
  const beginDay = (at) => {
    if (dayOf(at) === day) return;
    endQuiet();
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
    if (entry.kind !== "message") {
      quiet.push(entry);
      continue;
    }
    endQuiet();
    const mine = entry.by === me.member_id;
    if (!marked && newAfter !== null && entry.seq > newAfter && !mine) {
      rows.push({ type: "new", id: "new" });
      marked = true;
      above = null;
    }
    const author = member(entry.by);
    const { name, hue, glyph } = author;
    const id = mine && entry.key ? `k:${entry.key}` : `s:${entry.seq}`;
    const { seq, at, by, text, edited, removed, key } = entry;
    addMessage({
      id,
      seq,
      at,
      by,
      name,
      hue,
      glyph,
      mine,
      text,
      edited,
      removed,
      key,
      acts: hasActs(me, mine ? me : author, removed),
      state: mine ? "kept" : "",
    });
  }
  endQuiet();

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
      glyph: me.glyph,
      mine: true,
      text,
      edited: false,
      removed: false,
      key,
      acts: false,
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
