import assert from "node:assert/strict";
import { test } from "node:test";
import {
  actOf,
  ban,
  changeRoom,
  mute,
  remove,
  setPasscode,
  setRole,
  unmute,
} from "../../static/js/acts.js";
import { Moderation } from "../../static/js/moderation.js";

/** @import { ChatError, Reply } from "../../static/js/types.d.ts" */

const mallory = { member_id: "m1", name: "Mallory" };

test("what takes an act back asks for the opposite", () => {
  assert.deepEqual(mute(mallory, 300).ask, { action: "mute", member_id: "m1", seconds: 300 });
  assert.deepEqual(mute(mallory, 300).undo?.ask, { action: "unmute", member_id: "m1" });
  assert.deepEqual(ban(mallory, 0, true).ask, {
    action: "ban",
    member_id: "m1",
    seconds: 0,
    network: true,
  });
  assert.deepEqual(ban(mallory, 0, true).undo?.ask, { action: "unban", member_id: "m1" });
  assert.equal(setRole(mallory, "cohost").undo?.ask.role, "guest");
  assert.equal(setRole(mallory, "guest").undo?.ask.role, "cohost");
  assert.deepEqual(changeRoom("locked", true, false).undo?.ask, {
    action: "change_room",
    locked: false,
  });
  assert.deepEqual(changeRoom("topic", "New", "Old").undo?.ask, {
    action: "change_room",
    topic: "Old",
  });
});

test("what cannot be taken back offers nothing", () => {
  assert.equal(remove(mallory).undo, undefined);
  assert.equal(unmute(mallory).undo, undefined);
  assert.equal(setPasscode("").undo, undefined);
});

test("what needs a question, before or after, is no plain act", () => {
  assert.equal(actOf({ act: "ban", label: "" }, mallory), null);
  assert.equal(actOf({ act: "hand-over", label: "" }, mallory), null);
  assert.equal(actOf({ act: "remove", label: "" }, mallory), null);
  assert.equal(actOf({ act: "mute", label: "", seconds: 0 }, mallory)?.ask.seconds, 0);
});

/** @param {(Reply | null)[]} answers */
function moderation(answers) {
  /** @type {object[]} */
  const asked = [];
  /** @type {string[]} */
  const said = [];
  /** @type {(() => void)[]} */
  const undos = [];
  const part = new Moderation({
    ask: async (_name, data) => {
      asked.push(data);
      return answers.shift() ?? null;
    },
    heard: {
      done: (sentence, undo) => {
        said.push(sentence);
        if (undo) undos.push(undo);
      },
      refused: ({ message }) => said.push(message),
    },
  });
  return { part, asked, said, undos };
}

test("what is done is said, and undone once", async () => {
  const { part, asked, said, undos } = moderation([{ ok: true }, { ok: true }]);

  assert.ok(await part.do(mute(mallory, 0)));
  undos[0]();
  await new Promise((done) => setImmediate(done));

  assert.deepEqual(said, ["Mallory was muted", "Mallory can write again"]);
  assert.deepEqual(asked, [mute(mallory, 0).ask, unmute(mallory).ask]);
  assert.equal(undos.length, 1);
});

test("a refusal is said, and so is silence", async () => {
  /** @type {ChatError} */
  const error = { code: "forbidden", message: "Only the host may do that." };
  const { part, said } = moderation([{ ok: false, error }, null]);

  assert.ok(!(await part.do(remove(mallory))));
  assert.ok(!(await part.do(remove(mallory))));

  assert.equal(said[0], error.message);
  assert.match(said[1], /does not answer/);
});
