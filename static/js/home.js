/** The lobby: remembers the name, tidies the code as it is typed or pasted, and says what is missing before the server has to. */

import { cloneTemplate, find, flag } from "./lib/dom.js";
import { recall, remember } from "./lib/storage.js";
import { isBlank, readCode, readInvite } from "./lib/text.js";
import { ago } from "./lib/time.js";

const NAME = "name";
const CODE_LETTERS = 4;

class LobbyPage {
  #form = find("#lobby", HTMLFormElement);
  #name = find("#name", HTMLInputElement);
  #code = find("#code", HTMLInputElement);
  #invite = find("#invite", HTMLInputElement);
  #invited = { code: this.#code.value, token: this.#invite.value };
  #passcode = document.querySelector("input#passcode"); // only where the room has asked for it
  #isProving = false;

  start() {
    this.#form.noValidate = true;
    this.#recallName();
    this.#tidyCode();
    this.#code.addEventListener("input", () => this.#codeTyped());
    this.#code.addEventListener("paste", (event) => this.#codePasted(event));
    this.#name.addEventListener("input", () => this.#clear(this.#name));
    if (this.#passcode instanceof HTMLInputElement) {
      const passcode = this.#passcode;
      passcode.addEventListener("input", () => this.#clear(passcode));
    }
    this.#form.addEventListener("submit", (event) => this.#submitted(event));
    window.addEventListener("pageshow", () => this.#tidyCode());
    this.#prove();
    this.#drawTimes();
    setInterval(() => this.#drawTimes(), 30_000);
  }

  #recallName() {
    const name = recall(NAME);
    if (!name || this.#name.value !== "" || this.#name.getAttribute("aria-invalid")) return;
    this.#name.value = name;
    if (this.#code.value === "" || this.#code.hasAttribute("aria-invalid")) this.#code.focus();
    else find(".button-join", HTMLButtonElement).focus({ preventScroll: true });
  }

  #codeTyped() {
    this.#clear(this.#code);
    this.#tidyCode();
  }

  #tidyCode() {
    const { value, selectionStart } = this.#code;
    const code = readCode(value);
    this.#keepInvite(value, code);
    if (code !== value) {
      this.#code.value = code;
      const caret = readCode(value.slice(0, selectionStart ?? value.length)).length;
      if (document.activeElement === this.#code) this.#code.setSelectionRange(caret, caret);
    }
    find(".code-boxes", HTMLElement).dataset.length = String(code.length);
  }

  /** The invite stays with the code it came with, however that got into the box. @param {string} typed @param {string} code */
  #keepInvite(typed, code) {
    const token = readInvite(typed);
    if (token) this.#invited = { code, token };
    this.#invite.value = code === this.#invited.code ? this.#invited.token : "";
  }

  /** @param {ClipboardEvent} event */
  #codePasted(event) {
    const pasted = event.clipboardData?.getData("text") ?? "";
    if (readCode(pasted).length < CODE_LETTERS) return;
    event.preventDefault();
    this.#code.value = pasted;
    this.#codeTyped();
  }

  /** @param {SubmitEvent} event */
  #submitted(event) {
    const button = event.submitter;
    if (this.#isProving) event.preventDefault();
    if (!isBlank(this.#name.value)) remember(NAME, this.#name.value.trim());
    if (isBlank(this.#name.value)) return this.#refuse(event, this.#name, "Type a name first");
    const isCreating = button instanceof HTMLButtonElement && button.name === "create";
    if (isCreating) return;
    if (this.#code.value.length === CODE_LETTERS) return this.#checkPasscode(event);
    this.#refuse(
      event,
      this.#code,
      this.#code.value === ""
        ? "Type the four letters, or create a room"
        : "A code has four letters",
    );
  }

  /** @param {SubmitEvent} event */
  #checkPasscode(event) {
    const passcode = this.#passcode;
    if (passcode instanceof HTMLInputElement && passcode.value === "")
      this.#refuse(event, passcode, "Type the passcode first");
  }

  /**
   * Many codes are being guessed, and the server wants a small sum first: do it now, and once it is done send what was
   * sent before, or what somebody has tried to send meanwhile.
   */
  async #prove() {
    const proof = document.querySelector("#proof");
    if (!(proof instanceof HTMLInputElement)) return;
    const { text = "", bits = "" } = proof.dataset;
    /** @type {HTMLElement | null | undefined} the button pressed meanwhile; null is none, and still to be sent */
    let pressed = proof.dataset.again === undefined ? undefined : null;
    this.#isProving = true;
    this.#form.addEventListener("submit", (event) => {
      if (this.#isProving) pressed = event.submitter;
    });
    this.#form.setAttribute("aria-busy", "true");
    const { prove } = await import("./proof.js");
    proof.value = await prove({ text, bits: Number(bits) });
    this.#isProving = false;
    this.#form.removeAttribute("aria-busy");
    if (pressed === undefined) return;
    const wanted = document.querySelector("#wanted"); // was sent by "Create it"
    if (pressed === null && wanted instanceof HTMLInputElement) wanted.name = "create";
    this.#form.requestSubmit(pressed);
  }

  /** @param {Event} event @param {HTMLInputElement} field @param {string} message */
  #refuse(event, field, message) {
    event.preventDefault();
    const place = find(`#${field.id}-error`, HTMLElement);
    const error = cloneTemplate("error-template");
    find("[data-error-text]", HTMLElement, error).textContent = message;
    place.replaceChildren(error);
    field.setAttribute("aria-invalid", "true");
    field.focus();
  }

  /** @param {HTMLInputElement} field */
  #clear(field) {
    if (!field.hasAttribute("aria-invalid")) return;
    field.removeAttribute("aria-invalid");
    find(`#${field.id}-error`, HTMLElement).replaceChildren();
  }

  #drawTimes() {
    for (const time of document.querySelectorAll("time[data-ago]")) {
      if (time instanceof HTMLTimeElement) time.textContent = ago(time.dateTime, Date.now());
    }
  }
}

const page = new LobbyPage();
page.start();
// Not needed to begin with, and the database's code is half as large as all the rest of this page.
import("./unsent.js").then(({ showUnsent }) => showUnsent());
flag(document.documentElement, "ready", true);
