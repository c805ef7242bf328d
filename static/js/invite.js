/** Bringing people in: the dialog with code, QR and link, and the copy and share buttons wherever they stand. */

import { copyText, find, flag } from "./lib/dom.js";

const COPIED_MS = 2000;

export class Invite {
  #dialog;
  #url;
  #code;
  #say;
  /** @type {AbortController | null} */
  #listening = null;

  /**
   * @param {object} given
   * @param {HTMLDialogElement} given.dialog
   * @param {string} given.url
   * @param {string} given.code
   * @param {(sentence: string) => void} given.say
   */
  constructor({ dialog, url, code, say }) {
    this.#dialog = dialog;
    this.#url = url;
    this.#code = code;
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
    const qr = find("#qr", HTMLImageElement, this.#dialog);
    if (!qr.src && qr.dataset.src) qr.src = qr.dataset.src;
    this.#dialog.showModal();
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
