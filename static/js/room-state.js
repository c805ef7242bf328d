/** The room as it stands now: its record, who I am, and everybody else; folded from welcomes and events. Knows no page. */

import { changesOf } from "./changes.js";
import { ServerClock } from "./lib/clock.js";
import { Roster } from "./presence.js";
import { isModerator, isMuted } from "./rights.js";

/** @import { Event, Member, Room, Welcome } from "./types.d.ts" */

export class RoomState {
  #roster = new Roster();
  #clock = new ServerClock();
  #room;
  #me;
  /** @type {number | null} when I have said something last, by the server's clock */
  #spokeAt = null;

  /** @param {Room} room @param {Member} me as far as the page knows them before the welcome */
  constructor(room, me) {
    this.#room = room;
    this.#me = me;
  }

  get room() {
    return this.#room;
  }

  get me() {
    return this.#me;
  }

  /** Those here, hosts first, then by name. */
  get here() {
    return this.#roster.here;
  }

  /** ms since 1970, by the server's clock: what `muted_until` and `until` are compared with. */
  get now() {
    return this.#clock.now;
  }

  /** Until when I am muted; null when I may speak. */
  get mutedUntil() {
    return isMuted(this.#me, this.now) ? (this.#me.muted_until ?? null) : null;
  }

  /** When slow mode lets me speak again, in ms by this device's clock; 0 when it does not hold me up. */
  get slowUntil() {
    const { slow_mode_seconds } = this.#room;
    if (slow_mode_seconds === 0 || isModerator(this.#me) || this.#spokeAt === null) return 0;
    const until = this.#clock.here(this.#spokeAt + slow_mode_seconds * 1000);
    return until > Date.now() ? until : 0;
  }

  /** In how many ms the next mute ends by itself, mine included; null for none. */
  get nextUnmuteMs() {
    const { now } = this;
    const ends = this.here.flatMap(({ muted_until }) =>
      muted_until === undefined ? [] : [Date.parse(muted_until) - now],
    );
    const ahead = ends.filter((ms) => ms > 0);
    return ahead.length === 0 ? null : Math.min(...ahead);
  }

  /** Somebody here, or once met. Never fails. @param {string} member_id */
  member(member_id) {
    return this.#roster.get(member_id);
  }

  /** What came with the page. @param {Member[]} members @param {Event[]} events */
  begin(members, events) {
    this.#roster.start(members);
    this.#me = this.#roster.find(this.#me.member_id) ?? this.#me;
    this.learn([], events);
  }

  /** @param {Welcome} welcome */
  welcome({ room, me, members, events, server_time }) {
    this.#clock.set(server_time);
    this.#room = room;
    this.#me = me;
    this.#roster.start(members);
    this.learn([], events);
  }

  /** Takes in who older events are about without repeating their news. @param {Member[]} members @param {Event[]} events */
  learn(members, events) {
    this.#roster.learn(members);
    for (const event of events) {
      if (event.member) this.#roster.learn([{ ...event.member, here: false }]);
      this.#noteSpeech(event);
    }
  }

  /** What has just happened. Returns whether anything here changed. @param {Event} event */
  apply(event) {
    this.#noteSpeech(event);
    this.#room = { ...this.#room, ...changedBy(event) };
    const isAboutPeople = this.#roster.apply(event);
    this.#me = this.#roster.find(this.#me.member_id) ?? this.#me;
    return isAboutPeople || event.kind === "room_changed";
  }

  /** @param {Event} event */
  #noteSpeech({ kind, by, at }) {
    if (kind !== "message_posted" || by !== this.#me.member_id) return;
    this.#spokeAt = Math.max(this.#spokeAt ?? 0, Date.parse(at));
  }
}

/** What an event changes about the room. @param {Event} event @returns {Partial<Room>} */
function changedBy(event) {
  if (event.kind === "host_changed" && event.member_id) return { host_id: event.member_id };
  const changes = changesOf(event).filter(({ member_id }) => member_id === "");
  return Object.fromEntries(changes.map(({ what, value }) => [what, value]));
}

/** The room as its page tells it, before there is a welcome. @param {DOMStringMap} page @returns {RoomState} */
export function readState(page) {
  const [member_id = "", code = ""] = [page.memberId, page.code];
  const role = /** @type {Member["role"]} */ (page.role ?? "guest");
  const numbers = { hue: Number(page.hue), glyph: Number(page.glyph) };
  const me = { member_id, name: page.name ?? "", ...numbers, role, here: true };
  const { roomId: room_id = "", createdAt: created_at = "", topic = "" } = page;
  const rules = {
    locked: false,
    knock: false,
    has_passcode: false,
    slow_mode_seconds: 0,
    invites: 0,
  };
  return new RoomState({ room_id, code, created_at, topic, host_id: "", ...rules }, me);
}
