/**
 * The timeline on screen: draws rows, keeps the reader's place, sticks to the end only when the reader is there,
 * and asks for older messages when the top comes near.
 */

import { cloneTemplate, find, flag } from "./lib/dom.js";
import { initial, isFewEmoji, splitLinks } from "./lib/text.js";
import { clockTime, dayAndTime, fullTime } from "./lib/time.js";
import { MessageKeys } from "./message-keys.js";

/** @import { MessageRow, Row } from "./types.d.ts" */

const NEAR_END_PX = 80;
const NEAR_TOP_PX = 600;
const WORDS_AT_FAULT = new Set(["message_empty", "message_too_long", "invalid"]);
const EDITABLE = new Set([...WORDS_AT_FAULT, "muted"]);
const STATE_WORDS = {
  "": "",
  sending: "Sending",
  waiting: "Waiting to be sent",
  kept: "Sent",
  failed: "Not sent",
};

export class TimelineView {
  #scroller;
  #column;
  #lines;
  #heard;
  /** @type {Map<string, {node: HTMLElement, drawn: string}>} by row id */
  #nodes = new Map();
  #isStuck = true;
  /** @type {{node: Element, top: number} | null} the line that keeps its place while others come and grow */
  #anchor = null;
  #height = 0;
  #keys;
  #older;
  #canLoad = false;
  #isLoading = false;
  #resizes = new ResizeObserver(() => this.#keepPlace());
  /** @type {AbortController | null} */
  #listening = null;

  /**
   * @param {object} given
   * @param {HTMLElement} given.scroller
   * @param {HTMLElement} given.column
   * @param {HTMLElement} given.lines
   * @param {object} given.heard
   * @param {(atEnd: boolean) => void} given.heard.moved
   * @param {() => void} given.heard.older wanted
   * @param {(key: string) => void} given.heard.retry
   * @param {(key: string) => void} given.heard.discard
   * @param {(key: string) => void} given.heard.edit take the words back into the box
   */
  constructor({ scroller, column, lines, heard }) {
    this.#scroller = scroller;
    this.#column = column;
    this.#lines = lines;
    this.#heard = heard;
    this.#keys = new MessageKeys(lines);
    this.#older = cloneTemplate("older-template");
  }

  get isAtEnd() {
    return this.#isStuck;
  }

  start() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    this.#scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true, signal });
    this.#lines.addEventListener("click", (event) => this.#clicked(event), { signal });
    this.#keys.start(signal);
    this.#resizes.observe(this.#scroller);
    this.#resizes.observe(this.#column);
    this.toEnd();
  }

  stop() {
    this.#listening?.abort();
    this.#resizes.disconnect();
  }

  /**
   * Makes the screen show these rows, touching only what changed.
   * @param {Row[]} rows
   * @param {object} [how]
   * @param {boolean} [how.toEnd] go to the end whatever the reader looks at
   * @param {boolean} [how.canLoad] whether the server holds older ones
   * @param {boolean} [how.isQuiet] without the rise of new lines, as when history comes
   */
  draw(rows, { toEnd = false, canLoad = false, isQuiet = false } = {}) {
    const isFirst = this.#nodes.size === 0;
    if (!this.#isStuck) this.#takeAnchor();
    if (isFirst) this.#lines.replaceChildren();
    this.#removeOthers(new Set(rows.map(({ id }) => id)));
    let next = this.#lines.firstElementChild;
    if (next === this.#older) next = next.nextElementSibling;
    for (const row of rows) {
      const node = this.#drawRow(row, isQuiet || isFirst);
      if (node === next) next = next.nextElementSibling;
      else this.#lines.insertBefore(node, next);
    }
    this.#canLoad = canLoad;
    if (canLoad && this.#lines.firstElementChild !== this.#older) this.#lines.prepend(this.#older);
    if (!canLoad) this.#older.remove();
    if (toEnd) this.#isStuck = true;
    this.#keys.draw();
    this.#keepPlace();
    this.#askForOlder();
  }

  /** Everything shown is dropped, as after a reset. */
  clear() {
    this.#nodes.clear();
    this.#isStuck = true;
  }

  /** Older ones came, or could not come. */
  loaded() {
    this.#isLoading = false;
    this.#askForOlder();
  }

  toEnd() {
    this.#isStuck = true;
    this.#keepPlace();
    this.#heard.moved(true);
  }

  /** @param {Set<string>} ids */
  #removeOthers(ids) {
    for (const [id, { node }] of this.#nodes) {
      if (ids.has(id)) continue;
      node.remove();
      this.#nodes.delete(id);
    }
  }

  /** @param {Row} row @param {boolean} isQuiet */
  #drawRow(row, isQuiet) {
    const drawn = JSON.stringify(row);
    const known = this.#nodes.get(row.id);
    if (known?.drawn === drawn) return known.node;
    const node = known?.node ?? cloneTemplate(`${row.type}-template`);
    if (row.type === "message" && !row.mine) node.querySelector(".state")?.remove();
    if (row.type === "message") drawMessage(node, row);
    if (row.type === "presence") find(".presence-text", HTMLElement, node).textContent = row.text;
    if (row.type === "day") drawDay(node, row);
    if (!known && !isQuiet) flag(node, "fresh", true);
    this.#nodes.set(row.id, { node, drawn });
    return node;
  }

  #scrolled() {
    const { clientHeight, scrollHeight, scrollTop } = this.#scroller;
    const wasMovedByLayout = this.#height !== clientHeight + scrollHeight;
    if (wasMovedByLayout) return;
    const wasStuck = this.#isStuck;
    this.#isStuck = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    this.#takeAnchor();
    if (wasStuck !== this.#isStuck) this.#heard.moved(this.#isStuck);
    this.#askForOlder();
  }

  #askForOlder() {
    if (!this.#canLoad || this.#isLoading || this.#scroller.scrollTop > NEAR_TOP_PX) return;
    this.#isLoading = true;
    this.#heard.older();
  }

  #takeAnchor() {
    const edge = this.#scroller.getBoundingClientRect().top;
    const nodes = this.#lines.children;
    let [low, high] = [0, nodes.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (nodes[middle].getBoundingClientRect().bottom <= edge) low = middle + 1;
      else high = middle;
    }
    // A day's line stays the first one of its day, whatever comes before what it stood above.
    while (low < nodes.length - 1 && !nodes[low].classList.contains("message")) low += 1;
    const node = nodes[low];
    this.#anchor = node ? { node, top: node.getBoundingClientRect().top - edge } : null;
  }

  /** After anything changed its size: the end stays the end, or the anchor stays where it was. */
  #keepPlace() {
    const scroller = this.#scroller;
    if (this.#isStuck) {
      scroller.scrollTop = scroller.scrollHeight;
    } else if (this.#anchor?.node.isConnected) {
      const top =
        this.#anchor.node.getBoundingClientRect().top - scroller.getBoundingClientRect().top;
      const moved = top - this.#anchor.top;
      if (Math.abs(moved) >= 1) scroller.scrollTop += moved;
    }
    this.#height = scroller.clientHeight + scroller.scrollHeight;
  }

  /** Where nothing hovers, a tap on a bubble shows when it was said, and another one hides it. @param {Element} target */
  #unfold(target) {
    const message = target.closest(".bubble")?.closest(".message");
    if (!(message instanceof HTMLElement) || target.closest("a")) return;
    if (!getSelection()?.isCollapsed) return;
    const wasOpen = message.dataset.open !== undefined;
    for (const open of this.#lines.querySelectorAll("[data-open]"))
      if (open instanceof HTMLElement) flag(open, "open", false);
    flag(message, "open", !wasOpen);
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    if (!(event.target instanceof Element)) return;
    this.#unfold(event.target);
    const button = event.target.closest("[data-act]");
    const key = button?.closest(".message")?.getAttribute("data-key");
    const act = button?.getAttribute("data-act");
    if (!key) return;
    if (act === "retry") this.#heard.retry(key);
    if (act === "discard") this.#heard.discard(key);
    if (act === "edit") this.#heard.edit(key);
  }
}

/** @param {HTMLElement} node @param {MessageRow} row */
function drawMessage(node, row) {
  node.dataset.hue = String(row.hue);
  node.dataset.glyph = String(row.glyph);
  node.dataset.key = row.key;
  if (row.seq) node.dataset.seq = String(row.seq);
  for (const name of /** @type {const} */ (["mine", "first", "last", "removed"]))
    flag(node, name, row[name]);
  flag(node, "stale", row.error?.code === "stale" && row.state === "failed");
  flag(node, "emoji", !row.removed && isFewEmoji(row.text));
  find(".avatar", HTMLElement, node).textContent = initial(row.name);
  find(".author", HTMLElement, node).textContent = row.mine ? "You" : row.name;
  drawText(find(".text", HTMLElement, node), row);
  const when = find(".when", HTMLTimeElement, node);
  when.dateTime = row.at;
  when.textContent = clockTime(row.at) + (row.edited ? " · edited" : "");
  when.title = fullTime(row.at);
  const button = find(".act-button", HTMLElement, node);
  button.hidden = !row.acts;
  button.setAttribute(
    "aria-label",
    row.mine ? "Your message: more" : `Message of ${row.name}: more`,
  );
  if (!row.mine) return;
  find(".state", HTMLElement, node).dataset.state = row.state;
  find(".state-word", HTMLElement, node).textContent = STATE_WORDS[row.state];
  drawFailure(node, row);
}

/** @param {HTMLElement} text @param {MessageRow} row */
function drawText(text, row) {
  const wanted = row.removed ? "Message removed" : row.text;
  if (text.textContent === wanted && text.dataset.drawn === "") return;
  text.replaceChildren(...(row.removed ? [wanted] : splitLinks(row.text).map(drawPiece)));
  text.dataset.drawn = "";
}

/** @param {{text: string, href?: string}} piece */
function drawPiece({ text, href }) {
  if (href === undefined) return text;
  const link = document.createElement("a");
  link.href = href;
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow";
  link.textContent = text;
  return link;
}

/** @param {HTMLElement} node @param {MessageRow} row */
function drawFailure(node, row) {
  const known = node.querySelector(".failure");
  if (row.state !== "failed") return known?.remove();
  const failure = known ?? cloneTemplate("failure-template");
  find(".failure-text", HTMLElement, failure).textContent = describeFailure(row);
  const isAboutWords = WORDS_AT_FAULT.has(row.error?.code ?? "");
  const retry = find("[data-act=retry]", HTMLElement, failure);
  retry.hidden = isAboutWords;
  retry.textContent = row.error?.code === "stale" ? "Send now" : "Retry";
  find("[data-act=edit]", HTMLElement, failure).hidden = !EDITABLE.has(row.error?.code ?? "");
  if (!known) find(".said", HTMLElement, node).append(failure);
}

/** @param {MessageRow} row */
function describeFailure({ error, at }) {
  if (error?.code === "muted") return "Not sent, as you were muted.";
  if (error?.code === "stale") return `Not sent yet, written ${dayAndTime(at, Date.now())}.`;
  return `Not sent. ${(error?.message ?? "The server did not take it").replace(/[.!]?$/u, ".")}`;
}

/** @param {HTMLElement} node @param {{at: string, text: string}} row */
function drawDay(node, row) {
  const time = find("time", HTMLTimeElement, node);
  time.dateTime = row.at.slice(0, 10);
  time.textContent = row.text;
}
