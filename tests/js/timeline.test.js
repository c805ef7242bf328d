import assert from "node:assert/strict";
import { test } from "node:test";
import { Timeline } from "../../static/js/timeline.js";

const at = "2026-11-22T21:03:18.123Z";
/** @import { Event } from "../../static/js/types.d.ts" */

/** @param {number} seq @param {string} [text] @returns {Event} */
const message = (seq, text = `m${seq}`) => ({
  seq,
  kind: "message_posted",
  at,
  by: "ada",
  key: `k${seq}`,
  text,
});
/** @param {Timeline} timeline */
const messages = (timeline) => timeline.entries.filter((entry) => entry.kind === "message");
/** @param {Timeline} timeline */
const shown = (timeline) => messages(timeline).map(({ text }) => text);

test("events that come in order are shown at once", () => {
  const timeline = new Timeline();

  timeline.start([message(7), message(8)], true);
  const now = timeline.receive(message(9));

  assert.deepEqual(shown(timeline), ["m7", "m8", "m9"]);
  assert.equal(now.length, 1);
  assert.equal(timeline.first, 7);
  assert.equal(timeline.last, 9);
  assert.equal(timeline.more, true);
});

test("an event is shown once", () => {
  const timeline = new Timeline();
  timeline.start([message(1)], false);

  assert.deepEqual(timeline.receive(message(1)), []);

  assert.deepEqual(shown(timeline), ["m1"]);
});

test("what comes after a hole is not shown before the hole is filled", () => {
  const timeline = new Timeline();
  timeline.start([message(1)], false);

  assert.deepEqual(timeline.receive(message(4)), []);
  assert.deepEqual(timeline.receive(message(3)), []);
  assert.equal(timeline.hasHole, true);
  const now = timeline.receive(message(2));

  assert.deepEqual(
    now.map(({ seq }) => seq),
    [2, 3, 4],
  );
  assert.deepEqual(shown(timeline), ["m1", "m2", "m3", "m4"]);
  assert.equal(timeline.hasHole, false);
});

test("the resume point is the last event without a hole before it", () => {
  const timeline = new Timeline();
  assert.equal(timeline.last, null);
  timeline.start([message(1)], false);

  timeline.receive(message(5));

  assert.equal(timeline.last, 1);
});

test("unknown kinds count but do not show", () => {
  const timeline = new Timeline();
  timeline.start([message(1)], false);

  timeline.receive({ seq: 2, kind: "comet_seen", at });
  timeline.receive(message(3));

  assert.deepEqual(shown(timeline), ["m1", "m3"]);
});

test("older events go in front", () => {
  const timeline = new Timeline();
  timeline.start([message(5)], true);

  timeline.prepend([message(3), message(4)], true);
  timeline.prepend([message(1), message(2)], false);

  assert.deepEqual(shown(timeline), ["m1", "m2", "m3", "m4", "m5"]);
  assert.equal(timeline.first, 1);
  assert.equal(timeline.more, false);
});

test("trimming lets the oldest be loaded again", () => {
  const timeline = new Timeline();
  timeline.start(
    [1, 2, 3, 4].map((seq) => message(seq)),
    false,
  );

  timeline.trim(2);

  assert.deepEqual(shown(timeline), ["m3", "m4"]);
  assert.equal(timeline.first, 3);
  assert.equal(timeline.more, true);
});

test("an empty log starts at nothing and takes the first event", () => {
  const timeline = new Timeline();
  timeline.start([], false);

  timeline.receive(message(1));

  assert.deepEqual(shown(timeline), ["m1"]);
});

test("edits and removals change the message they are about", () => {
  const timeline = new Timeline();
  timeline.start([message(1), message(2)], false);

  timeline.receive({ seq: 3, kind: "message_edited", at, target: 1, text: "better" });
  timeline.receive({ seq: 4, kind: "message_removed", at, target: 2 });

  assert.deepEqual(
    messages(timeline).map(({ text, edited, removed }) => ({ text, edited, removed })),
    [
      { text: "better", edited: true, removed: false },
      { text: "", edited: false, removed: true },
    ],
  );
});
