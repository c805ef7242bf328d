import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { prove, zeroBits } from "../../static/js/proof.js";

test("a proof begins with the text, and its hash with the zeros that were asked for", async () => {
  const text = "12.6921f3a0.abcdefghijkl.mmmmmmmmmmmmmmmm";

  const proof = await prove({ text, bits: 12 });

  const hash = createHash("sha256").update(proof).digest();
  assert.match(proof, new RegExp(`^${text}:[0-9]+$`));
  assert.ok(zeroBits(hash) >= 12);
});

test("zero bits are counted from the left", () => {
  assert.equal(zeroBits(Uint8Array.of(0x80)), 0);
  assert.equal(zeroBits(Uint8Array.of(0, 0x10, 0)), 11);
  assert.equal(zeroBits(Uint8Array.of(0, 0)), 16);
});
