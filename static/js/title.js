/** The count of unread messages in the tab's title. */

export class TitleCount {
  #title = document.title;
  #count = 0;

  get count() {
    return this.#count;
  }

  /** @param {number} more */
  add(more) {
    this.#show(this.#count + more);
  }

  reset() {
    if (this.#count > 0) this.#show(0);
  }

  /** @param {number} count */
  #show(count) {
    this.#count = count;
    document.title = count > 0 ? `(${count}) ${this.#title}` : this.#title;
  }
}
