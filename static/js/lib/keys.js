/** Random keys. `crypto.randomUUID` is missing on plain http, `getRandomValues` never is. */

/** A key that nobody else will draw: 22 characters of A-Z a-z 0-9 _ - */
export function drawKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
