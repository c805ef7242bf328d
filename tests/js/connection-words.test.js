import assert from "node:assert/strict";
import { test } from "node:test";
import { describeConnection, wordOnButton } from "../../static/js/notices.js";

/** @type {Extract<import("../../static/js/types.d.ts").ConnectionState, { name: "waiting" }>} */
const waiting = { name: "waiting", since: 0, attempt: 1, until: 4000, stopping: false };

test("a lost connection says when it tries again and what waits", () => {
  assert.equal(describeConnection(waiting, 0, 0), "The connection is lost. Trying again in 4 s.");
  assert.equal(
    describeConnection(waiting, 3500, 2),
    "The connection is lost. Trying again in 1 s. 2 messages wait to be sent.",
  );
});

test("the cause is named when it is known", () => {
  assert.match(
    describeConnection({ ...waiting, stopping: true }, 0, 0),
    /^The server is restarting\./,
  );
  const error = { code: "server_full", message: "The server is full" };
  assert.match(describeConnection({ ...waiting, error }, 0, 0), /^The server is full\. Trying/);
});

test("nobody is asked to try again while the page does it", () => {
  const message = "This server is full. Please try again later.";
  const error = { code: "server_full", message };

  assert.equal(
    describeConnection({ ...waiting, error }, 0, 0),
    "This server is full. Trying again in 4 s.",
  );
});

test("offline and connecting have their own words", () => {
  assert.equal(
    describeConnection({ name: "offline", since: 0 }, 0, 1),
    "You are offline. 1 message waits to be sent.",
  );
  assert.equal(
    describeConnection({ name: "connecting", since: 0, attempt: 1 }, 0, 0),
    "Connecting …",
  );
});

test("the button goes on from the sentence, and is not there while it is tried", () => {
  assert.equal(wordOnButton(waiting), "Now");
  assert.equal(wordOnButton({ name: "offline", since: 0 }), "Try now");
  assert.equal(wordOnButton({ name: "connecting", since: 0, attempt: 1 }), "");
});
