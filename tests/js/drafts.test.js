import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { allDrafts, Draft, discardDrafts } from "../../static/js/drafts.js";

/** @type {Map<string, string>} */
const kept = new Map();

/** What a browser keeps, with its names as properties. */
const storage = new Proxy(
  {
    getItem: (/** @type {string} */ key) => kept.get(key) ?? null,
    setItem: (/** @type {string} */ key, /** @type {string} */ value) => kept.set(key, value),
    removeItem: (/** @type {string} */ key) => kept.delete(key),
  },
  {
    ownKeys: () => [...kept.keys()],
    getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
  },
);

beforeEach(() => {
  kept.clear();
  Object.assign(globalThis, { localStorage: storage });
});

const owner = { room_id: "r1", member_id: "m-grace", code: "BCDF" };

/** @param {string} text @param {typeof owner} [whose] */
function keep(text, whose = owner) {
  const draft = new Draft(whose);
  draft.change(text);
  draft.flush();
}

test("a draft is there again in its room and in no other", () => {
  keep("half a sen");

  assert.equal(new Draft(owner).take(), "half a sen");
  assert.equal(new Draft({ ...owner, room_id: "r2" }).take(), "");
});

test("a box that was emptied leaves no draft", () => {
  keep("half a sen");
  keep("");

  assert.equal(kept.size, 0);
});

test("a draft says whose it is, and who takes it on makes it theirs", () => {
  keep("half a sen");
  assert.deepEqual(
    allDrafts().map(({ member_id, code }) => [member_id, code]),
    [["m-grace", "BCDF"]],
  );

  const again = new Draft({ ...owner, member_id: "m-grace-2" });
  again.take();
  again.flush();

  assert.deepEqual(
    allDrafts().map(({ member_id, text }) => [member_id, text]),
    [["m-grace-2", "half a sen"]],
  );
});

test("what was discarded is gone, and nothing else", () => {
  keep("one");
  keep("two", { ...owner, room_id: "r2" });
  kept.set("draft:broken", "{");
  kept.set("name", "Grace");

  discardDrafts(allDrafts().filter(({ text }) => text === "one"));

  assert.deepEqual(
    allDrafts().map(({ text }) => text),
    ["two"],
  );
  assert.deepEqual([...kept.keys()], ["draft:r2", "draft:broken", "name"]);
});
