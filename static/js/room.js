/** The room page: finds its elements and joins the parts together. */

import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { Draft } from "./drafts.js";
import { Invite } from "./invite.js";
import { copyText, find, flag } from "./lib/dom.js";
import { recall, remember } from "./lib/storage.js";
import { plural } from "./lib/text.js";
import { msUntilMidnight } from "./lib/time.js";
import { MembersView } from "./members-view.js";
import { Announcer, Banner } from "./notices.js";
import { LocalItems, Outbox, sweepOutboxes } from "./outbox.js";
import { Roster } from "./presence.js";
import { arrange } from "./rows.js";
import { Timeline } from "./timeline.js";
import { TimelineView } from "./timeline-view.js";
import { TitleCount } from "./title.js";
import { describeTyping, TypingSender, TypingTracker } from "./typing.js";

/** @import { ChatError, ConnectionState, Event, History, Member, Posted, Welcome } from "./types.d.ts" */

const PAGE_EVENTS = 100;
const KEPT_LINES = 1000;
const KEPT_LINES_AT_END = 500;

/** @param {string} id */
const element = (id) => find(`#${id}`, HTMLElement);

class RoomPage {
  #page = element("room").dataset;
  /** @type {Member} */
  #me = {
    member_id: this.#page.memberId ?? "",
    name: this.#page.name ?? "",
    hue: Number(this.#page.hue),
    role: /** @type {Member["role"]} */ (this.#page.role ?? "guest"),
    here: true,
  };
  #code = this.#page.code ?? "";
  #readKey = `read:${this.#page.roomId}`;

  #timeline = new Timeline();
  #roster = new Roster();
  #title = new TitleCount();
  #draft = new Draft(this.#page.roomId ?? "");
  #announcer = new Announcer(element("announcer"));
  /** @type {number | null} the seq after which "New" is drawn */
  #newAfter = null;
  #unread = 0;
  #hasWelcome = false;
  #isFilling = false;
  #isDrawing = false;
  #drawHow = { toEnd: false, isQuiet: false };
  /** @type {Event | null} the event that ended this membership */
  #ending = null;

  #connection = new Connection({
    token: this.#page.token ?? "",
    after: () => this.#timeline.last,
    heard: {
      state: (state) => this.#stateChanged(state),
      welcome: (welcome) => this.#welcomed(welcome),
      event: (event) => this.#received(event),
      typing: ({ member_id, is_typing }) => this.#typers.hear(member_id, is_typing),
    },
  });

  #outbox = new Outbox({
    store: new LocalItems(this.#me.member_id),
    send: ({ key, text, reply_to }) =>
      /** @type {Promise<import("./types.d.ts").Reply<Posted> | null>} */ (
        this.#connection.ask("post", reply_to ? { key, text, reply_to } : { key, text })
      ),
    changed: () => this.#outboxChanged(),
  });

  #view = new TimelineView({
    scroller: element("scroller"),
    column: element("column"),
    lines: element("lines"),
    heard: {
      moved: () => this.#readingChanged(),
      older: () => this.#loadOlder(),
      retry: (key) => this.#outbox.retry(key),
      discard: (key) => this.#discard(key),
    },
  });

  #composer = new Composer({
    form: find("#composer", HTMLFormElement),
    text: find("#text", HTMLTextAreaElement),
    send: find("#send", HTMLButtonElement),
    count: element("count"),
    reason: element("send-reason"),
    wait: element("send-wait"),
    limit: Number(this.#page.messageLimit),
    heard: { send: (text) => this.#post(text), changed: (text) => this.#textChanged(text) },
  });

  #typing = new TypingSender((is_typing) => this.#connection.tell("typing", { is_typing }));
  #typers = new TypingTracker(() => this.#drawTyping());

  #members = new MembersView({
    panel: element("members"),
    list: element("people"),
    title: element("members-title"),
    button: element("people-button"),
    close: element("members-close"),
    count: element("people-count"),
  });

  #banner = new Banner({
    element: element("banner"),
    text: element("banner-text"),
    button: find("#banner-now", HTMLButtonElement),
    now: () => this.#connection.wake(),
    waiting: () => this.#outbox.waitingCount,
    say: (sentence) => this.#announcer.say(sentence),
  });

  #invite = new Invite({
    dialog: find("#invite", HTMLDialogElement),
    url: this.#page.shareUrl ?? location.href,
    code: this.#code,
    say: (sentence) => this.#announcer.say(sentence),
  });

  start() {
    sweepOutboxes(Date.now());
    this.#view.start();
    this.#members.start();
    this.#invite.start();
    this.#composer.start(this.#draft.text);
    this.#connection.start();
    this.#outbox.start();
    window.addEventListener("focus", () => this.#readingChanged());
    window.addEventListener("blur", () => this.#lookedAway());
    document.addEventListener("visibilitychange", () => this.#readingChanged());
    window.addEventListener("pagehide", () => this.#draft.flush());
    element("pill").addEventListener("click", () => this.#view.toEnd());
    find("#leave-form", HTMLFormElement).addEventListener("submit", (event) =>
      this.#leaving(event),
    );
    find("#over-copy", HTMLButtonElement).addEventListener("click", () => this.#copyUnsent());
    this.#rollAtMidnight();
  }

  // ---- what the server tells

  /** @param {Welcome} welcome */
  #welcomed({ room, me, members, events, more, reset }) {
    this.#me = me;
    this.#roster.start(members);
    this.#typers.clear();
    this.#showTopic(room.topic);
    const isFresh = reset || this.#timeline.last === null;
    if (isFresh) this.#startOver(events, more);
    else for (const event of events) this.#received(event);
    this.#drawMembers();
    this.#outbox.setOnline(true);
  }

  /** @param {Event[]} events @param {boolean} more */
  #startOver(events, more) {
    for (const event of events) this.#learn(event);
    const shown = this.#timeline.start(events, more);
    for (const event of shown) this.#settle(event);
    if (!this.#hasWelcome) this.#markFromLastVisit(events);
    this.#hasWelcome = true;
    this.#view.clear();
    this.#draw({ isQuiet: true });
    this.#markRead();
  }

  /** @param {Event} event */
  #received(event) {
    if (this.#timeline.last === null) return;
    const wasReading = this.#isReading();
    const shown = this.#timeline.receive(event);
    for (const one of shown) this.#apply(one, wasReading);
    if (shown.length > 0) this.#draw({});
    if (this.#timeline.hasHole) this.#fillHole();
  }

  /** @param {Event} event @param {boolean} wasReading */
  #apply(event, wasReading) {
    if (this.#roster.apply(event)) this.#drawMembers();
    if (event.kind === "room_changed" && event.topic !== undefined) this.#showTopic(event.topic);
    if (event.kind === "room_ended" || isEndOf(event, this.#me.member_id)) this.#end(event);
    if (event.member_id && event.kind !== "member_joined") this.#typers.forget(event.member_id);
    this.#settle(event);
    if (event.kind !== "message_posted" || event.by === this.#me.member_id) return;
    this.#typers.forget(event.by ?? "");
    this.#announcer.say(`${this.#roster.get(event.by ?? "").name}: ${event.text}`);
    if (wasReading) return this.#markRead();
    if (this.#unread === 0) this.#newAfter = event.seq - 1;
    this.#unread += 1;
    this.#title.add(1);
    this.#drawPill();
  }

  /** Takes in who an event is about without repeating its news. @param {Event} event */
  #learn(event) {
    if (event.member) this.#roster.learn([{ ...event.member, here: false }]);
  }

  /** A message of mine that has arrived leaves the outbox, whether or not its acknowledgement came. @param {Event} event */
  #settle(event) {
    if (event.by === this.#me.member_id && event.key) this.#outbox.settle(event.key);
  }

  async #fillHole() {
    if (this.#isFilling) return;
    this.#isFilling = true;
    while (this.#timeline.hasHole) {
      const after = this.#timeline.last ?? 0;
      const reply = await this.#ask({ after, limit: PAGE_EVENTS });
      if (reply === null) break;
      this.#roster.learn(reply.members);
      const before = this.#timeline.last;
      for (const event of reply.events) this.#received(event);
      if (this.#timeline.last === before) {
        this.#timeline.forget(); // what is missing is no longer kept: start over from the newest
        this.#connection.restart();
        break;
      }
    }
    this.#isFilling = false;
  }

  async #loadOlder() {
    const before = this.#timeline.first;
    const reply = before === null ? null : await this.#ask({ before, limit: PAGE_EVENTS });
    if (reply && before === this.#timeline.first) {
      this.#roster.learn(reply.members);
      for (const event of reply.events) this.#learn(event);
      this.#timeline.prepend(reply.events, reply.more);
      this.#drawNow({ isQuiet: true });
    }
    if (reply) this.#view.loaded();
    else setTimeout(() => this.#view.loaded(), 2000);
  }

  /** @param {object} range @returns {Promise<History | null>} */
  async #ask(range) {
    const reply = /** @type {import("./types.d.ts").Reply<History> | null} */ (
      await this.#connection.ask("history", range)
    );
    return reply?.ok ? reply : null;
  }

  /** @param {ConnectionState} state */
  #stateChanged(state) {
    this.#page.connection = state.name; // for style sheets, and for whoever looks in from outside
    this.#banner.show(state);
    if (state.name === "online") return;
    this.#outbox.setOnline(false);
    this.#timeline.forgetEarly();
    this.#typers.clear();
    if (state.name === "closed") this.#over(state.error);
    else if (this.#ending) this.#connection.stop();
  }

  // ---- what I do

  /** @param {string} text */
  #post(text) {
    this.#newAfter = null;
    this.#drawHow.toEnd = true;
    this.#typing.stop();
    this.#outbox.add(text);
    this.#markRead();
  }

  /** @param {string} text */
  #textChanged(text) {
    this.#draft.change(text);
    if (text === "") this.#draft.flush();
    this.#typing.changed(text.trim() === "");
  }

  /** Discarding gives the words back when the box is free for them. @param {string} key */
  #discard(key) {
    this.#outbox.discard(key);
  }

  #outboxChanged() {
    const last = this.#timeline.last ?? 0;
    for (const item of this.#outbox.items) {
      if (item.state === "kept" && item.seq !== undefined && item.seq <= last)
        this.#outbox.settle(item.key);
      if (item.state === "failed" && item.error && isFinal(item.error))
        this.#connection.stop(item.error);
    }
    this.#composer.slow(this.#outbox.waitUntil);
    this.#draw({});
  }

  /** @param {SubmitEvent} event */
  async #leaving(event) {
    const unsent = this.#outbox.items.filter(({ state }) => state !== "kept").length;
    if (unsent === 0 || this.#ending) return;
    event.preventDefault();
    const form = event.target;
    const dialog = find("#leave-dialog", HTMLDialogElement);
    element("leave-text").textContent =
      `${plural(unsent, "message has", "messages have")} not been sent yet and would be lost.`;
    dialog.returnValue = "";
    dialog.showModal();
    await new Promise((closed) => dialog.addEventListener("close", closed, { once: true }));
    if (dialog.returnValue === "leave" && form instanceof HTMLFormElement) form.submit();
  }

  // ---- the end

  /** @param {Event} event */
  #end(event) {
    this.#ending = event;
    this.#connection.stop({
      code: event.kind === "room_ended" ? "room_ended" : (event.reason ?? "left"),
      message: "",
    });
  }

  /** @param {ChatError | undefined} error */
  #over(error) {
    const { title, text, again } = describeEnd(error?.code ?? "left", this.#code);
    element("over-title").textContent = title;
    element("over-text").textContent = text;
    element("over-again").hidden = !again;
    element("over-copy").hidden = this.#unsentText() === "";
    element("over").hidden = false;
    find("#composer", HTMLFormElement).hidden = true;
    flag(element("room"), "over", true);
    this.#typing.stop();
    this.#draft.flush();
    this.#outbox.close({ code: error?.code ?? "left", message: title });
    this.#announcer.say(`${title}. ${text}`);
  }

  #unsentText() {
    const unsent = this.#outbox.items
      .filter(({ state }) => state !== "kept")
      .map(({ text }) => text);
    return [...unsent, this.#composer.text].filter((text) => text.trim() !== "").join("\n\n");
  }

  async #copyUnsent() {
    const isCopied = await copyText(this.#unsentText(), document.body);
    element("over-copy").textContent = isCopied ? "Copied" : "Could not copy";
  }

  // ---- reading

  #isReading() {
    return document.visibilityState === "visible" && document.hasFocus() && this.#view.isAtEnd;
  }

  #readingChanged() {
    if (this.#isReading()) this.#markRead();
    this.#drawPill();
  }

  /** Who looks away with everything read comes back to a mark of its own. */
  #lookedAway() {
    if (this.#unread > 0 || this.#newAfter === null) return;
    this.#newAfter = null;
    this.#draw({});
  }

  #markRead() {
    if (!this.#isReading()) return;
    this.#unread = 0;
    this.#title.reset();
    remember(this.#readKey, String(this.#timeline.last ?? ""));
    this.#drawPill();
  }

  /** @param {Event[]} events */
  #markFromLastVisit(events) {
    const read = Number(recall(this.#readKey) ?? Number.NaN);
    const isNew = (/** @type {Event} */ { seq, kind, by }) =>
      seq > read && kind === "message_posted" && by !== this.#me.member_id;
    if (events.some(isNew)) this.#newAfter = read;
  }

  // ---- drawing

  /** Draws once per frame, however much comes; a hidden tab has no frames. @param {{toEnd?: boolean, isQuiet?: boolean}} how */
  #draw(how) {
    this.#drawHow.toEnd ||= how.toEnd ?? false;
    this.#drawHow.isQuiet ||= how.isQuiet ?? false;
    if (this.#isDrawing || !this.#hasWelcome) return;
    this.#isDrawing = true;
    if (document.visibilityState === "visible") requestAnimationFrame(() => this.#drawNow());
    else setTimeout(() => this.#drawNow(), 200);
  }

  /** @param {{isQuiet?: boolean}} [how] */
  #drawNow(how = {}) {
    this.#isDrawing = false;
    if (this.#view.isAtEnd && this.#timeline.entries.length > KEPT_LINES)
      this.#timeline.trim(KEPT_LINES_AT_END);
    const rows = arrange({
      entries: this.#timeline.entries,
      outbox: this.#outbox.items,
      me: this.#me,
      member: (id) => this.#roster.get(id),
      newAfter: this.#newAfter,
      now: Date.now(),
    });
    this.#view.draw(rows, { ...this.#drawHow, ...how, canLoad: this.#timeline.more });
    this.#drawHow = { toEnd: false, isQuiet: false };
    element("invitation").hidden =
      this.#timeline.more || rows.some(({ type }) => type === "message");
    this.#drawPill();
  }

  #drawPill() {
    element("pill").hidden = this.#view.isAtEnd;
    element("pill-text").textContent =
      this.#unread > 0 ? plural(this.#unread, "new message") : "To the newest";
    flag(element("pill"), "new", this.#unread > 0);
  }

  #drawMembers() {
    this.#members.draw(this.#roster.here, this.#me.member_id);
  }

  #drawTyping() {
    const others = this.#typers.members.filter((id) => id !== this.#me.member_id);
    const sentence = describeTyping(others.map((id) => this.#roster.get(id).name));
    element("typing-text").textContent = sentence;
    flag(element("typing"), "shown", sentence !== "");
  }

  /** @param {string} topic */
  #showTopic(topic) {
    element("topic").textContent = topic;
  }

  #rollAtMidnight() {
    setTimeout(() => {
      this.#draw({ isQuiet: true });
      this.#rollAtMidnight();
    }, msUntilMidnight(Date.now()) + 50);
  }
}

/** Whether an event says that this member is no longer one. @param {Event} event @param {string} me */
function isEndOf({ kind, member_id, reason }, me) {
  if (member_id !== me) return false;
  return kind === "member_removed" || (kind === "member_left" && reason !== "gone");
}

/** @param {ChatError} error */
function isFinal({ code }) {
  return code === "room_ended" || code === "token_invalid" || code === "room_not_found";
}

/** @param {string} code @param {string} room */
function describeEnd(code, room) {
  if (code === "room_ended" || code === "room_not_found") {
    return {
      title: "This room has ended",
      text: `${room} may lead to another room one day. What was said here is gone from the server.`,
      again: false,
    };
  }
  if (code === "removed")
    return {
      title: "You were removed from this room",
      text: "The host has ended your stay here.",
      again: false,
    };
  if (code === "left")
    return {
      title: "You have left this room",
      text: `The code ${room} lets you back in.`,
      again: true,
    };
  return {
    title: "You are not in this room any more",
    text: `Join again with the code ${room}.`,
    again: true,
  };
}

new RoomPage().start();
