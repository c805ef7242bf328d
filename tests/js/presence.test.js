import assert from "node:assert/strict";
import { test } from "node:test";
import { Roster } from "../../static/js/presence.js";

/** @import { Member } from "../../static/js/types.d.ts" */

/** @param {string} name @param {Partial<Member>} [more] @returns {Member} */
const member = (name, more = {}) => ({
  member_id: name.toLowerCase(),
  name,
  hue: 1,
  glyph: 1,
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

test("roles and mutes are followed", () => {
  const roster = new Roster();
  const until = "2026-11-25T21:40:00.000Z";
  roster.start([member("Ada", { role: "host" }), member("Grace"), member("Mallory")]);
  /** @param {string} id @param {Partial<import("../../static/js/types.d.ts").Event>} more */
  const changed = (id, more) =>
    roster.apply({ seq: 4, kind: "member_changed", at: "", member_id: id, ...more });

  assert.ok(changed("mallory", { muted_until: until }));
  assert.equal(roster.get("mallory").muted_until, until);
  changed("mallory", { role: "cohost" });
  assert.equal(roster.get("mallory").muted_until, until);
  changed("mallory", { muted_until: null });
  assert.equal(roster.get("mallory").muted_until, undefined);
  assert.equal(roster.get("mallory").role, "cohost");
});

test("the room has one host: who hands it over is a co-host, who is gone a guest", () => {
  const roster = new Roster();
  roster.start([member("Ada", { role: "host" }), member("Grace"), member("Mallory")]);
  /** @param {string} member_id @param {string} previous @param {string} reason */
  const changed = (member_id, previous, reason) =>
    roster.apply({ seq: 5, kind: "host_changed", at: "", member_id, previous, reason });
  const roles = () => ["ada", "grace", "mallory"].map((id) => roster.get(id).role);

  changed("grace", "ada", "handed_over");
  assert.deepEqual(roles(), ["cohost", "host", "guest"]);
  changed("mallory", "grace", "gone");
  assert.deepEqual(roles(), ["cohost", "guest", "host"]);
});

test("whoever is removed is no longer here", () => {
  const roster = new Roster();
  roster.start([member("Ada"), member("Mallory")]);

  roster.apply({ seq: 6, kind: "member_removed", at: "", member_id: "mallory" });

  assert.deepEqual(names(roster), ["Ada"]);
});
