/** Bringing people in: the dialog with code, QR and link, and the copy and share buttons wherever they stand. */

import { copyText, find, flag } from "./lib/dom.js";

/** @import { Reply, Room } from "./types.d.ts" */

const COPIED_MS = 2000;

export class Invite {
  #dialog;
  #url;
  #code;
  #room;
  #ask;
  #say;
  /** @type {AbortController | null} */
  #listening = null;

  /**
   * @param {object} given
   * @param {HTMLDialogElement} given.dialog
   * @param {string} given.url as the page was told
   * @param {string} given.code
   * @param {() => Room} given.room as it is now
   * @param {() => Promise<Reply<{invite: string}> | null>} given.ask what the link carries now
   * @param {(sentence: string) => void} given.say
   */
  constructor({ dialog, url, code, room, ask, say }) {
    this.#dialog = dialog;
    this.#url = url;
    this.#code = code;
    this.#room = room;
    this.#ask = ask;
    this.#say = say;
  }

  start() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    const on = (
      /** @type {string} */ selector,
      /** @type {(button: HTMLElement) => void} */ pressed,
    ) => {
      for (const button of document.querySelectorAll(selector)) {
        if (button instanceof HTMLElement)
          button.addEventListener("click", () => pressed(button), { signal });
      }
    };
    on("[data-copy-link], #code-chip", (button) => this.#copy(button));
    on("[data-open-invite], #invite-button, #menu-invite", () => this.open());
    on("[data-share]", () => this.#share());
    this.#dialog.addEventListener(
      "click",
      (event) => event.target === this.#dialog && this.#dialog.close(),
      { signal },
    );
    if (typeof navigator.share !== "function") return;
    for (const button of document.querySelectorAll("[data-share]"))
      button.removeAttribute("hidden");
  }

  stop() {
    this.#listening?.abort();
  }

  open() {
    const menu = document.getElementById("menu");
    if (menu?.matches(":popover-open")) menu.hidePopover();
    this.#draw();
    this.#dialog.showModal();
  }

  /** The room is not what it was; the link may be another one. @param {boolean} isRenewed */
  async changed(isRenewed) {
    const reply = isRenewed ? await this.#ask() : null;
    if (reply?.ok) this.renew(reply.invite);
    if (this.#dialog.open) this.#draw();
  }

  /** @param {string} invite what the link carries from now on */
  renew(invite) {
    this.#url = withInvite(this.#url, invite);
    find("#share-url", HTMLInputElement, this.#dialog).value = this.#url;
  }

  #draw() {
    const room = this.#room();
    find("#invite-hint", HTMLElement, this.#dialog).textContent = describeInvite(room);
    const qr = find("#qr", HTMLImageElement, this.#dialog);
    const src = `${qr.dataset.src}?v=${room.invites}`; // the picture may be kept for an hour
    if (qr.getAttribute("src") !== src) qr.src = src;
  }

  /** @param {HTMLElement} button */
  async #copy(button) {
    const isCopied = await copyText(this.#url, this.#dialog.open ? this.#dialog : document.body);
    const word = button.querySelector("[data-copy-word]");
    if (isCopied) {
      this.#say("Link copied");
      flag(button, "done", true);
      if (word) word.textContent = "Copied";
      setTimeout(() => {
        flag(button, "done", false);
        if (word) word.textContent = "Copy link";
      }, COPIED_MS);
    } else {
      if (!this.#dialog.open) this.open();
      find("#share-url", HTMLInputElement).select();
      this.#say("The link is selected: press Ctrl+C to copy it");
    }
  }

  async #share() {
    try {
      await navigator.share({
        title: `Chat room ${this.#code}`,
        text: `Join me in room ${this.#code}`,
        url: this.#url,
      });
    } catch {
      // The person changed their mind; nothing to tell.
    }
  }
}

/** @param {string} url @param {string} invite */
export function withInvite(url, invite) {
  const renewed = new URL(url);
  renewed.searchParams.set("invite", invite);
  return renewed.href;
}

/** What the letters do and what the link does. @param {Pick<Room, "locked" | "has_passcode" | "knock">} room */
export function describeInvite({ locked, has_passcode, knock }) {
  if (locked) return "The room is locked: the letters let nobody in. The link and the square do.";
  const asked =
    has_passcode && knock
      ? "need the passcode, and knock"
      : has_passcode
        ? "need the passcode"
        : "knock";
  if (has_passcode || knock)
    return `Who types the letters will ${asked}. The link and the square lead straight in.`;
  return "Read it out, show the square, or send the link.";
}
