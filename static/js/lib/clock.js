/** The server's time as far as this browser can tell: people's clocks are wrong by minutes, and a ban or a mute ends by the server's. */

export class ServerClock {
  #ahead = 0;
  #local;

  /** @param {() => number} [local] ms since 1970 by this device */
  constructor(local = Date.now) {
    this.#local = local;
  }

  /** Follows a time the server has just told. @param {string} serverTime */
  set(serverTime) {
    const told = Date.parse(serverTime);
    if (Number.isFinite(told)) this.#ahead = told - this.#local();
  }

  /** ms since 1970, by the server. */
  get now() {
    return this.#local() + this.#ahead;
  }

  /** The same moment by this device's clock. @param {number} ms by the server's */
  here(ms) {
    return ms - this.#ahead;
  }
}
