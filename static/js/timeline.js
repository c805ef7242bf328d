/**
 * The room's log as this browser has it: one run of events without holes, and the lines folded from it.
 * Knows no page; timeline-view.js shows it, rows.js arranges it.
 */

import { changesOf } from "./changes.js";

/** @import { Entry, Event, MessageEntry, PresenceEntry } from "./types.d.ts" */

export class Timeline {
  /** @type {Map<number, Event>} what came before the events it follows, waiting for the hole to be filled */
  #early = new Map();
  /** @type {Entry[]} in the order of seq */
  #entries = [];
  /** @type {Map<number, MessageEntry>} */
  #messages = new Map();
  /** @type {number | null} */
  #first = null;
  /** @type {number | null} */
  #last = null;
  #more = false;

  /** The newest seq up to which nothing is missing; null before the first welcome. */
  get last() {
    return this.#last;
  }

  /** The oldest seq held here. */
  get first() {
    return this.#first;
  }

  /** Whether the server holds older events than these. */
  get more() {
    return this.#more;
  }

  get entries() {
    return this.#entries;
  }

  /** A message as it is now. @param {number} seq */
  message(seq) {
    return this.#messages.get(seq);
  }

  /** Whether events wait for others that must be shown first. */
  get hasHole() {
    return this.#early.size > 0;
  }

  /** Drops everything and starts from these. @param {Event[]} events @param {boolean} more */
  start(events, more) {
    this.forget();
    this.#more = more;
    this.#last = (events[0]?.seq ?? 1) - 1;
    this.#first = events[0]?.seq ?? 1;
    return events.flatMap((event) => this.receive(event));
  }

  /** Back to knowing nothing, so that the next connect asks for the newest. */
  forget() {
    this.#early.clear();
    this.#entries = [];
    this.#messages.clear();
    this.#first = null;
    this.#last = null;
    this.#more = false;
  }

  /** Events that came too early will come again with the next welcome. */
  forgetEarly() {
    this.#early.clear();
  }

  /**
   * Takes one event and returns those that can be shown now, in order: none when it is known already or
   * came too early, several when it filled a hole.
   * @param {Event} event
   * @returns {Event[]}
   */
  receive(event) {
    if (this.#last === null || event.seq <= this.#last) return [];
    this.#early.set(event.seq, event);
    const shown = [];
    for (let next = this.#early.get(this.#last + 1); next; next = this.#early.get(this.#last + 1)) {
      this.#early.delete(next.seq);
      this.#last = next.seq;
      this.#fold(next, this.#entries);
      shown.push(next);
    }
    return shown;
  }

  /** Puts older events in front. @param {Event[]} events in order, ending just before `first` @param {boolean} more */
  prepend(events, more) {
    const older = events.filter((event) => this.#first !== null && event.seq < this.#first);
    /** @type {Entry[]} */
    const entries = [];
    for (const event of older) this.#fold(event, entries);
    this.#entries = [...entries, ...this.#entries];
    this.#first = older[0]?.seq ?? this.#first;
    this.#more = more && older.length > 0;
  }

  /** Lets go of the oldest lines, which can be loaded again. @param {number} keep */
  trim(keep) {
    const excess = this.#entries.length - keep;
    if (excess <= 0) return;
    for (const entry of this.#entries.splice(0, excess)) this.#messages.delete(entry.seq);
    this.#first = this.#entries[0]?.seq ?? this.#first;
    this.#more = true;
  }

  /** @param {Event} event @param {Entry[]} entries */
  #fold(event, entries) {
    if (event.kind === "message_posted") {
      const message = messageOf(event);
      this.#messages.set(event.seq, message);
      entries.push(message);
    } else if (event.kind === "message_edited") {
      this.#change(event.target, { text: event.text ?? "", edited: true });
    } else if (event.kind === "message_removed") {
      this.#change(event.target, { text: "", removed: true });
    } else {
      entries.push(...presenceOf(event), ...changesOf(event));
    }
  }

  /** @param {number | undefined} target @param {Partial<MessageEntry>} changes */
  #change(target, changes) {
    const message = target === undefined ? undefined : this.#messages.get(target);
    if (message) Object.assign(message, changes);
  }
}

/** @param {Event} event @returns {MessageEntry} */
function messageOf({ seq, at, by = "", text = "", key = "", removed = false }) {
  return { kind: "message", seq, at, by, text, key, edited: false, removed };
}

/** @param {Event} event @returns {PresenceEntry[]} */
function presenceOf({ kind, seq, at, member, member_id = "", reason, until }) {
  /** @param {PresenceEntry["action"]} action @returns {PresenceEntry[]} */
  const entry = (action) => [
    { kind: "presence", seq, at, member_id: member?.member_id ?? member_id, action },
  ];
  if (kind === "member_joined") return entry("joined");
  if (kind === "member_left") return entry(reason === "removed" ? "removed" : "left");
  return kind === "member_removed" && until === undefined ? entry("removed") : [];
}
