/** The quiet lines between messages: who came and went, and what the host has changed; a run of them says each thing once. */

import { describeChange, subjectOf } from "./changes.js";
import { listNames, named } from "./lib/text.js";

/** @import { ChangeEntry, PresenceEntry, PresenceRow } from "./types.d.ts" */

/**
 * The rows of a run of entries without a message between them: one for comings and goings that follow each other,
 * one for each change that was not changed again within the run.
 * @param {readonly (PresenceEntry | ChangeEntry)[]} run
 * @param {string} me
 * @param {(member_id: string) => string} nameOf
 * @param {number} now
 * @returns {PresenceRow[]}
 */
export function quietRows(run, me, nameOf, now) {
  const last = new Map(
    run.flatMap((entry) => (isChange(entry) ? [[subjectOf(entry), entry]] : [])),
  );
  /** @type {PresenceRow[]} */
  const rows = [];
  /** @type {PresenceEntry[]} */
  let presence = [];

  const endPresence = () => {
    const [first] = presence;
    const at = presence.at(-1)?.at;
    if (!first || !at) return;
    const text = describePresence(presence, me, nameOf);
    rows.push({ type: "presence", id: `p:${first.seq}`, at, text });
    presence = [];
  };

  for (const entry of run) {
    if (!isChange(entry)) {
      presence.push(entry);
    } else if (last.get(subjectOf(entry)) === entry) {
      endPresence();
      const text = describeChange(entry, me, nameOf, now);
      rows.push({ type: "presence", id: `c:${entry.seq}:${entry.what}`, at: entry.at, text });
    }
  }
  endPresence();
  return rows;
}

/** @param {PresenceEntry | ChangeEntry} entry @returns {entry is ChangeEntry} */
function isChange(entry) {
  return entry.kind === "change";
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
    const name = member_id === me ? "You" : named(nameOf(member_id));
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
