/** Which of the words kept in this browser still have a room to go to. Knows no page and no database. */

import { plural } from "./lib/text.js";

/** @import { KeptItem } from "./types.d.ts" */

/**
 * Sorts what is unsent: how many messages wait in rooms this browser is still in, by member, and the others by
 * membership, in the order they were written.
 * @param {readonly KeptItem[]} items
 * @param {ReadonlySet<string>} members who this browser is, in its rooms
 */
export function sortUnsent(items, members) {
  /** @type {Map<string, number>} */
  const waiting = new Map();
  /** @type {Map<string, {code: string, items: KeptItem[]}>} */
  const others = new Map();
  for (const item of items) {
    if (members.has(item.member_id)) {
      waiting.set(item.member_id, (waiting.get(item.member_id) ?? 0) + 1);
      continue;
    }
    const group = others.get(item.member_id) ?? { code: item.code, items: [] };
    group.items.push(item);
    others.set(item.member_id, group);
  }
  const orphaned = [...others.values()].map((group) => ({
    ...group,
    text: group.items.map(({ text }) => text).join("\n\n"),
  }));
  return { waiting, orphaned };
}

/** @param {number} count */
export function describeWaiting(count) {
  return `${plural(count, "message waits", "messages wait")} to be sent`;
}
