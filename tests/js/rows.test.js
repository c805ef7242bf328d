import assert from "node:assert/strict";
import { test } from "node:test";
import { arrange } from "../../static/js/rows.js";

/** @import { Entry, Member, MessageEntry, MessageRow, OutboxItem, PresenceEntry, Row } from "../../static/js/types.d.ts" */

const NOON = new Date(2026, 10, 22, 12).getTime();
const MINUTE = 60_000;
/** @type {Map<string, Member>} */
const people = new Map([
  ["ada", { member_id: "ada", name: "Ada", hue: 1, glyph: 1, role: "host", here: true }],
  ["grace", { member_id: "grace", name: "Grace", hue: 2, glyph: 2, role: "guest", here: true }],
]);

let seq = 0;
/** @param {string} by @param {number} ms @param {string} [text] @returns {MessageEntry} */
const message = (by, ms, text = "hello") => {
  seq += 1;
  return {
    kind: "message",
    seq,
    at: new Date(ms).toISOString(),
    by,
    text,
    key: `k${seq}`,
    edited: false,
    removed: false,
  };
};
/** @param {string} member_id @param {PresenceEntry["action"]} action @param {number} [ms] @returns {PresenceEntry} */
const presence = (member_id, action, ms = NOON) => {
  seq += 1;
  return { kind: "presence", seq, at: new Date(ms).toISOString(), member_id, action };
};
/** @param {string} id */
const person = (id) => {
  const found = people.get(id);
  assert.ok(found);
  return found;
};
/** @param {Entry[]} entries @param {{ outbox?: OutboxItem[], newAfter?: number }} [more] */
const rowsOf = (entries, more = {}) =>
  arrange({
    entries,
    outbox: [],
    me: person("ada"),
    member: person,
    newAfter: null,
    now: NOON,
    ...more,
  });
/** @param {Row[]} rows @returns {MessageRow[]} */
const messagesOf = (rows) => rows.filter((row) => row.type === "message");

test("messages of one person within five minutes are one group", () => {
  const rows = messagesOf(
    rowsOf([
      message("grace", NOON),
      message("grace", NOON + 5 * MINUTE),
      message("grace", NOON + 11 * MINUTE),
    ]),
  );

  assert.deepEqual(
    rows.map(({ first, last }) => [first, last]),
    [
      [true, false],
      [false, true],
      [true, true],
    ],
  );
});

test("another person, a coming or going, and a new day end a group", () => {
  const day = 24 * 60 * MINUTE;
  const rows = rowsOf([
    message("grace", NOON - day),
    message("grace", NOON),
    message("ada", NOON),
    presence("grace", "left"),
    message("ada", NOON),
  ]);

  assert.deepEqual(
    rows.map((row) => ("text" in row && row.type !== "message" ? row.text : row.type)),
    ["Yesterday", "message", "Today", "message", "message", "Grace left", "message"],
  );
  assert.ok(messagesOf(rows).every(({ first }) => first));
});

test("the mark stands before the first unread message of somebody else, once", () => {
  const [mine, theirs, more] = [
    message("ada", NOON),
    message("grace", NOON),
    message("grace", NOON),
  ];

  const rows = rowsOf([mine, theirs, more], { newAfter: mine.seq - 1 });

  assert.deepEqual(
    rows.map(({ type }) => type),
    ["day", "message", "new", "message", "message"],
  );
  assert.ok(messagesOf(rows)[1].first);
});

test("what I wrote keeps its row when the log has it", () => {
  /** @type {OutboxItem} */
  const item = { key: "abc", text: "hello", written_at: NOON, place: 1, state: "sending" };
  const kept = { ...message("ada", NOON), key: "abc" };

  const before = messagesOf(rowsOf([], { outbox: [item] }))[0];
  const after = messagesOf(rowsOf([kept]))[0];

  assert.equal(before.id, after.id);
  assert.equal(before.state, "sending");
  assert.equal(after.state, "kept");
});

test("what is in the log and still in the outbox is shown once", () => {
  /** @type {OutboxItem} */
  const item = { key: "abc", text: "hello", written_at: NOON, place: 1, state: "waiting" };
  const kept = { ...message("ada", NOON), key: "abc" };

  const rows = messagesOf(rowsOf([kept], { outbox: [item] }));

  assert.equal(rows.length, 1);
  assert.equal(rows[0].state, "kept");
});

test("somebody else's key cannot take the place of my row", () => {
  const row = messagesOf(rowsOf([{ ...message("grace", NOON), key: "abc" }]))[0];

  assert.notEqual(row.id, "k:abc");
});

test("a message has a menu where something may be done with it", () => {
  const rows = (/** @type {string} */ me, /** @type {Partial<MessageEntry>} */ more = {}) =>
    messagesOf(
      arrange({
        entries: [
          { ...message("ada", NOON), ...more },
          { ...message("grace", NOON), ...more },
        ],
        outbox: [{ key: "new", text: "hi", written_at: NOON, place: 1, state: "waiting" }],
        me: person(me),
        member: person,
        newAfter: null,
        now: NOON,
      }),
    ).map(({ acts }) => acts);

  assert.deepEqual(rows("grace"), [false, true, false]);
  assert.deepEqual(rows("ada"), [true, true, false]);
  assert.deepEqual(rows("ada", { removed: true }), [false, true, false]);
  assert.deepEqual(rows("grace", { removed: true }), [false, false, false]);
});
