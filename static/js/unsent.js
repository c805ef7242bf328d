/**
 * What this browser has written and never got out, as the lobby shows it: in rooms one is still in it goes when they
 * are entered, and of rooms that are over it can be copied or thrown away. Knows the lobby's elements; unsent-words.js
 * next door says what belongs where.
 */

import { allDrafts, discardDrafts } from "./drafts.js";
import { cloneTemplate, copyText, find } from "./lib/dom.js";
import { allUnsent, discardUnsent, FORGET_MS, sweepUnsent } from "./outbox-store.js";
import { describeWaiting, sortUnsent } from "./unsent-words.js";

/** @import { KeptDraft, KeptItem } from "./types.d.ts" */

const SECTION = "#unsent";

/** Shows it, if there is anything to show. */
export async function showUnsent() {
  const now = Date.now();
  await sweepUnsent(now);
  discardDrafts(allDrafts().filter(({ written_at }) => now - written_at > FORGET_MS));
  const here = [...document.querySelectorAll("[data-member-id]")];
  const ids = new Set(here.map((link) => link.getAttribute("data-member-id") ?? ""));
  const { waiting, orphaned } = sortUnsent(await allUnsent(), allDrafts(), ids);
  for (const link of here) {
    const count = waiting.get(link.getAttribute("data-member-id") ?? "");
    if (count) find("[data-waiting]", HTMLElement, link).textContent = describeWaiting(count);
  }
  const list = find(`${SECTION} ul`, HTMLElement);
  list.replaceChildren(...orphaned.map((group) => drawGroup(group)));
  find(SECTION, HTMLElement).hidden = orphaned.length === 0;
}

/** @param {{code: string, items: KeptItem[], drafts: KeptDraft[], text: string}} group */
function drawGroup({ code, items, drafts, text }) {
  const node = cloneTemplate("unsent-template");
  find("[data-code]", HTMLElement, node).textContent = code;
  find("[data-text]", HTMLElement, node).textContent = text;
  const copy = find("[data-act=copy]", HTMLElement, node);
  copy.addEventListener("click", async () => {
    copy.textContent = (await copyText(text, node)) ? "Copied" : "Could not copy";
  });
  find("[data-act=discard]", HTMLElement, node).addEventListener("click", async () => {
    discardDrafts(drafts);
    await discardUnsent(items);
    node.remove();
    const isOver = find(`${SECTION} ul`, HTMLElement).childElementCount === 0;
    find(SECTION, HTMLElement).hidden = isOver;
  });
  return node;
}
