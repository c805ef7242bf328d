import assert from "node:assert/strict";
import { test } from "node:test";
import { shouldSend } from "../../static/js/composer.js";

const enter = (more = {}) => ({
  key: "Enter",
  keyCode: 13,
  isComposing: false,
  shiftKey: false,
  altKey: false,
  ctrlKey: false,
  metaKey: false,
  ...more,
});

test("Enter sends and Shift+Enter breaks the line", () => {
  assert.ok(shouldSend(enter(), false));
  assert.ok(!shouldSend(enter({ shiftKey: true }), false));
  assert.ok(!shouldSend(enter({ key: "a" }), false));
});

test("on touch Enter breaks the line, and Ctrl or Cmd with Enter still sends", () => {
  assert.ok(!shouldSend(enter(), true));
  assert.ok(shouldSend(enter({ ctrlKey: true }), true));
  assert.ok(shouldSend(enter({ metaKey: true }), true));
});

test("Enter that ends a composed word never sends", () => {
  assert.ok(!shouldSend(enter({ isComposing: true }), false));
  assert.ok(!shouldSend(enter({ keyCode: 229 }), false));
});
