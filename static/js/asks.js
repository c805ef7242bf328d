/** Questions before something that is hard to take back. Each resolves with what was chosen once its dialog has closed. */

import { find } from "./lib/dom.js";

/** @param {{title: string, text: string, yes: string, no?: string}} question @returns {Promise<boolean>} */
export async function isAgreed({ title, text, yes, no = "Cancel" }) {
  const dialog = find("#ask", HTMLDialogElement);
  find("#ask-title", HTMLElement, dialog).textContent = title;
  find("#ask-text", HTMLElement, dialog).textContent = text;
  find("#ask-yes", HTMLElement, dialog).textContent = yes;
  find("#ask-no", HTMLElement, dialog).textContent = no;
  return (await answerOf(dialog)) === "yes";
}

/** What was pressed in a dialog, "" for nothing. @param {HTMLDialogElement} dialog @returns {Promise<string>} */
export async function answerOf(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  await new Promise((closed) => dialog.addEventListener("close", closed, { once: true }));
  return dialog.returnValue;
}
