/** The question before a ban, which needs a length. */

import { answerOf } from "./asks.js";
import { find } from "./lib/dom.js";

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
