import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { pauseAfter, Waiting } from "../../static/js/waiting.js";

/** @import { KnockState } from "../../static/js/types.d.ts" */

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** @param {(KnockState | Error)[]} answers */
function waitFor(answers) {
  /** @type {(string | boolean)[]} */
  const heard = [];
  const asked = { times: 0 };
  const waiting = new Waiting({
    ask: async () => {
      asked.times += 1;
      const answer = answers.shift() ?? "waiting";
      if (answer instanceof Error) throw answer;
      return answer;
    },
    heard: {
      answered: (state) => heard.push(state),
      trouble: (isUnreachable) => isUnreachable && heard.push("unreachable"),
    },
  });
  return { waiting, heard, asked };
}

test("it asks every two seconds until somebody has answered, and then no more", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { waiting, heard, asked } = waitFor(["waiting", "waiting", "admitted"]);

  waiting.start();
  for (let second = 0; second < 12; second += 1) {
    context.mock.timers.tick(1000);
    await settled();
  }

  assert.equal(asked.times, 3);
  assert.deepEqual(heard, ["admitted"]);
});

test("a server out of reach is told after the second time and asked less often", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { waiting, heard } = waitFor([new Error("1"), new Error("2"), "refused"]);

  waiting.start();
  for (let second = 0; second < 14; second += 1) {
    context.mock.timers.tick(1000);
    await settled();
  }

  assert.deepEqual(heard, ["unreachable", "refused"]);
  assert.equal(pauseAfter(0), 2000);
  assert.equal(pauseAfter(20), 30_000);
});

test("whoever gives up hears nothing any more", async () => {
  const { waiting, heard } = waitFor(["admitted"]);

  const asking = waiting.now();
  waiting.stop();
  await asking;

  assert.deepEqual(heard, []);
  mock.reset();
});
