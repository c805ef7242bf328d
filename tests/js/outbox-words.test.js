import assert from "node:assert/strict";
import { test } from "node:test";
import { describeWait } from "../../static/js/outbox-view.js";

/** @param {string} code @param {string} message */
const wait = (code, message) => describeWait(2, { until: 3000, error: { code, message } }, 0);

test("what waits says why and for how long", () => {
  assert.equal(
    describeWait(12, { until: 5500, error: null }, 0),
    "Sending slowly: 12 messages, 6 s",
  );
  assert.equal(wait("slow_mode", "This room is in slow mode."), "Slow mode: 2 messages in 3 s");
  assert.equal(
    wait("timeout", "The server does not answer"),
    "The server does not answer. 2 messages in 3 s",
  );
});

test("a disk that is locked is said, and that nobody need do anything", () => {
  assert.equal(
    wait("unavailable", "The server cannot do this right now. Please try again in a moment."),
    "The server cannot keep messages just now. 2 messages in 3 s",
  );
});

test("nobody is asked to try again while the page does it", () => {
  assert.equal(
    wait("internal", "Something went wrong here. Please try again."),
    "Something went wrong here. 2 messages in 3 s",
  );
});
