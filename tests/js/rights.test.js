import assert from "node:assert/strict";
import { test } from "node:test";
import { hasActs, isMuted, waysWith } from "../../static/js/rights.js";

/** @import { Member } from "../../static/js/types.d.ts" */

const NOW = Date.parse("2026-11-25T12:00:00Z");
/** @param {string} name @param {Partial<Member>} [more] @returns {Member} */
const member = (name, more = {}) => ({
  member_id: name.toLowerCase(),
  name,
  hue: 0,
  glyph: 0,
  role: "guest",
  here: true,
  ...more,
});
const host = member("Ada", { role: "host" });
const cohost = member("Grace", { role: "cohost" });
const guest = member("Mallory");
/** @param {Member} me @param {Member} person */
const acts = (me, person) => [...new Set(waysWith(me, person, NOW).map(({ act }) => act))];

test("the host may do everything with everybody else", () => {
  assert.deepEqual(acts(host, guest), ["promote", "hand-over", "mute", "remove", "ban"]);
  assert.deepEqual(acts(host, cohost), ["demote", "hand-over", "mute", "remove", "ban"]);
});

test("a co-host keeps guests in order and nobody else", () => {
  assert.deepEqual(acts(cohost, guest), ["mute", "remove", "ban"]);
  assert.deepEqual(acts(cohost, host), []);
  assert.deepEqual(acts(cohost, member("Alan", { role: "cohost" })), []);
});

test("guests do nothing to anybody, and nobody anything to themselves", () => {
  assert.deepEqual(acts(guest, host), []);
  assert.deepEqual(acts(host, host), []);
});

test("who is muted can be unmuted, until it is over", () => {
  const muted = member("Mallory", { muted_until: "2026-11-25T12:05:00Z" });

  assert.ok(acts(cohost, muted).includes("unmute"));
  assert.ok(!acts(cohost, muted).includes("mute"));
  assert.ok(isMuted(muted, NOW));
  assert.ok(!isMuted(muted, NOW + 6 * 60_000));
  assert.ok(!isMuted(guest, NOW));
});

test("who has left can still be banned", () => {
  assert.deepEqual(acts(host, member("Mallory", { here: false })), ["ban"]);
});

test("messages have a menu for their author and for moderators", () => {
  assert.ok(hasActs(guest, guest, false));
  assert.ok(!hasActs(guest, host, false));
  assert.ok(hasActs(cohost, host, false), "a co-host may remove any message");
  assert.ok(!hasActs(guest, guest, true));
  assert.ok(hasActs(cohost, guest, true), "the author can still be muted");
});
