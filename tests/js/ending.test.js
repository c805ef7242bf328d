import assert from "node:assert/strict";
import { test } from "node:test";
import { describeEnd, endOf, isFinal } from "../../static/js/ending.js";

const left = { seq: 1, kind: "member_left", at: "", member_id: "ada", reason: "left" };

test("leaving, being removed and the end of the room end a stay", () => {
  const until = "2026-11-25T21:40:00.000Z";

  assert.equal(endOf(left, "ada")?.code, "left");
  assert.equal(endOf({ ...left, reason: "removed" }, "ada")?.code, "removed");
  assert.equal(endOf({ ...left, kind: "member_removed" }, "ada")?.code, "removed");
  assert.equal(endOf({ ...left, kind: "member_removed", until }, "ada")?.code, "banned");
  assert.equal(endOf({ seq: 1, kind: "room_ended", at: "" }, "ada")?.code, "room_ended");
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
  const noon = new Date(2026, 10, 25, 12).getTime();
  const at = (/** @type {number} */ hours) => new Date(noon + hours * 3_600_000).toISOString();
  /** @param {string} code @param {string} [until] */
  const end = (code, until) => describeEnd({ code, message: "", until }, "BCDF", noon);

  assert.match(end("room_ended").title, /ended/);
  assert.equal(end("removed").again, "Join again");
  assert.equal(end("left").again, "Join again");
  assert.match(end("token_invalid").text, /BCDF/);
  assert.equal(end("banned", at(1)).again, "");
  assert.match(end("banned", at(1)).text, /not before \d/);
  assert.match(end("banned", at(24)).text, /not before tomorrow at/);
  assert.doesNotMatch(end("banned", "9999-12-31T23:59:59Z").text, /before/);
});

test("who was away when the room ended may look whether others meet there again", () => {
  const told = describeEnd({ code: "room_ended", message: "" }, "BCDF", 0);
  const refused = describeEnd({ code: "room_ended", message: "This room has ended." }, "BCDF", 0);

  assert.equal(told.again, "");
  assert.match(refused.again, /BCDF/);
  assert.equal(refused.title, told.title);
});
