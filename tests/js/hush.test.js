import assert from "node:assert/strict";
import { test } from "node:test";
import { describeMute, Hush } from "../../static/js/hush.js";
import { Alarm } from "../../static/js/lib/alarm.js";
import { ServerClock } from "../../static/js/lib/clock.js";

test("the composer is closed while muted, and opens again by itself", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const state = { mutedUntil: /** @type {string | null} */ (null), nextUnmuteMs: null };
  /** @type {string[]} */
  const told = [];
  const hush = new Hush({
    state: /** @type {any} */ (state),
    composer: { hush: (reason) => told.push(reason) },
    changed: () => {
      Object.assign(state, { mutedUntil: null, nextUnmuteMs: null });
      hush.draw();
    },
    say: (sentence) => told.push(sentence),
  });

  Object.assign(state, { mutedUntil: "9999-12-31T23:59:59Z", nextUnmuteMs: 1000 });
  hush.draw();
  context.mock.timers.tick(999);
  assert.equal(told.length, 1);
  context.mock.timers.tick(2);

  assert.match(told[0], /^You are muted until a host/);
  assert.deepEqual(told.slice(1), ["", "You can write again"]);
});

test("until when is said in words", () => {
  const noon = new Date(2026, 10, 25, 12).getTime();

  assert.match(describeMute(new Date(noon + 300_000).toISOString(), noon), /muted until \d/);
});

test("an alarm that is months away does not go off now", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let rung = 0;
  const alarm = new Alarm(() => {
    rung += 1;
  });

  alarm.set(2 ** 40);
  context.mock.timers.tick(10_000);
  assert.equal(rung, 0);
  alarm.set(500);
  alarm.set(null);
  context.mock.timers.tick(10_000);
  assert.equal(rung, 0);
  alarm.set(500);
  context.mock.timers.tick(500);

  assert.equal(rung, 1);
});

test("the server's clock is followed, and nonsense is not", () => {
  const clock = new ServerClock(() => 1000);

  clock.set(new Date(61_000).toISOString());
  clock.set("nonsense");

  assert.equal(clock.now, 61_000);
  assert.equal(clock.here(62_000), 2000);
});
