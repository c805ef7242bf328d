/** localStorage that may be full, switched off or absent: reading gives null, writing is tried. */

/** @param {string} key @returns {string | null} */
export function recall(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/**
 * Keeps a value, or forgets it when it is null or empty. Returns whether that worked: a full or forbidden storage
 * means that this will not survive a reload.
 * @param {string} key
 * @param {string | null} value
 */
export function remember(key, value) {
  try {
    if (value) localStorage.setItem(key, value);
    else localStorage.removeItem(key);
    return true;
  } catch {
    return false;
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
