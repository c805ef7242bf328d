import assert from "node:assert/strict";
import { test } from "node:test";
import { readState } from "../../static/js/room-state.js";

/** @import { Event, Member, Room, Welcome } from "../../static/js/types.d.ts" */

const NOW = Date.parse("2026-11-25T12:00:00Z");
const at = (/** @type {number} */ seconds) => new Date(NOW + seconds * 1000).toISOString();
/** @type {Room} */
const room = {
  room_id: "r",
  code: "BCDF",
  created_at: at(-60),
  topic: "",
  host_id: "ada",
  locked: false,
  knock: false,
  has_passcode: false,
  slow_mode_seconds: 0,
  invites: 0,
};
/** @type {Member} */
const grace = { member_id: "grace", name: "Grace", hue: 1, glyph: 1, role: "guest", here: true };

/** @param {Partial<Welcome>} [more] */
function state(more = {}) {
  const begun = readState({ memberId: "grace", code: "BCDF", name: "Grace", role: "guest" });
  begun.welcome({
    room,
    me: grace,
    members: [grace],
    events: [],
    more: false,
    reset: false,
    server_time: new Date().toISOString(),
    ...more,
  });
  return begun;
}
/** @param {Partial<Event>} event @returns {Event} */
const event = (event) => ({ seq: 5, kind: "room_changed", at: at(0), by: "ada", ...event });

test("the room's record follows its events", () => {
  const now = state();

  assert.ok(now.apply(event({ locked: true, topic: "Questions" })));
  assert.ok(now.apply(event({ kind: "host_changed", member_id: "grace", previous: "ada" })));

  assert.equal(now.room.locked, true);
  assert.equal(now.room.topic, "Questions");
  assert.equal(now.room.host_id, "grace");
  assert.equal(now.me.role, "host");
  assert.ok(!now.apply(event({ kind: "message_posted", by: "ada", text: "hi" })));
});

test("being muted lasts until it is over by the server's clock", () => {
  const ahead = Date.now() + 3_600_000; // this device is an hour behind
  const now = state({ server_time: new Date(ahead).toISOString() });
  const until = new Date(ahead + 60_000).toISOString();

  now.apply(event({ kind: "member_changed", member_id: "grace", muted_until: until }));
  assert.equal(now.mutedUntil, until);
  assert.ok((now.nextUnmuteMs ?? 0) > 50_000 && (now.nextUnmuteMs ?? 0) <= 60_000);
  const past = new Date(ahead - 1000).toISOString();
  now.apply(event({ kind: "member_changed", member_id: "grace", muted_until: past }));

  assert.equal(now.mutedUntil, null);
  assert.equal(now.nextUnmuteMs, null);
});

test("slow mode counts from my last message, also one from before this page, and spares moderators", () => {
  const posted = event({ kind: "message_posted", by: "grace", at: new Date().toISOString() });
  const slow = { ...room, slow_mode_seconds: 10 };

  const now = state({ room: slow, events: [posted] });
  const wait = now.slowUntil - Date.now();

  assert.ok(wait > 8000 && wait <= 10_000, String(wait));
  assert.equal(state({ room: slow }).slowUntil, 0);
  assert.equal(state({ events: [posted] }).slowUntil, 0);
  const asCohost = state({ room: slow, events: [posted], me: { ...grace, role: "cohost" } });
  assert.equal(asCohost.slowUntil, 0);
});

test("older events teach names without changing who is here", () => {
  const now = state();
  const mallory = { ...grace, member_id: "mallory", name: "Mallory" };

  now.learn([], [event({ kind: "member_joined", member: mallory })]);

  assert.equal(now.member("mallory").name, "Mallory");
  assert.deepEqual(
    now.here.map(({ name }) => name),
    ["Grace"],
  );
});
