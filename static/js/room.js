/** The room page: finds its elements and joins the parts together. */

import { Attention } from "./attention.js";
import { CatchUp } from "./catch-up.js";
import { describeSlowMode, newsOf } from "./changes.js";
import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { Draft } from "./drafts.js";
import { Ending, endOf, isFinal } from "./ending.js";
import { HostTools } from "./host-tools.js";
import { Hush } from "./hush.js";
import { Invite } from "./invite.js";
import { find, flag } from "./lib/dom.js";
import { isBlank } from "./lib/text.js";
import { followKeyboard } from "./lib/viewport.js";
import { MembersView } from "./members-view.js";
import { Announcer, Banner } from "./notices.js";
import { Outbox } from "./outbox.js";
import { openItems, sweepUnsent } from "./outbox-store.js";
import { OutboxView } from "./outbox-view.js";
import { Painter } from "./painter.js";
import { Reading } from "./reading.js";
import { readState } from "./room-state.js";
import { Tabs } from "./tabs.js";
import { Timeline } from "./timeline.js";
import { TimelineView } from "./timeline-view.js";
import { makeTurns } from "./turns.js";
import { TypingSender } from "./typing.js";
import { TypingView } from "./typing-view.js";
import { Wakes } from "./wakes.js";

/** @import { ChatError, ConnectionState, Event, Welcome } from "./types.d.ts" */

const ASK_AGAIN_MS = 2000;

/** @param {string} id */
const element = (id) => find(`#${id}`, HTMLElement);

class RoomPage {
  #page = element("room").dataset;
  #state = readState(this.#page);
  #code = this.#state.room.code;

  #timeline = new Timeline();
  #draft = new Draft({
    room_id: this.#page.roomId ?? "",
    member_id: this.#state.me.member_id,
    code: this.#code,
  });
  #announcer = new Announcer(element("announcer"));
  #reading = new Reading(this.#page.roomId ?? "");
  #hasStarted = false;
  #isBack = false;

  #connection = new Connection({
    token: this.#page.token ?? "",
    silenceMs: Number(this.#page.silenceSeconds) * 1000,
    after: () => this.#timeline.last,
    heard: {
      state: (state) => this.#stateChanged(state),
      welcome: (welcome) => this.#welcomed(welcome),
      event: (event) => this.#received(event),
      typing: ({ member_id, is_typing }) => this.#typers.hear(member_id, is_typing),
      knocks: (waiting) => this.#tools.knocked(waiting),
    },
  });

  #catchUp = new CatchUp({
    timeline: this.#timeline,
    ask: (range) => this.#connection.ask("history", range),
    heard: {
      missed: ({ members, events }) => {
        this.#state.learn(members, []);
        for (const event of events) this.#received(event);
      },
      older: ({ members, events }) => {
        this.#state.learn(members, events);
        this.#painter.paintNow({ isQuiet: true });
      },
      unanswered: () => setTimeout(() => this.#catchUp.fillHole(), ASK_AGAIN_MS),
      gone: () => {
        this.#timeline.forget();
        this.#connection.restart();
      },
    },
  });

  #memberId = this.#state.me.member_id;
  #store = openItems(this.#memberId, this.#code);

  #outbox = new Outbox({
    store: this.#store,
    turns: makeTurns(this.#memberId, this.#store),
    tabs: new Tabs(this.#memberId),
    send: ({ key, text, reply_to }) =>
      this.#connection.ask("post", reply_to ? { key, text, reply_to } : { key, text }),
    changed: () => this.#outboxChanged(),
  });

  #view = new TimelineView({
    scroller: element("scroller"),
    column: element("column"),
    lines: element("lines"),
    heard: {
      moved: () => this.#attention.update(),
      older: () => this.#loadOlder(),
      retry: (key) => this.#outbox.retry(key),
      discard: (key) => this.#outbox.discard(key),
      edit: (key) => this.#composer.restore(this.#outbox.discard(key)),
    },
  });

  #painter = new Painter({
    timeline: this.#timeline,
    view: this.#view,
    gather: () => ({
      outbox: this.#outbox.items,
      me: this.#state.me,
      member: (id) => this.#state.member(id),
      newAfter: this.#reading.newAfter,
    }),
    painted: (rows) => this.#painted(rows),
  });

  #attention = new Attention({
    reading: this.#reading,
    view: this.#view,
    pill: element("pill"),
    text: element("pill-text"),
    last: () => this.#timeline.last,
    unmarked: () => this.#painter.paint(),
  });

  #composer = new Composer({
    form: find("#composer", HTMLFormElement),
    text: find("#text", HTMLTextAreaElement),
    send: find("#send", HTMLButtonElement),
    count: element("count"),
    reason: element("send-reason"),
    wait: element("send-wait"),
    hushed: element("hushed"),
    limit: Number(this.#page.messageLimit),
    heard: { send: (text) => this.#post(text), changed: (text) => this.#textChanged(text) },
  });

  #unsent = new OutboxView({
    outbox: this.#outbox,
    line: element("queue"),
    question: element("stale"),
    composer: this.#composer,
    pace: () =>
      this.#state.mutedUntil === null && !this.#isOver
        ? { until: this.#state.slowUntil, words: describeSlowMode(this.#state), isHushed: false }
        : { until: 0, words: "", isHushed: true },
  });

  #typing = new TypingSender((is_typing) => this.#connection.tell("typing", { is_typing }));
  #typers = new TypingView({
    line: element("typing"),
    text: element("typing-text"),
    nameOf: (id) => (id === this.#memberId ? "" : this.#state.member(id).name),
  });

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

  #ending = new Ending(element("over"), () => this.#unsent.words);

  #invite = new Invite({
    dialog: find("#invite", HTMLDialogElement),
    url: this.#page.shareUrl ?? location.href,
    code: this.#code,
    room: () => this.#state.room,
    ask: () => this.#connection.ask("invite", {}),
    say: (sentence) => this.#announcer.say(sentence),
  });

  #hush = new Hush({
    state: this.#state,
    composer: this.#composer,
    changed: () => this.#drawPeople(),
    say: (sentence) => this.#announcer.say(sentence),
  });

  #tools = new HostTools({
    urls: { script: this.#page.hostScript ?? "", markup: this.#page.hostMarkup ?? "" },
    state: this.#state,
    ask: (name, data) => this.#connection.ask(name, data),
    message: (seq) => this.#timeline.message(seq),
    rewrite: (text) => this.#composer.restore(text),
    renewed: (invite) => this.#invite.renew(invite),
    say: (sentence) => this.#announcer.say(sentence),
    nudge: () => this.#attention.nudge(),
    focus: () => this.#composer.focus(),
  });

  #wakes = new Wakes({
    hurry: () => this.#connection.wake(),
    doubt: (asleepMs) => this.#connection.doubt(asleepMs),
    aside: () => this.#putAside(),
    back: () => this.#bringBack(),
  });

  start() {
    this.#view.start();
    this.#showPage();
    this.#members.start();
    this.#invite.start();
    this.#tools.start();
    this.#composer.start(this.#draft.take());
    this.#attention.start();
    this.#connection.start();
    this.#wakes.start();
    this.#outbox.start().then(() => sweepUnsent(Date.now()));
    followKeyboard(new AbortController().signal);
    find("#leave-form", HTMLFormElement).addEventListener(
      "submit",
      (event) => this.#isOver || this.#unsent.leaving(event),
    );
    this.#painter.start();
  }

  /** Shows at once what came with the page; the welcome brings what has happened since. */
  #showPage() {
    const { events, members, more } = JSON.parse(element("history").textContent ?? "");
    this.#state.begin(members, events);
    this.#startOver(events, more);
    this.#drawPeople();
    this.#painter.paintNow({ isQuiet: true });
  }

  /** The page is being left, perhaps to come back as it is: nothing stays open that would prevent that. */
  #putAside() {
    this.#draft.flush();
    this.#typing.sent();
    this.#connection.suspend();
    this.#outbox.stop();
  }

  #bringBack() {
    this.#isBack = true;
    if (this.#isOver) return this.#hide();
    this.#connection.resume();
    this.#outbox.start();
  }

  get #isOver() {
    return this.#connection.state.name === "closed";
  }

  // ---- what the server tells

  /** @param {Welcome} welcome */
  #welcomed(welcome) {
    const { events, more, reset } = welcome;
    const { invites } = this.#state.room;
    this.#isBack = false;
    this.#state.welcome(welcome);
    this.#typers.clear();
    const isFresh = reset || this.#timeline.last === null;
    if (isFresh) this.#startOver(events, more);
    else for (const event of events) this.#received(event);
    this.#drawPeople();
    this.#drawRoom(this.#state.room.invites !== invites);
    this.#tools.welcomed();
    this.#outbox.setOnline(true);
  }

  /** @param {Event[]} events @param {boolean} more */
  #startOver(events, more) {
    const shown = this.#timeline.start(events, more);
    for (const event of shown) this.#settle(event);
    if (!this.#hasStarted) this.#reading.start(events, this.#memberId);
    this.#hasStarted = true;
    this.#view.clear();
    this.#painter.paint({ isQuiet: true });
    this.#attention.read();
  }

  /** @param {Event} event */
  #received(event) {
    if (this.#timeline.last === null) return;
    const wasThere = this.#attention.isThere;
    const shown = this.#timeline.receive(event);
    for (const one of shown) this.#apply(one, wasThere);
    if (shown.length > 0) this.#painter.paint();
    if (this.#timeline.hasHole) this.#catchUp.fillHole();
  }

  /** @param {Event} event @param {boolean} wasThere */
  #apply(event, wasThere) {
    if (this.#state.apply(event)) this.#stateApplied(event);
    const end = endOf(event, this.#memberId);
    if (end) this.#connection.stop(end);
    if (event.member_id && event.kind !== "member_joined") this.#typers.forget(event.member_id);
    this.#settle(event);
    if (event.kind !== "message_posted" || event.by === this.#memberId) return;
    this.#typers.forget(event.by ?? "");
    this.#announcer.say(`${this.#state.member(event.by ?? "").name}: ${event.text}`);
    if (wasThere) this.#attention.read();
    else this.#attention.miss(event);
  }

  /** Somebody, or the room, is not what it was. @param {Event} event */
  #stateApplied(event) {
    this.#drawPeople();
    if (event.kind === "room_changed") this.#drawRoom(event.invites !== undefined);
    if (event.slow_mode_seconds !== undefined) this.#outbox.hurry();
    this.#tools.draw();
    for (const sentence of newsOf(event, this.#state)) this.#announcer.say(sentence);
  }

  /** A message of mine that has arrived leaves the outbox, whether or not its acknowledgement came. @param {Event} event */
  #settle(event) {
    if (event.by === this.#memberId && event.key) this.#outbox.settle(event.key, event.seq);
  }

  async #loadOlder() {
    const isAnswered = await this.#catchUp.loadOlder();
    if (isAnswered) this.#view.loaded();
    else setTimeout(() => this.#view.loaded(), ASK_AGAIN_MS);
  }

  /** @param {ConnectionState} state */
  #stateChanged(state) {
    this.#page.connection = state.name; // for style sheets, and for whoever looks in from outside
    this.#banner.show(state);
    if (state.name === "online") return;
    this.#outbox.setOnline(false);
    this.#timeline.forgetEarly();
    this.#typers.clear();
    if (state.name === "closed") this.#over(state.error ?? { code: "left", message: "" });
  }

  // ---- what I do

  /** @param {string} text */
  #post(text) {
    this.#typing.sent();
    this.#outbox.add(text);
    this.#painter.paint({ toEnd: true });
    this.#attention.read();
    this.#reading.unmark();
  }

  /** @param {string} text */
  #textChanged(text) {
    this.#draft.change(text);
    if (text === "") this.#draft.flush();
    this.#typing.changed(isBlank(text) || this.#state.mutedUntil !== null);
  }

  #outboxChanged() {
    this.#outbox.settleUpTo(this.#timeline.last ?? 0);
    for (const { state, error } of this.#outbox.items)
      if (state === "failed" && error && isFinal(error.code)) this.#connection.stop(error);
    this.#page.unsent = String(this.#outbox.waitingCount); // for whoever looks in from outside
    this.#unsent.draw();
    this.#painter.paint();
  }

  /** No way back: says why, and keeps what was not sent within reach. @param {ChatError} error */
  #over(error) {
    if (this.#isBack) this.#hide();
    this.#typing.stop();
    this.#draft.flush();
    this.#tools.stop();
    this.#hush.stop();
    this.#members.close();
    const sentence = this.#ending.show(error, this.#code);
    find("#composer", HTMLFormElement).hidden = true;
    flag(element("room"), "over", true);
    this.#outbox.close({ ...error, message: sentence.slice(0, sentence.indexOf(".")) });
    this.#announcer.say(sentence);
  }

  /** Left for good and then back by the browser's button: there is no room to look at any more. */
  #hide() {
    if (this.#unsent.words === "") location.reload();
  }

  // ---- drawing

  /** @param {import("./types.d.ts").Row[]} rows */
  #painted(rows) {
    const isEmpty = !this.#timeline.more && rows.every(({ type }) => type !== "message");
    element("invitation").hidden = !isEmpty;
    this.#attention.draw();
  }

  #drawPeople() {
    const { here, me, now } = this.#state;
    this.#members.draw(here, me, now);
    this.#hush.draw();
    this.#unsent.draw();
    this.#painter.paint();
  }

  /** @param {boolean} isRenewed the invite link is another one */
  #drawRoom(isRenewed) {
    const { topic, locked } = this.#state.room;
    element("topic").textContent = topic;
    element("locked").hidden = !locked;
    this.#invite.changed(isRenewed);
    this.#unsent.draw();
  }
}

new RoomPage().start();
