import assert from "node:assert/strict";
import { test } from "node:test";
import { drawPause } from "../../static/js/connection.js";

const LUCK = [0, 0.25, 0.5, 0.75, 0.999];

test("pauses grow, and never beyond half the grace for leaving", () => {
  const longest = [0, 1, 2, 3, 4, 20].map((attempt) => drawPause(attempt, 0, () => 1));

  assert.deepEqual(longest, [2000, 4000, 8000, 10_000, 10_000, 10_000]);
});

test("those who were lost together spread over the whole pause", () => {
  const pauses = LUCK.map((luck) => Math.round(drawPause(1, 0, () => luck)));

  assert.deepEqual(pauses, [100, 1075, 2050, 3025, 3996]);
});

test("nobody comes before the server wants them, nor all at that moment", () => {
  const pauses = LUCK.map((luck) => drawPause(0, 5, () => luck));

  assert.ok(pauses.every((pause) => pause >= 5100));
  assert.ok(Math.max(...pauses) - Math.min(...pauses) > 1500);
});
