import assert from "node:assert/strict";
import { test } from "node:test";
import { changesOf } from "../../static/js/changes.js";
import { describePresence, quietRows } from "../../static/js/quiet-rows.js";

/** @import { ChangeEntry, Event, PresenceEntry } from "../../static/js/types.d.ts" */

const NOON = new Date(2026, 10, 25, 12).getTime();
const AT = new Date(NOON).toISOString();

let seq = 0;
/** @param {string} member_id @param {PresenceEntry["action"]} action @returns {PresenceEntry} */
const presence = (member_id, action) => {
  seq += 1;
  return { kind: "presence", seq, at: AT, member_id, action };
};
/** @param {string} kind @param {Partial<Event>} more @returns {ChangeEntry[]} */
const changes = (kind, more) => {
  seq += 1;
  return changesOf({ seq, kind, at: AT, by: "ada", ...more });
};
/** @param {string} id */
const nameOf = (id) => id.charAt(0).toUpperCase() + id.slice(1);
/** @param {(PresenceEntry | ChangeEntry)[]} run */
const lines = (run) => quietRows(run, "me", nameOf, NOON).map(({ text }) => text);

test("comings and goings in a row are one line", () => {
  /** @param {PresenceEntry[]} run */
  const line = (run) => describePresence(run, "me", nameOf);

  assert.equal(line([presence("a", "joined")]), "A joined");
  assert.equal(line([presence("a", "joined"), presence("me", "joined")]), "You and A joined");
  assert.equal(
    line(["a", "b", "c", "d", "e"].map((id) => presence(id, "joined"))),
    "A, B and 3 others joined",
  );
  assert.equal(line([presence("a", "joined"), presence("b", "left")]), "A joined · B left");
  assert.equal(line([presence("a", "joined"), presence("a", "left")]), "A came and went");
  assert.equal(line([presence("a", "left"), presence("a", "joined")]), "A came back");
  assert.equal(line([presence("a", "removed")]), "A was removed");
});

test("a change stands between those who came before and after it", () => {
  const run = [
    presence("grace", "joined"),
    ...changes("room_changed", { locked: true }),
    presence("mallory", "left"),
  ];

  assert.deepEqual(lines(run), ["Grace joined", "Ada locked the room", "Mallory left"]);
});

test("of changes of the same thing in a row the last one is told", () => {
  const run = [
    ...changes("room_changed", { locked: true }),
    ...changes("member_changed", { member_id: "mallory", muted_until: AT }),
    ...changes("member_changed", { member_id: "grace", muted_until: null }),
    ...changes("room_changed", { locked: false }),
    ...changes("member_changed", { member_id: "mallory", muted_until: null }),
  ];

  assert.deepEqual(lines(run), [
    "Ada let Grace write again",
    "Ada opened the room again",
    "Ada let Mallory write again",
  ]);
});

test("one event that changes several things gets several lines with ids of their own", () => {
  const rows = quietRows(
    changes("room_changed", { knock: true, slow_mode_seconds: 10 }),
    "me",
    nameOf,
    NOON,
  );

  assert.equal(rows.length, 2);
  assert.notEqual(rows[0].id, rows[1].id);
});

test("a name that reads like one of our sentences stands in quotes", () => {
  /** @param {string} name */
  const line = (name) => describePresence([presence("x", "joined")], "me", () => name);

  assert.equal(line("Bob was removed"), "“Bob was removed” joined");
  assert.equal(line("Ada, Bob and 3 others"), "“Ada, Bob and 3 others” joined");
  assert.equal(line("Ada van Dyck"), "Ada van Dyck joined");
  assert.equal(line("Leticia Isley"), "Leticia Isley joined");
});
