import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Door, describeDoor } from "../../static/js/door.js";

/** @import { Knock } from "../../static/js/types.d.ts" */

/** @param {string} name @returns {Knock} */
const knock = (name) => ({ knock_id: name.toLowerCase(), name, at: "2026-11-25T12:00:00Z" });
const settled = () => new Promise((resolve) => setImmediate(resolve));

function watchedDoor() {
  const answer = { knocks: [knock("Mallory")] };
  /** @type {string[]} */
  const arrived = [];
  let asked = 0;
  const door = new Door({
    look: async () => {
      asked += 1;
      return { knocks: [...answer.knocks] };
    },
    changed: () => {},
    arrived: (names) => arrived.push(...names),
  });
  const names = () => door.knocks.map(({ name }) => name);
  after(() => door.watch(false));
  return { door, answer, arrived, names, asked: () => asked };
}

test("moderators see who waits, and are told of each once", async () => {
  const { door, answer, arrived, names } = watchedDoor();

  door.watch(true);
  await settled();
  assert.deepEqual(names(), ["Mallory"]);
  answer.knocks.push(knock("Eve"));
  door.heard(2);
  await settled();

  assert.deepEqual(names(), ["Mallory", "Eve"]);
  assert.deepEqual(arrived, ["Mallory", "Eve"]);
});

test("guests do not ask, and who is no moderator any more sees nobody", async () => {
  const { door, names, asked } = watchedDoor();

  door.heard(1);
  await settled();
  assert.equal(asked(), 0);
  door.watch(true);
  await settled();
  door.watch(false);

  assert.deepEqual(names(), []);
});

test("who is answered is gone at once, whatever an older list says", async () => {
  const { door, names } = watchedDoor();
  door.watch(true);
  await settled();

  door.settle("mallory");
  assert.deepEqual(names(), []);
  await door.refresh();

  assert.deepEqual(names(), []);
});

test("an answer that was overtaken does not count", async () => {
  const { door, names } = watchedDoor();
  door.watch(true);
  const late = door.refresh();
  door.heard(0);
  await late;

  assert.deepEqual(names(), []);
});

test("who gave up without a word is noticed within a minute", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { door, answer, names } = watchedDoor();
  door.watch(true);
  await settled();
  assert.deepEqual(names(), ["Mallory"]);

  answer.knocks.pop();
  context.mock.timers.tick(60_000);
  await settled();

  assert.deepEqual(names(), []);
});

test("one has a name, several are counted", () => {
  assert.equal(describeDoor([knock("Mallory")]), "Mallory is at the door");
  assert.equal(describeDoor([knock("Mallory"), knock("Eve")]), "2 people are at the door");
});
