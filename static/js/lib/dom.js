/** Finding and making elements. Text only ever goes in through `textContent`. */

/**
 * The element a script cannot do without.
 * @template {Element} T
 * @param {string} selector
 * @param {new (...args: any[]) => T} kind
 * @param {ParentNode} [within]
 * @returns {T}
 */
export function find(selector, kind, within = document) {
  const element = within.querySelector(selector);
  if (!(element instanceof kind)) throw new Error(`The page has no ${selector}`);
  return element;
}

/**
 * A fresh copy of the one element in a template.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function cloneTemplate(id) {
  const template = find(`template#${id}`, HTMLTemplateElement);
  const copy = document.importNode(template.content, true).firstElementChild;
  if (!(copy instanceof HTMLElement)) throw new Error(`The template ${id} is empty`);
  return copy;
}

/** Makes the icon in here another one of the set. @param {HTMLElement} within @param {string} name */
export function setIcon(within, name) {
  const use = find("use", SVGUseElement, within);
  use.setAttribute("href", `${(use.getAttribute("href") ?? "").split("#")[0]}#${name}`);
}

/** Sets or removes a data attribute that CSS reads as a flag. @param {HTMLElement | SVGElement} element @param {string} name @param {boolean} on */
export function flag(element, name, on) {
  if (on) element.dataset[name] = "";
  else delete element.dataset[name];
}

/** Listens until stopped. @param {EventTarget} target @param {string} type @param {(event: any) => void} listener @param {AbortSignal} signal @param {AddEventListenerOptions} [options] */
export function listen(target, type, listener, signal, options = {}) {
  target.addEventListener(type, listener, { ...options, signal });
}

/**
 * Copies text, also where the clipboard API is missing (plain http in a local network).
 * `beside` is where the helper field is put: inside an open dialog, as everything else is inert then.
 * @param {string} text
 * @param {HTMLElement} beside
 * @returns {Promise<boolean>}
 */
export async function copyText(text, beside) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text, beside);
  }
}

/** @param {string} text @param {HTMLElement} beside */
function copyBySelection(text, beside) {
  const focused = document.activeElement;
  const field = document.createElement("textarea");
  field.className = "visually-hidden";
  field.value = text;
  beside.append(field);
  field.select();
  let copied = false;
  try {
    copied = document.execCommand("copy");
  } catch {
    copied = false;
  }
  field.remove();
  if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  return copied;
}
