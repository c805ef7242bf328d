import assert from "node:assert/strict";
import { test } from "node:test";
import { Roster } from "../../static/js/presence.js";

/** @import { Member } from "../../static/js/types.d.ts" */

/** @param {string} name @param {Partial<Member>} [more] @returns {Member} */
const member = (name, more = {}) => ({
  member_id: name.toLowerCase(),
  name,
  hue: 1,
  role: "guest",
  here: true,
  ...more,
});
/** @param {Roster} roster */
const names = (roster) => roster.here.map(({ name }) => name);

test("those here are listed, hosts first and then by name", () => {
  const roster = new Roster();

  roster.start([
    member("Mallory"),
    member("Grace"),
    member("Ada", { role: "host" }),
    member("Alan", { here: false }),
  ]);

  assert.deepEqual(names(roster), ["Ada", "Grace", "Mallory"]);
});

test("joining and leaving change the list, and names stay known", () => {
  const roster = new Roster();
  roster.start([member("Ada")]);

  assert.ok(roster.apply({ seq: 2, kind: "member_joined", at: "", member: member("Grace") }));
  assert.deepEqual(names(roster), ["Ada", "Grace"]);
  assert.ok(
    roster.apply({ seq: 3, kind: "member_left", at: "", member_id: "grace", reason: "left" }),
  );

  assert.deepEqual(names(roster), ["Ada"]);
  assert.equal(roster.get("grace").name, "Grace");
});

test("a new welcome replaces who is here", () => {
  const roster = new Roster();
  roster.start([member("Ada"), member("Grace")]);

  roster.start([member("Ada")]);

  assert.deepEqual(names(roster), ["Ada"]);
  assert.equal(roster.get("grace").name, "Grace");
});

test("older events teach names but not presence", () => {
  const roster = new Roster();
  roster.start([member("Ada")]);

  roster.learn([member("Ada", { here: false }), member("Grace", { here: false })]);

  assert.deepEqual(names(roster), ["Ada"]);
});

test("a rename shows everywhere, and somebody unheard of has a name too", () => {
  const roster = new Roster();
  roster.start([member("Ada")]);

  roster.apply({ seq: 2, kind: "member_renamed", at: "", member_id: "ada", name: "Countess" });

  assert.deepEqual(names(roster), ["Countess"]);
  assert.equal(roster.get("nobody").name, "Somebody");
});
