import assert from "node:assert/strict";
import { test } from "node:test";
import { describeWaiting, sortUnsent } from "../../static/js/unsent-words.js";

/** @param {string} member_id @param {string} code @param {string} text */
const item = (member_id, code, text) =>
  /** @type {import("../../static/js/types.d.ts").KeptItem} */ ({ member_id, code, text });

test("what has a room to go to is counted, and what has none is kept together", () => {
  const items = [
    item("m-here", "BCDF", "one"),
    item("m-over", "GHJK", "first"),
    item("m-here", "BCDF", "two"),
    item("m-over", "GHJK", "second"),
    item("m-long-ago", "GHJK", "another time in a room of that code"),
  ];

  const { waiting, orphaned } = sortUnsent(items, new Set(["m-here", "m-quiet"]));

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

test("nothing unsent is nothing to show", () => {
  assert.deepEqual(sortUnsent([], new Set()), { waiting: new Map(), orphaned: [] });
});

test("one message waits, two messages wait", () => {
  assert.equal(describeWaiting(1), "1 message waits to be sent");
  assert.equal(describeWaiting(2), "2 messages wait to be sent");
});
