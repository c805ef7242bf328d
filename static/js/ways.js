/**
 * Which way to the server is tried first: a WebSocket, or long polling where somebody in between takes the wish for
 * a WebSocket and never answers. A refusal needs no memory: Socket.IO goes on to polling within the same attempt.
 *
 * Polling is no dead end, since with every line that begins with it Socket.IO tries for a WebSocket beside it. So a
 * network that was silent altogether for a while costs nothing later. Knows no socket.
 */

const OPENING_MS = 10_000; // a server that has lost thousands may need it
const UNPROVEN_MS = 5000;

export class Ways {
  #isPolling = false;
  #isProven = false;

  /** In the order in which to try them. @returns {("websocket" | "polling")[]} */
  get transports() {
    return this.#isPolling ? ["polling", "websocket"] : ["websocket", "polling"];
  }

  /** Whether the second is tried when the first is refused; over WebSockets nobody may answer, again. */
  get tryAllTransports() {
    return !this.#isPolling;
  }

  /** How long to wait for the line to open: shorter while no WebSocket has ever opened in this page. */
  get patienceMs() {
    return this.#isPolling || this.#isProven ? OPENING_MS : UNPROVEN_MS;
  }

  /** The line is open, or has changed its transport. @param {string} transport */
  opened(transport) {
    if (transport !== "websocket") return;
    this.#isPolling = false;
    this.#isProven = true;
  }

  /** There was an answer, but no use in it. */
  failed() {
    this.#isPolling = false;
  }

  /** Nothing was answered, so the other way is next. Returns whether at once: it may also be a server that is busy. */
  silent() {
    this.#isPolling = !this.#isPolling;
    return this.#isPolling && !this.#isProven;
  }
}
