/**
 * Proof of work: a small sum the server asks for when many codes are being guessed (flask_chat/web/proof_of_work.py).
 *
 * Loaded only then. It works in slices, so that the page stays alive, and without `crypto.subtle`, which plain http
 * in a local network does not have.
 */

import { sha256 } from "@noble/hashes/sha2.js";

/** @typedef {{ text: string, bits: number }} Challenge */

const SLICE_MS = 30;
const AT_ONCE = 500;

/**
 * The text, a colon and the first number that makes the SHA-256 of it all begin with enough zero bits.
 * @param {Challenge} challenge
 * @returns {Promise<string>}
 */
export async function prove({ text, bits }) {
  const encoder = new TextEncoder();
  let number = 0;
  while (true) {
    const pauseAt = performance.now() + SLICE_MS;
    while (performance.now() < pauseAt) {
      for (const end = number + AT_ONCE; number < end; number += 1) {
        const proof = `${text}:${number}`;
        if (zeroBits(sha256(encoder.encode(proof))) >= bits) return proof;
      }
    }
    await new Promise((resolve) => setTimeout(resolve));
  }
}

/** How many zero bits the bytes begin with. @param {Uint8Array} bytes */
export function zeroBits(bytes) {
  let bits = 0;
  for (const byte of bytes) {
    if (byte !== 0) return bits + Math.clz32(byte) - 24;
    bits += 8;
  }
  return bits;
}
