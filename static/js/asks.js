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

/** For how long to keep somebody out. @param {string} name @returns {Promise<{seconds: number, network: boolean} | null>} null for not at all */
export async function chooseBan(name) {
  const dialog = find("#ban", HTMLDialogElement);
  const form = find("#ban-form", HTMLFormElement, dialog);
  form.reset();
  find("#ban-name", HTMLElement, dialog).textContent = name;
  if ((await answerOf(dialog)) !== "ban") return null;
  const chosen = new FormData(form);
  return { seconds: Number(chosen.get("seconds")), network: chosen.has("network") };
}

/** @param {HTMLDialogElement} dialog @returns {Promise<string>} */
async function answerOf(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  await new Promise((closed) => dialog.addEventListener("close", closed, { once: true }));
  return dialog.returnValue;
}
