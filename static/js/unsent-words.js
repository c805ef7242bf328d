/** Which of the words kept in this browser still have a room to go to. Knows no page and no database. */

import { isBlank, plural } from "./lib/text.js";

/** @import { KeptDraft, KeptItem } from "./types.d.ts" */

/**
 * Sorts what is unsent: how many messages wait in rooms this browser is still in, by member, and the others by
 * membership, in the order they were written, with what was only begun behind them. A draft in a room one is still in
 * is in its box there.
 * @param {readonly KeptItem[]} items
 * @param {readonly KeptDraft[]} drafts
 * @param {ReadonlySet<string>} members who this browser is, in its rooms
 */
export function sortUnsent(items, drafts, members) {
  /** @type {Map<string, number>} */
  const waiting = new Map();
  /** @type {Map<string, {code: string, items: KeptItem[], drafts: KeptDraft[]}>} */
  const others = new Map();
  /** @param {KeptItem | KeptDraft} words */
  const groupOf = ({ member_id, code }) => {
    const group = others.get(member_id) ?? { code, items: [], drafts: [] };
    others.set(member_id, group);
    return group;
  };
  for (const item of items) {
    if (members.has(item.member_id)) {
      waiting.set(item.member_id, (waiting.get(item.member_id) ?? 0) + 1);
      continue;
    }
    groupOf(item).items.push(item);
  }
  for (const draft of drafts)
    if (!members.has(draft.member_id) && !isBlank(draft.text)) groupOf(draft).drafts.push(draft);
  const orphaned = [...others.values()].map((group) => ({
    ...group,
    text: [...group.items, ...group.drafts].map(({ text }) => text).join("\n\n"),
  }));
  return { waiting, orphaned };
}

/** @param {number} count */
export function describeWaiting(count) {
  return `${plural(count, "message waits", "messages wait")} to be sent`;
}
