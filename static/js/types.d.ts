/** What goes over the wire, as the browser sees it. The server's home of the same shapes is flask_chat/web/wire.py. */

export interface Room {
  room_id: string;
  code: string;
  topic: string;
  created_at: string;
  host_id: string;
  /** Nobody new comes in by the code. */
  locked: boolean;
  /** Whoever comes by the code has to be let in. */
  knock: boolean;
  has_passcode: boolean;
  /** Between two messages of a guest; 0 for none. */
  slow_mode_seconds: number;
  /** How often the invite was renewed. */
  invites: number;
}

/** What a `room_changed` may change. */
export type RoomChange = Partial<
  Pick<Room, "topic" | "locked" | "knock" | "has_passcode" | "slow_mode_seconds" | "invites">
>;

export interface Member {
  member_id: string;
  name: string;
  hue: number;
  /** 0 to 7, the shape of the avatar. */
  glyph: number;
  role: "host" | "cohost" | "guest";
  here: boolean;
  /** May be over by now; the year 9999 is until it is lifted. */
  muted_until?: string;
}

/** Somebody who waits at the door. */
export interface Knock {
  knock_id: string;
  name: string;
  at: string;
}

/** Somebody who is kept out. */
export interface Ban {
  member_id: string;
  name: string;
  until: string;
  network: boolean;
}

/** One entry of the room's log. The fields beyond the first four belong to single kinds. */
export interface Event extends RoomChange {
  seq: number;
  kind: string;
  at: string;
  by?: string;
  text?: string;
  key?: string;
  reply_to?: number;
  target?: number;
  member?: Member;
  member_id?: string;
  name?: string;
  role?: Member["role"];
  /** Null: not muted any more. */
  muted_until?: string | null;
  /** Who was the host before. */
  previous?: string;
  /** A message whose words are gone; or until when somebody is kept out. */
  removed?: boolean;
  until?: string;
  reason?: string;
}

export interface Welcome {
  room: Room;
  me: Member;
  members: Member[];
  events: Event[];
  more: boolean;
  reset: boolean;
  server_time: string;
}

export interface ChatError {
  code: string;
  message: string;
  field?: string;
  retry_after_seconds?: number;
  limit?: number;
  until?: string;
  suggestion?: string;
}

/** The acknowledgement of anything a client asks. */
export type Reply<T = object> = ({ ok: true } & T) | { ok: false; error: ChatError };

export interface Posted {
  seq: number;
  at: string;
}

export interface History {
  events: Event[];
  members: Member[];
  more: boolean;
}

/** Something that may be done with a person, as a menu offers it. */
export interface Way {
  act: "mute" | "unmute" | "remove" | "ban" | "promote" | "demote" | "hand-over";
  label: string;
  /** For how long; 0 until it is lifted. */
  seconds?: number;
}

/** Something to ask of the server, what is said once it is done, and what does the opposite. */
export interface Act {
  ask: { action: string } & Record<string, unknown>;
  done: string;
  undo?: Omit<Act, "undo">;
}

/** How it stands with somebody who has knocked; "over" is expired, or the room is. */
export type KnockState = "waiting" | "admitted" | "refused" | "over";

/** A message the browser has accepted from its user and the server has not told back yet. */
export interface OutboxItem {
  key: string;
  text: string;
  reply_to?: number;
  /** All times in here are milliseconds since 1970, by this browser's clock. */
  written_at: number;
  /** When its writer last said that it should go, though it is old. */
  agreed_at?: number;
  /** Where it stands among the others, of all tabs. */
  place: number;
  state: "waiting" | "sending" | "kept" | "failed";
  error?: ChatError;
  seq?: number;
}

/** An item as it is kept, with what is needed to find it again. */
export interface KeptItem extends OutboxItem {
  member_id: string;
  code: string;
}

/** What somebody has begun to write, as it is kept. */
export interface KeptDraft {
  room_id: string;
  member_id: string;
  code: string;
  text: string;
  written_at: number;
}

/** Where an outbox keeps its items, so that they survive a reload. Nothing in here ever throws. */
export interface ItemStore {
  /** Null when they cannot be read just now. */
  all(): Promise<OutboxItem[] | null>;
  /** Whether it is kept. What can be done at once is done before the promise is returned, as the page may be closing. */
  put(item: OutboxItem): Promise<boolean>;
  remove(key: string): Promise<void>;
  /** Takes the turn to send until a moment, unless another owner has it; null when this place cannot tell. */
  claim(owner: string, now: number, until: number): Promise<boolean | null>;
  release(owner: string): Promise<void>;
}

/** Lets one tab at a time do something. */
export interface Turns {
  /** Runs `work` once it is this tab's turn; not at all when stopped before that. */
  take(work: (waited: boolean) => Promise<void>): Promise<void>;
  stop(): void;
}

/** To the other tabs of the same member; what one tab tells arrives in that order. */
export interface TabChannel {
  start(heard: (message: TabMessage) => void): void;
  stop(): void;
  tell(message: TabMessage): void;
}

/** What the tabs of one member tell each other. */
export type TabMessage =
  | { type: "put"; item: OutboxItem }
  | { type: "sending" | "waiting" | "removed"; key: string }
  | { type: "kept"; key: string; seq: number }
  | { type: "wait"; until: number; error: ChatError | null; pace_ms: number };

/** What one line of the timeline is made from, after folding the log. */
export type Entry = MessageEntry | PresenceEntry | ChangeEntry;

export interface MessageEntry {
  kind: "message";
  seq: number;
  at: string;
  by: string;
  text: string;
  key: string;
  edited: boolean;
  removed: boolean;
}

export interface PresenceEntry {
  kind: "presence";
  seq: number;
  at: string;
  member_id: string;
  action: "joined" | "left" | "removed";
}

/** One thing that somebody, or the server, has changed about the room or a person. */
export interface ChangeEntry {
  kind: "change";
  seq: number;
  at: string;
  by: string;
  what: keyof RoomChange | "role" | "muted_until" | "host" | "banned";
  /** Of the room's property, the role, or until when. */
  value: string | number | boolean | null;
  /** Whom it is about. */
  member_id: string;
}

/** One row on screen. `id` stays the same for as long as it is the same thing. */
export type Row = MessageRow | PresenceRow | DayRow | NewRow;

export interface MessageRow {
  type: "message";
  id: string;
  seq: number;
  at: string;
  by: string;
  name: string;
  hue: number;
  glyph: number;
  mine: boolean;
  first: boolean;
  last: boolean;
  text: string;
  edited: boolean;
  removed: boolean;
  /** Whether it has a menu. */
  acts: boolean;
  state: OutboxItem["state"] | "";
  error?: ChatError;
  key: string;
}

export interface PresenceRow {
  type: "presence";
  id: string;
  at: string;
  text: string;
}

export interface DayRow {
  type: "day";
  id: string;
  at: string;
  text: string;
}

export interface NewRow {
  type: "new";
  id: string;
}

/** How the line to the server stands. */
export type ConnectionState =
  | { name: "connecting"; since: number; attempt: number }
  | {
      name: "waiting";
      since: number;
      attempt: number;
      until: number;
      error?: ChatError;
      stopping: boolean;
    }
  | { name: "offline"; since: number }
  | { name: "online" }
  | { name: "closed"; error?: ChatError };
