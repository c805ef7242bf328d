import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { describeTyping, TypingSender, TypingTracker } from "../../static/js/typing.js";

beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "Date"] }));
afterEach(() => mock.timers.reset());

function makeSender() {
  /** @type {boolean[]} */
  const said = [];
  const sender = new TypingSender((is_typing) => said.push(is_typing));
  return { sender, said };
}

test("typing is told at once and then at most every two seconds", () => {
  const { sender, said } = makeSender();

  for (let ms = 0; ms < 4000; ms += 100) {
    sender.changed(false);
    mock.timers.tick(100);
  }

  assert.deepEqual(said, [true, true]);
});

test("a pause and an empty box say that it stopped, once", () => {
  const { sender, said } = makeSender();

  sender.changed(false);
  mock.timers.tick(3000);
  sender.changed(false);
  sender.changed(true);
  sender.stop();

  assert.deepEqual(said, [true, false, true, false]);
});

test("a message posted tells by itself that typing is over", () => {
  const { sender, said } = makeSender();

  sender.changed(false);
  sender.sent();
  sender.changed(true);
  mock.timers.tick(5000);

  assert.deepEqual(said, [true]);
});

test("who goes on typing after a message is told about once two seconds have passed", () => {
  const { sender, said } = makeSender();

  sender.changed(false);
  sender.sent();
  mock.timers.tick(500);
  sender.changed(false);
  assert.deepEqual(said, [true]);
  mock.timers.tick(1500);

  assert.deepEqual(said, [true, true]);
});

test("an empty box from the start says nothing", () => {
  const { sender, said } = makeSender();

  sender.changed(true);

  assert.deepEqual(said, []);
});

test("somebody who went quiet is forgotten after five seconds", () => {
  const tracker = new TypingTracker(() => {});

  tracker.hear("ada", true);
  mock.timers.tick(4000);
  tracker.hear("ada", true);
  mock.timers.tick(4000);
  assert.deepEqual(tracker.members, ["ada"]);
  mock.timers.tick(1000);

  assert.deepEqual(tracker.members, []);
});

test("stopping or posting forgets at once", () => {
  const tracker = new TypingTracker(() => {});

  tracker.hear("ada", true);
  tracker.hear("grace", true);
  tracker.hear("ada", false);
  tracker.forget("grace");

  assert.deepEqual(tracker.members, []);
});

test("who is typing is said in one short line", () => {
  assert.equal(describeTyping([]), "");
  assert.equal(describeTyping(["Ada"]), "Ada is typing");
  assert.equal(describeTyping(["Ada", "Grace"]), "Ada and Grace are typing");
  assert.equal(describeTyping(["A", "B", "C", "D"]), "Several people are typing");
});
