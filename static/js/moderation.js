/** Asks the server to do what a moderator wants done, and tells how that went: with a way back, or with the reason. Knows no page. */

/** @import { Act, ChatError, Reply } from "./types.d.ts" */
/** @typedef {{done: (sentence: string, undo: (() => void) | null) => void, refused: (error: ChatError) => void}} Heard */

/** @type {ChatError} */
const UNANSWERED = { code: "timeout", message: "The server does not answer. Please try again." };

export class Moderation {
  #ask;
  #heard;

  /**
   * @param {object} given
   * @param {(name: string, data: object) => Promise<Reply<any> | null>} given.ask null when no answer came
   * @param {Heard} given.heard
   */
  constructor({ ask, heard }) {
    this.#ask = ask;
    this.#heard = heard;
  }

  /**
   * @param {Act} act
   * @param {Heard} [heard] tells how it went in another place
   * @returns {Promise<boolean>} whether it is done
   */
  async do({ ask, done, undo }, heard = this.#heard) {
    const reply = await this.ask("moderate", ask);
    if (!reply.ok) heard.refused(reply.error);
    else heard.done(done, undo ? () => this.do(undo, heard) : null);
    return reply.ok;
  }

  /** An answer in any case. @template T @param {string} name @param {object} data @returns {Promise<Reply<T>>} */
  async ask(name, data) {
    return (await this.#ask(name, data)) ?? { ok: false, error: UNANSWERED };
  }

  /** Something that is only looked up; a list that cannot be had stays as it was. @template T @param {string} action @returns {Promise<T | null>} */
  async look(action) {
    const reply = await this.#ask("moderate", { action });
    return reply?.ok ? reply : null;
  }
}
