import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const css = readFileSync(new URL("../../static/css/tokens.css", import.meta.url), "utf8");
const [dark, light] = themes();

/** What stands on what, and how clear it has to be. */
const TEXT = 4.5;
const CONTROL = 3;
/** @type {[string, string, number][]} */
const PAIRS = [
  ["text", "ground", TEXT],
  ["text", "panel", TEXT],
  ["text", "raised", TEXT],
  ["text", "theirs", TEXT],
  ["quiet", "ground", TEXT],
  ["quiet", "panel", TEXT],
  ["quiet", "raised", TEXT],
  ["on-mine", "mine", TEXT],
  ["on-go", "go", TEXT],
  ["on-go", "go-hover", TEXT],
  ["link", "theirs", TEXT],
  ["link", "ground", TEXT],
  ["stop", "ground", TEXT],
  ["stop", "panel", TEXT],
  ["warn", "raised", CONTROL],
  ["edge", "ground", CONTROL],
  ["edge", "panel", CONTROL],
  ["focus", "ground", CONTROL],
  ["focus", "panel", CONTROL],
];

for (const [name, tokens] of /** @type {const} */ ([
  ["dark", dark],
  ["light", light],
])) {
  test(`words and controls stand out in the ${name} theme`, () => {
    for (const [over, under, wanted] of PAIRS) {
      const found = contrast(colour(tokens, over), colour(tokens, under));
      assert.ok(found >= wanted, `--${over} on --${under}: ${found.toFixed(2)} : 1`);
    }
  });

  test(`every member's name and avatar can be read in the ${name} theme`, () => {
    for (let hue = 10; hue < 360; hue += 30) {
      const tone = [Number(tokens.get("name-lightness")), Number(tokens.get("name-chroma")), hue];
      const onGround = contrast(tone, colour(tokens, "ground"));
      assert.ok(onGround >= TEXT, `name of hue ${hue}: ${onGround.toFixed(2)} : 1`);
      const onAvatar = contrast(
        tones(tokens, "on-avatar-tone", hue),
        tones(tokens, "avatar-tone", hue),
      );
      assert.ok(onAvatar >= TEXT, `avatar of hue ${hue}: ${onAvatar.toFixed(2)} : 1`);
    }
  });
}

/** @returns {[Map<string, string>, Map<string, string>]} dark, and light over it */
function themes() {
  const [first, second = ""] = css.split("prefers-color-scheme: light");
  const read = (/** @type {string} */ part) =>
    [...part.matchAll(/--([a-z-]+):\s*([^;]+);/g)].map(
      ([, key, value]) => /** @type {const} */ ([key, value]),
    );
  return [new Map(read(first)), new Map([...read(first), ...read(second)])];
}

/** @param {Map<string, string>} tokens @param {string} name */
function colour(tokens, name) {
  const numbers =
    tokens.get(name)?.match(/oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)/) ??
    tokens.get(name)?.match(/oklch\((1) (0) (0)\)/);
  assert.ok(numbers, `--${name} is not a plain oklch colour`);
  return numbers.slice(1, 4).map(Number);
}

/** @param {Map<string, string>} tokens @param {string} name @param {number} hue */
function tones(tokens, name, hue) {
  return [...(tokens.get(name) ?? "").split(" ").map(Number), hue];
}

/** WCAG 2.2 contrast of two oklch colours. @param {number[]} one @param {number[]} other */
function contrast(one, other) {
  const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}

/** By way of Oklab and linear sRGB, as CSS Color 4 defines them. @param {number[]} oklch */
function luminance([lightness, chroma, hue]) {
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const red = 4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s;
  const green = -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s;
  const blue = -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s;
  const clamped = [red, green, blue].map((part) => Math.min(1, Math.max(0, part)));
  return 0.2126 * clamped[0] + 0.7152 * clamped[1] + 0.0722 * clamped[2];
}
