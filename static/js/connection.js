/**
 * The line to the server: the only module that knows Socket.IO. Connects, comes back after every loss with
 * growing, jittered pauses, and tells how it stands. Sends only while connected, so that nothing queues twice.
 */

import { io } from "socket.io-client";
import { isFinal } from "./ending.js";

/** @import { ChatError, ConnectionState, Event, Reply, Welcome } from "./types.d.ts" */

const ANSWER_MS = 10_000;
const PROBE_MS = 4000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 20_000;
const LONG_HIDDEN_MS = 30_000;
const SERVICE_RESTART = 1012; // RFC 6455 §7.4.1 and its registry
const GOING_AWAY = 1001; // what our server closes with, too, with the reason "server is stopping"

export class Connection {
  #socket;
  #heard;
  #after;
  /** @type {ConnectionState} */
  #state = { name: "connecting", since: Date.now(), attempt: 0 };
  #lostAt = Date.now();
  #attempt = 0;
  #isClosed = false;
  #isStopping = false;
  #hiddenAt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {AbortController | null} */
  #listening = null;

  /**
   * @param {object} given
   * @param {string} given.token
   * @param {() => number | null} given.after the last seq seen without a hole
   * @param {object} given.heard
   * @param {(state: ConnectionState) => void} given.heard.state
   * @param {(welcome: Welcome) => void} given.heard.welcome
   * @param {(event: Event) => void} given.heard.event
   * @param {(typing: {member_id: string, is_typing: boolean}) => void} given.heard.typing
   */
  constructor({ token, after, heard }) {
    this.#after = after;
    this.#heard = heard;
    this.#socket = io({
      autoConnect: false,
      reconnection: false,
      transports: ["websocket", "polling"],
      tryAllTransports: true,
      timeout: ANSWER_MS,
      auth: (give) => give({ token, ...this.#resumePoint() }),
    });
  }

  #resumePoint() {
    const after = this.#after();
    return after === null ? {} : { after };
  }

  get state() {
    return this.#state;
  }

  start() {
    const socket = this.#socket;
    socket.on("connect", () => this.#awaitWelcome());
    socket.on("welcome", (welcome) => this.#welcome(welcome));
    socket.on("event", (event) => this.#heard.event(event));
    socket.on("typing", (typing) => this.#heard.typing(typing));
    socket.on("connect_error", (error) => this.#refused(error));
    socket.on("disconnect", (_reason, details) => this.#lost(details));
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    window.addEventListener("online", () => this.wake(), { signal });
    window.addEventListener("offline", () => this.#check(), { signal });
    window.addEventListener("pageshow", (event) => event.persisted && this.#check(), { signal });
    document.addEventListener("visibilitychange", () => this.#visibilityChanged(), { signal });
    this.#connect();
  }

  /** Closes for good; `error` says why, if it was not our own wish. @param {ChatError} [error] */
  stop(error) {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#listening?.abort();
    this.#socket.disconnect();
    this.#tell({ name: "closed", error });
  }

  /** Tries again now instead of waiting. */
  wake() {
    if (this.#isClosed || this.#socket.connected || this.#state.name === "connecting") return;
    this.#attempt = 0;
    this.#connect();
  }

  /** Drops the line and comes back, asking again from `after`. */
  restart() {
    if (this.#socket.connected) this.#socket.io.engine.close();
  }

  /**
   * Asks the server something. Null when there is no line or no answer in time.
   * @template T
   * @param {string} name
   * @param {object} data
   * @param {number} [timeoutMs]
   * @returns {Promise<Reply<T> | null>}
   */
  async ask(name, data, timeoutMs = ANSWER_MS) {
    if (!this.#socket.connected) return null;
    try {
      return await this.#socket.timeout(timeoutMs).emitWithAck(name, data);
    } catch {
      return null;
    }
  }

  /** Tells the server something nobody will miss when it gets lost. @param {string} name @param {object} data */
  tell(name, data) {
    if (this.#socket.connected) this.#socket.volatile.emit(name, data);
  }

  #connect() {
    clearTimeout(this.#timer);
    this.#attempt += 1;
    this.#tell({ name: "connecting", since: this.#lostAt, attempt: this.#attempt });
    this.#socket.connect();
  }

  #awaitWelcome() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.restart(), ANSWER_MS);
  }

  /** @param {Welcome} welcome */
  #welcome(welcome) {
    clearTimeout(this.#timer);
    this.#attempt = 0;
    this.#isStopping = false;
    this.#heard.welcome(welcome);
    this.#tell({ name: "online" });
  }

  /** @param {Error & {data?: ChatError}} failure */
  #refused(failure) {
    const error = failure.data;
    if (error && isFinal(error.code)) return this.stop(error);
    this.#comeBack({ error, pauseMs: (error?.retry_after_seconds ?? 0) * 1000 });
  }

  /** @param {any} details */
  #lost(details) {
    if (this.#isClosed) return;
    this.#lostAt = Date.now();
    this.#isStopping = saysStopping(details?.context);
    this.#comeBack({});
  }

  /** @param {{error?: ChatError, pauseMs?: number}} given */
  #comeBack({ error, pauseMs = 0 }) {
    clearTimeout(this.#timer);
    const jitter = 0.5 + Math.random();
    const backOff = Math.min(FIRST_PAUSE_MS * 2 ** this.#attempt, LONGEST_PAUSE_MS) * jitter;
    const pause = Math.max(pauseMs, this.#attempt === 0 ? backOff / 2 : backOff);
    const until = Date.now() + pause;
    this.#timer = setTimeout(() => this.#connect(), pause);
    // Offline or not, it goes on trying: a laptop without any network still reaches its own server.
    if (navigator.onLine === false) return this.#tell({ name: "offline", since: this.#lostAt });
    this.#tell({
      name: "waiting",
      since: this.#lostAt,
      attempt: this.#attempt,
      until,
      error,
      stopping: this.#isStopping,
    });
  }

  #visibilityChanged() {
    if (document.visibilityState === "hidden") {
      this.#hiddenAt = Date.now();
    } else if (Date.now() - this.#hiddenAt > LONG_HIDDEN_MS) {
      this.#check();
    } else {
      this.wake();
    }
  }

  /** A line that looks open may be dead after sleep: asks for a sign of life. */
  async #check() {
    if (!this.#socket.connected) return this.wake();
    const answer = await this.ask("history", { after: this.#after() ?? 0, limit: 1 }, PROBE_MS);
    if (answer === null) this.restart();
  }

  /** @param {ConnectionState} state */
  #tell(state) {
    this.#state = state;
    this.#heard.state(state);
  }
}

/** Whether a WebSocket was closed since the server goes down, and not for our own sake. @param {CloseEvent | undefined} close */
function saysStopping(close) {
  if (close?.code === SERVICE_RESTART) return true;
  return close?.code === GOING_AWAY && close.reason.includes("stopping");
}
