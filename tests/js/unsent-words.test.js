import assert from "node:assert/strict";
import { test } from "node:test";
import { describeWaiting, sortUnsent } from "../../static/js/unsent-words.js";

/** @param {string} member_id @param {string} code @param {string} text */
const item = (member_id, code, text) =>
  /** @type {import("../../static/js/types.d.ts").KeptItem} */ ({ member_id, code, text });

/** @param {string} member_id @param {string} code @param {string} text */
const draft = (member_id, code, text) => ({ room_id: "r", member_id, code, text, written_at: 0 });

test("what has a room to go to is counted, and what has none is kept together", () => {
  const items = [
    item("m-here", "BCDF", "one"),
    item("m-over", "GHJK", "first"),
    item("m-here", "BCDF", "two"),
    item("m-over", "GHJK", "second"),
    item("m-long-ago", "GHJK", "another time in a room of that code"),
  ];

  const { waiting, orphaned } = sortUnsent(items, [], new Set(["m-here", "m-quiet"]));

  assert.deepEqual([...waiting], [["m-here", 2]]);
  assert.deepEqual(
    orphaned.map(({ code, text }) => [code, text]),
    [
      ["GHJK", "first\n\nsecond"],
      ["GHJK", "another time in a room of that code"],
    ],
  );
  assert.deepEqual(orphaned[0]?.items, [items[1], items[3]]);
});

test("what was only begun stands behind what was said, and is no message that waits", () => {
  const said = item("m-over", "GHJK", "said");
  const drafts = [
    draft("m-here", "BCDF", "half a sentence in a room that goes on"),
    draft("m-over", "GHJK", "half a sentence"),
    draft("m-alone", "WXZB", "nothing but"),
    draft("m-blank", "QRST", " \n"),
  ];

  const { waiting, orphaned } = sortUnsent([said], drafts, new Set(["m-here"]));

  assert.equal(waiting.size, 0);
  assert.deepEqual(
    orphaned.map(({ code, text }) => [code, text]),
    [
      ["GHJK", "said\n\nhalf a sentence"],
      ["WXZB", "nothing but"],
    ],
  );
  assert.deepEqual(orphaned[0]?.drafts, [drafts[1]]);
});

test("nothing unsent is nothing to show", () => {
  assert.deepEqual(sortUnsent([], [], new Set()), { waiting: new Map(), orphaned: [] });
});

test("one message waits, two messages wait", () => {
  assert.equal(describeWaiting(1), "1 message waits to be sent");
  assert.equal(describeWaiting(2), "2 messages wait to be sent");
});
