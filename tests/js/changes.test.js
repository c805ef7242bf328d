import assert from "node:assert/strict";
import { test } from "node:test";
import { changesOf, describeChange, describeSlowMode } from "../../static/js/changes.js";

/** @import { Event, Member } from "../../static/js/types.d.ts" */

const NOON = new Date(2026, 10, 25, 12).getTime();
const HOUR = 3_600_000;
const NO_END = "9999-12-31T23:59:59Z";
const at = (/** @type {number} */ hours) => new Date(NOON + hours * HOUR).toISOString();
const clock = (/** @type {string} */ time) =>
  new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" }).format(new Date(time));
/** @param {string} id */
const nameOf = (id) => id.charAt(0).toUpperCase() + id.slice(1);

/** @param {string} kind @param {Partial<Event>} more @param {string} [me] */
const says = (kind, more, me = "me") =>
  changesOf({ seq: 7, kind, at: at(0), by: "ada", ...more }).map((change) =>
    describeChange(change, me, nameOf, NOON),
  );

test("what is changed about the room is said in words, with who did it", () => {
  const room = (/** @type {Partial<Event>} */ more) => says("room_changed", more).join();

  assert.equal(room({ locked: true }), "Ada locked the room");
  assert.equal(room({ locked: false }), "Ada opened the room again");
  assert.equal(room({ topic: "Questions" }), "Ada changed the topic to “Questions”");
  assert.equal(room({ topic: "" }), "Ada took the topic away");
  assert.match(room({ knock: true }), /^Ada turned knocking on/);
  assert.equal(room({ has_passcode: true }), "Ada set a passcode");
  assert.equal(room({ has_passcode: false }), "Ada lifted the passcode");
  assert.equal(room({ slow_mode_seconds: 10 }), "Slow mode: one message every 10 seconds");
  assert.equal(room({ slow_mode_seconds: 60 }), "Slow mode: one message every minute");
  assert.equal(room({ slow_mode_seconds: 0 }), "Slow mode is off");
  assert.equal(room({ invites: 2 }), "Ada renewed the invite link");
});

test("what is done to people is said with until when, in their own time", () => {
  const mallory = { member_id: "mallory" };

  assert.deepEqual(says("member_changed", { ...mallory, muted_until: at(1) }), [
    `Ada muted Mallory until ${clock(at(1))}`,
  ]);
  assert.deepEqual(says("member_changed", { ...mallory, muted_until: at(24) }), [
    `Ada muted Mallory until tomorrow at ${clock(at(24))}`,
  ]);
  assert.deepEqual(says("member_changed", { ...mallory, muted_until: NO_END }), [
    "Ada muted Mallory",
  ]);
  assert.deepEqual(says("member_changed", { ...mallory, muted_until: null }), [
    "Ada let Mallory write again",
  ]);
  assert.deepEqual(says("member_changed", { ...mallory, role: "cohost" }), [
    "Ada made Mallory a co-host",
  ]);
  assert.deepEqual(says("member_removed", { ...mallory, until: at(1) }), [
    `Mallory was banned until ${clock(at(1))}`,
  ]);
  assert.deepEqual(says("member_removed", { ...mallory, until: NO_END }), ["Mallory was banned"]);
  assert.deepEqual(says("host_changed", { member_id: "grace", previous: "ada" }), [
    "Grace is the host now",
  ]);
});

test("one's own part is said as you", () => {
  assert.deepEqual(says("room_changed", { locked: true }, "ada"), ["You locked the room"]);
  const mine = { member_id: "grace" };
  assert.deepEqual(says("member_changed", { ...mine, muted_until: NO_END }, "grace"), [
    "Ada muted you",
  ]);
  assert.deepEqual(says("member_changed", { ...mine, role: "guest" }, "grace"), [
    "You are no longer a co-host",
  ]);
  assert.deepEqual(says("host_changed", mine, "grace"), ["You are the host now"]);
});

test("names and topics that run from right to left turn no sentence around", () => {
  const named = (/** @type {string} */ id) => (id === "ada" ? "דהו" : "سلام");
  const [muted] = changesOf({
    ...{ seq: 7, kind: "member_changed", at: at(0), by: "ada" },
    ...{ member_id: "mallory", muted_until: NO_END },
  });
  const [topic] = changesOf({ seq: 8, kind: "room_changed", at: at(0), by: "ada", topic: "אבג" });

  assert.equal(describeChange(muted, "me", named, NOON), "\u2068דהו\u2069 muted \u2068سلام\u2069");
  assert.equal(
    describeChange(topic, "me", named, NOON),
    "\u2068דהו\u2069 changed the topic to “\u2068אבג\u2069”",
  );
});

test("somebody who is only removed, and other kinds of events, are no changes", () => {
  assert.deepEqual(says("member_removed", { member_id: "mallory" }), []);
  assert.deepEqual(says("message_posted", { text: "hi" }), []);
});

test("slow mode is told to guests only", () => {
  /** @param {Member["role"]} role @param {number} slow_mode_seconds */
  const told = (role, slow_mode_seconds) =>
    describeSlowMode({
      room: { slow_mode_seconds },
      me: { member_id: "me", name: "Me", hue: 0, glyph: 0, role, here: true },
    });

  assert.equal(told("guest", 300), "Slow mode: one message every 5 minutes");
  assert.equal(told("cohost", 300), "");
  assert.equal(told("guest", 0), "");
});
