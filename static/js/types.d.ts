/** What goes over the wire, as the browser sees it. The server's home of the same shapes is flask_chat/web/wire.py. */

export interface Room {
  room_id: string;
  code: string;
  topic: string;
  created_at: string;
}

export interface Member {
  member_id: string;
  name: string;
  hue: number;
  role: "host" | "cohost" | "guest";
  here: boolean;
}

/** One entry of the room's log. The fields beyond the first four belong to single kinds. */
export interface Event {
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
  topic?: string;
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

/** A message the browser has accepted from its user and the server has not told back yet. */
export interface OutboxItem {
  key: string;
  text: string;
  reply_to?: number;
  written_at: number;
  state: "waiting" | "sending" | "kept" | "failed";
  error?: ChatError;
  seq?: number;
}

/** Where an outbox keeps its items, so that they survive a reload. */
export interface ItemStore {
  all(): Promise<OutboxItem[]>;
  put(item: OutboxItem): Promise<void>;
  remove(key: string): Promise<void>;
}

/** What one line of the timeline is made from, after folding the log. */
export type Entry = MessageEntry | PresenceEntry;

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
  mine: boolean;
  first: boolean;
  last: boolean;
  text: string;
  edited: boolean;
  removed: boolean;
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
