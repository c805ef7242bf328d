/** localStorage that may be full, switched off or absent: reading gives null, writing is tried. */

/** @param {string} key @returns {string | null} */
export function recall(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Keeps a value, or forgets it when it is null or empty. @param {string} key @param {string | null} value */
export function remember(key, value) {
  try {
    if (value) localStorage.setItem(key, value);
    else localStorage.removeItem(key);
  } catch {
    // A full or forbidden storage only means that this will not survive a reload.
  }
}

/** @param {string} prefix @returns {string[]} */
export function keysStarting(prefix) {
  try {
    return Object.keys(localStorage).filter((key) => key.startsWith(prefix));
  } catch {
    return [];
  }
}
