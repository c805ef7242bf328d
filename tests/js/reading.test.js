import assert from "node:assert/strict";
import { test } from "node:test";
import { Reading } from "../../static/js/reading.js";

/** @param {number} seq @returns {import("../../static/js/types.d.ts").Event} */
const message = (seq) => ({ seq, kind: "message_posted", at: "", by: "ada", text: "hello" });

test("the mark stands before the first message that was missed", () => {
  const reading = new Reading("room");

  reading.miss(message(7));
  reading.miss(message(8));

  assert.equal(reading.unread, 2);
  assert.equal(reading.newAfter, 6);
});

test("reading to the end clears the count and leaves the mark where to read on", () => {
  const reading = new Reading("room");
  reading.miss(message(7));

  reading.reach(7);

  assert.equal(reading.unread, 0);
  assert.equal(reading.newAfter, 6);
  assert.ok(reading.unmark());
  assert.equal(reading.newAfter, null);
});

test("the mark of what is still unread cannot be taken away", () => {
  const reading = new Reading("room");
  reading.miss(message(7));

  assert.ok(!reading.unmark());

  assert.equal(reading.newAfter, 6);
});

test("a browser that was never here before marks nothing", () => {
  const reading = new Reading("room");

  reading.start([message(1)], "grace");

  assert.equal(reading.newAfter, null);
});
