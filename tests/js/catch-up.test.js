import assert from "node:assert/strict";
import { test } from "node:test";
import { CatchUp } from "../../static/js/catch-up.js";
import { Timeline } from "../../static/js/timeline.js";

/** @import { Event } from "../../static/js/types.d.ts" */

/** @param {number} seq @returns {Event} */
const message = (seq) => ({ seq, kind: "message_posted", at: "", by: "ada", text: `m${seq}` });

/** A timeline that holds 1 and 5, over a server that holds `log` and gives out two at a time. @param {Event[]} log @param {boolean} [isThere] */
function withHole(log, isThere = true) {
  const timeline = new Timeline();
  timeline.start([message(1)], false);
  timeline.receive(message(5));
  /** @type {object[]} */
  const asked = [];
  let isGone = false;
  let isUnanswered = false;
  const catchUp = new CatchUp({
    timeline,
    ask: async (range) => {
      asked.push(range);
      if (!isThere) return null;
      const events = log.filter(({ seq }) => seq > (range.after ?? 0)).slice(0, 2);
      return { ok: true, events, members: [], more: true };
    },
    heard: {
      missed: ({ events }) => {
        for (const event of events) timeline.receive(event);
      },
      older: () => {},
      unanswered: () => {
        isUnanswered = true;
      },
      gone: () => {
        isGone = true;
      },
    },
  });
  return {
    timeline,
    catchUp,
    asked,
    isGone: () => isGone,
    isUnanswered: () => isUnanswered,
  };
}

test("a hole is filled page by page, and by one asker only", async () => {
  const { timeline, catchUp, asked, isGone } = withHole([2, 3, 4, 5].map(message));

  await Promise.all([catchUp.fillHole(), catchUp.fillHole()]);

  assert.equal(timeline.last, 5);
  assert.equal(timeline.hasHole, false);
  assert.equal(asked.length, 2);
  assert.equal(isGone(), false);
});

test("a hole whose filling nobody answers stays known, so that it can be asked for again", async () => {
  const { timeline, catchUp, isUnanswered } = withHole([2, 3, 4, 5].map(message), false);

  await catchUp.fillHole();

  assert.equal(isUnanswered(), true);
  assert.equal(timeline.hasHole, true);
});

test("a hole that cannot be filled any more is said, not skipped", async () => {
  const { timeline, catchUp, isGone } = withHole([4, 5].map(message));

  await catchUp.fillHole();

  assert.equal(timeline.last, 1);
  assert.equal(isGone(), true);
});
