import assert from "node:assert/strict";
import { test } from "node:test";
import { describeEnd, endOf, isFinal } from "../../static/js/ending.js";

const left = { seq: 1, kind: "member_left", at: "", member_id: "ada", reason: "left" };

test("leaving, being removed and the end of the room end a stay", () => {
  assert.equal(endOf(left, "ada"), "left");
  assert.equal(endOf({ ...left, reason: "removed" }, "ada"), "removed");
  assert.equal(endOf({ ...left, kind: "member_removed" }, "ada"), "removed");
  assert.equal(endOf({ seq: 1, kind: "room_ended", at: "", reason: "empty" }, "ada"), "room_ended");
});

test("other people's leaving and my own absence do not", () => {
  assert.equal(endOf(left, "grace"), null);
  assert.equal(endOf({ ...left, reason: "gone" }, "ada"), null);
});

test("only errors without a way back are final", () => {
  assert.ok(isFinal("token_invalid"));
  assert.ok(!isFinal("server_full"));
});

test("each end says what happened and whether one can come back", () => {
  assert.match(describeEnd("room_ended", "BCDF").title, /ended/);
  assert.equal(describeEnd("removed", "BCDF").again, false);
  assert.equal(describeEnd("left", "BCDF").again, true);
  assert.match(describeEnd("token_invalid", "BCDF").text, /BCDF/);
});
