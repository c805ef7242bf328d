import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import {
  countCharacters,
  initial,
  isBlank,
  isFewEmoji,
  listNames,
  plural,
  readCode,
  readInvite,
  splitLinks,
} from "../../static/js/lib/text.js";

test("characters are counted as the server counts them", () => {
  assert.equal(countCharacters("añ😀"), 3);
  assert.equal(countCharacters("👩‍👩‍👧"), 5);
});

test("what cannot be seen is blank, the very characters that the server takes for it", async () => {
  /** @type {[string, string][]} */
  const list = JSON.parse(await readFile(new URL("../unseen.json", import.meta.url), "utf8"));
  const unseen = list.map(([first, last]) => [
    Number.parseInt(first, 16),
    Number.parseInt(last, 16),
  ]);

  for (let code = 0; code <= 0x10ffff; code += 1)
    assert.equal(
      isBlank(String.fromCodePoint(code)),
      unseen.some(([first, last]) => first <= code && code <= last),
      code.toString(16),
    );
});

test("a text is blank when nothing in it can be seen", () => {
  assert.ok(isBlank(""));
  assert.ok(isBlank(" \u200B\n"));
  assert.ok(!isBlank("👩\u200D👧"));
  assert.ok(!isBlank("\u200B."));
});

test("codes are read in any case, with spaces, dashes, or a link around them", () => {
  for (const typed of [
    "bcdf",
    " B-C d f ",
    "https://chat.example/r/BCDF",
    "http://10.0.0.2:5000/r/bcdf?x=1#y",
    "chat.example/r/BCDF/",
  ]) {
    assert.equal(readCode(typed), "BCDF", typed);
  }
  assert.equal(readCode("bc"), "BC");
  assert.equal(readCode("bcdfgh"), "BCDF");
  assert.equal(readCode("12 4!"), "");
});

test("an invite is read from a link to a room and from nothing else", () => {
  assert.equal(readInvite("http://10.0.0.2:5000/r/BCDF?invite=a_b-C4"), "a_b-C4");
  assert.equal(readInvite("see https://chat.example/r/BCDF?x=1&invite=abc#top"), "abc");
  assert.equal(readInvite("https://chat.example/r/BCDF"), "");
  assert.equal(readInvite("https://chat.example/other?invite=abc"), "");
  assert.equal(readInvite("BCDF"), "");
});

test("links are found and the text around them stays as it was typed", () => {
  const text =
    "see https://example.org/a_(b), or (http://10.0.0.2:5000/x?y=1). javascript:alert(1)";

  const pieces = splitLinks(text);

  assert.equal(pieces.map((piece) => piece.text).join(""), text);
  assert.deepEqual(
    pieces.filter(({ href }) => href).map((piece) => piece.text),
    ["https://example.org/a_(b)", "http://10.0.0.2:5000/x?y=1"],
  );
});

test("text without links is one piece", () => {
  assert.deepEqual(splitLinks("no links"), [{ text: "no links" }]);
  assert.deepEqual(splitLinks("http:// https://"), [{ text: "http:// https://" }]);
});

test("a few emoji alone are told apart from words, digits and many", () => {
  for (const text of ["😀", "👍🏽 🎉", "👩‍👩‍👧", "🇩🇪", "❤️", "1️⃣"]) assert.ok(isFewEmoji(text), text);
  for (const text of ["", " ", "hi 😀", "123", "#", "😀😀😀😀😀😀😀"])
    assert.ok(!isFewEmoji(text), text);
});

test("names are listed the way one says them", () => {
  assert.equal(listNames(["Ada"]), "Ada");
  assert.equal(listNames(["Ada", "Grace"]), "Ada and Grace");
  assert.equal(listNames(["Ada", "Grace", "Alan"]), "Ada, Grace and Alan");
  assert.equal(listNames(["Ada", "Grace", "Alan", "Edsger", "Barbara"]), "Ada, Grace and 3 others");
});

test("an initial is the first letter a person would name", () => {
  assert.equal(initial("ada"), "A");
  assert.equal(initial("👩‍🚀 Grace"), "👩‍🚀");
  assert.equal(initial(" "), "?");
});

test("plurals", () => {
  assert.equal(plural(1, "message"), "1 message");
  assert.equal(plural(2, "message waits", "messages wait"), "2 messages wait");
});
