import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ago,
  dayLabel,
  msUntilMidnight,
  timeLeft,
  timeLeftBriefly,
} from "../../static/js/lib/time.js";

const now = new Date(2026, 10, 22, 23, 59, 30).getTime();
/** @param {[number, number, number, number?, number?, number?]} parts year, month from 0, day, … */
const at = ([year, month, ...rest]) => new Date(year, month, ...rest).toISOString();

test("days are called by their nearest name", () => {
  assert.equal(dayLabel(at([2026, 10, 22, 0, 1]), now), "Today");
  assert.equal(dayLabel(at([2026, 10, 21, 23, 59]), now), "Yesterday");
  assert.match(dayLabel(at([2026, 10, 20]), now), /Friday.*20|20.*Friday/);
  assert.match(dayLabel(at([2025, 2, 3]), now), /2025/);
});

test("the labels are good until midnight", () => {
  assert.equal(msUntilMidnight(now), 30_000);
});

test("a moment ago, in words", () => {
  assert.equal(ago(at([2026, 10, 22, 23, 59, 10]), now), "just now");
  assert.equal(ago(at([2026, 10, 22, 23, 54, 30]), now), "5 minutes ago");
  assert.equal(ago(at([2026, 10, 21, 23, 0]), now), "yesterday");
});

test("a long count-down is in minutes", () => {
  const shown = [1, 99, 100, 121, 3600].map((seconds) => [
    timeLeft(seconds),
    timeLeftBriefly(seconds),
  ]);
  assert.deepEqual(shown, [
    ["1 s", "1"],
    ["99 s", "99"],
    ["2 min", "2m"],
    ["3 min", "3m"],
    ["60 min", "60m"],
  ]);
});
