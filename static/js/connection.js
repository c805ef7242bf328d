/**
 * The line to the server: the only module that knows Socket.IO. Connects, comes back after every loss with
 * growing, jittered pauses, and tells how it stands. Sends only while connected, so that nothing queues twice.
 */

import { io } from "socket.io-client";
import { isFinal } from "./ending.js";
import { Ways } from "./ways.js";

/** @import { ChatError, ConnectionState, Event, Reply, Welcome } from "./types.d.ts" */

const ANSWER_MS = 10_000;
const DOUBT_MS = 3000; // stores that hang say so after two seconds
const PROBE_MS = 3000;
const ENTER_MS = 15_000; // from the first byte to the welcome
const HASTE_MS = 2000; // an attempt older than this is given up when there is a reason to hurry
const FIRST_PAUSE_MS = 2000;
const LONGEST_PAUSE_MS = 10_000; // half the leave grace, so that nobody is told to have left for a late attempt
const SHORTEST_PAUSE_MS = 100;
const SERVICE_RESTART = 1012; // RFC 6455 §7.4.1 and its registry
const GOING_AWAY = 1001; // what our server closes with, too, with the reason "server is stopping"

export class Connection {
  #socket;
  #ways = new Ways();
  #heard;
  #after;
  #silenceMs;
  /** @type {ConnectionState} */
  #state = { name: "connecting", since: Date.now(), attempt: 0 };
  #lostAt = Date.now();
  #triedAt = 0;
  #attempt = 0;
  #isClosed = false;
  #isAside = false;
  #isRestarting = false;
  #isProbing = false;
  #isStopping = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {object} given
   * @param {string} given.token
   * @param {number} given.silenceMs after this long without a sign of life the server has closed the line
   * @param {() => number | null} given.after the last seq seen without a hole
   * @param {object} given.heard
   * @param {(state: ConnectionState) => void} given.heard.state
   * @param {(welcome: Welcome) => void} given.heard.welcome
   * @param {(event: Event) => void} given.heard.event
   * @param {(typing: {member_id: string, is_typing: boolean}) => void} given.heard.typing
   * @param {(waiting: number) => void} given.heard.knocks so many wait at the door
   */
  constructor({ token, silenceMs, after, heard }) {
    this.#silenceMs = silenceMs;
    this.#after = after;
    this.#heard = heard;
    this.#socket = io({
      autoConnect: false,
      reconnection: false,
      requestTimeout: 2 * silenceMs, // dead ones would hold the six connections a browser has for us for minutes
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
    socket.on("welcome", (welcome) => this.#welcome(welcome));
    socket.on("event", (event) => this.#heard.event(event));
    socket.on("typing", (typing) => this.#heard.typing(typing));
    socket.on("knocks", ({ waiting }) => this.#heard.knocks(waiting));
    socket.on("connect_error", (error) => this.#refused(error));
    socket.on("disconnect", (_reason, details) => this.#lost(details));
    socket.io.on("open", () => this.#opened());
    this.#connect();
  }

  /** Closes for good; `error` says why, if it was not our own wish. @param {ChatError} [error] */
  stop(error) {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#socket.disconnect();
    this.#tell({ name: "closed", error });
  }

  /** Closes while the page is put aside: with an open line it could not be brought out again. */
  suspend() {
    if (this.#isClosed || this.#isAside) return;
    this.#isAside = true;
    this.#lostAt = Date.now();
    clearTimeout(this.#timer);
    this.#socket.disconnect();
    this.#tell({ name: "connecting", since: this.#lostAt, attempt: 0 });
  }

  /** Comes back after `suspend`. */
  resume() {
    if (this.#isClosed || !this.#isAside) return;
    this.#isAside = false;
    this.#lostAt = Date.now();
    this.#attempt = 0;
    this.#connect();
  }

  /** Tries again now instead of waiting, also when an attempt hangs. */
  wake() {
    if (this.#isClosed || this.#isAside || this.#socket.connected) return;
    if (this.#state.name === "connecting" && Date.now() - this.#triedAt < HASTE_MS) return;
    this.#attempt = 0;
    this.#socket.disconnect();
    this.#connect();
  }

  /** A line that looks open may be dead: asks for a sign of life. @param {number} asleepMs for how long nothing was heard for certain */
  async doubt(asleepMs) {
    if (!this.#socket.connected) return this.wake();
    if (asleepMs > this.#silenceMs) return this.restart();
    if (this.#isProbing) return;
    this.#isProbing = true;
    const answer = await this.#emit("history", { after: this.#after() ?? 0, limit: 1 }, PROBE_MS);
    this.#isProbing = false;
    if (answer === null) this.restart();
  }

  /** Drops the line and comes back at once, asking again from `after`. */
  restart() {
    if (!this.#socket.connected) return;
    this.#isRestarting = true;
    this.#socket.disconnect(); // the engine's own `close` would wait until a dead line has taken what is unsent
  }

  /**
   * Asks the server something. Null when there is no line or no answer in time; while there is none, the line is
   * in doubt.
   * @template T
   * @param {string} name
   * @param {object} data
   * @returns {Promise<Reply<T> | null>}
   */
  async ask(name, data) {
    const doubting = setInterval(() => this.doubt(0), DOUBT_MS);
    const reply = await this.#emit(name, data, ANSWER_MS);
    clearInterval(doubting);
    return reply;
  }

  /** Tells the server something nobody will miss when it gets lost. @param {string} name @param {object} data */
  tell(name, data) {
    if (this.#socket.connected) this.#socket.volatile.emit(name, data);
  }

  /**
   * @param {string} name
   * @param {object} data
   * @param {number} timeoutMs
   */
  async #emit(name, data, timeoutMs) {
    if (!this.#socket.connected) return null;
    try {
      return await this.#socket.timeout(timeoutMs).emitWithAck(name, data);
    } catch {
      return null;
    }
  }

  #connect() {
    this.#attempt += 1;
    this.#try();
  }

  #try() {
    clearTimeout(this.#timer);
    this.#triedAt = Date.now();
    this.#timer = setTimeout(() => this.#giveUp(), ENTER_MS);
    this.#tell({ name: "connecting", since: this.#lostAt, attempt: this.#attempt });
    const { transports, tryAllTransports, patienceMs } = this.#ways;
    Object.assign(this.#socket.io.opts, { transports, tryAllTransports });
    this.#socket.io.timeout(patienceMs);
    this.#socket.connect();
  }

  #opened() {
    const { engine } = this.#socket.io;
    this.#ways.opened(engine.transport.name);
    engine.once("upgrade", (transport) => this.#ways.opened(transport.name));
  }

  /** The server takes the line but does not let us in. */
  #giveUp() {
    this.#isRestarting = false;
    this.#ways.failed();
    const isConnected = this.#socket.connected; // then `#lost` comes back
    this.#socket.disconnect();
    if (!isConnected) this.#comeBack();
  }

  /** @param {Welcome} welcome */
  #welcome(welcome) {
    clearTimeout(this.#timer);
    this.#attempt = 0;
    this.#isStopping = false;
    this.#heard.welcome(welcome);
    if (!this.#isClosed) this.#tell({ name: "online" });
  }

  /** @param {Error & {data?: ChatError}} failure */
  #refused(failure) {
    if (this.#isClosed || this.#isAside) return;
    const error = failure.data;
    if (error && isFinal(error.code)) return this.stop(error);
    if (failure.message === "timeout") {
      if (this.#ways.silent()) return this.#try();
    } else if (!error) {
      this.#ways.failed();
    }
    this.#comeBack(error);
  }

  /** Whoever closed it, also the server: it comes back until the log says that this is over. @param {any} details */
  #lost(details) {
    if (this.#isClosed || this.#isAside) return;
    if (this.#state.name === "online") this.#lostAt = Date.now();
    else this.#ways.failed();
    this.#isStopping = saysStopping(details?.context);
    const isWished = this.#isRestarting && this.#attempt === 0;
    this.#isRestarting = false;
    if (isWished) this.#connect();
    else this.#comeBack();
  }

  /** @param {ChatError} [error] */
  #comeBack(error) {
    clearTimeout(this.#timer);
    const pause = drawPause(this.#attempt, error?.retry_after_seconds);
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

  /** @param {ConnectionState} state */
  #tell(state) {
    this.#state = state;
    this.#heard.state(state);
  }
}

/**
 * How long to wait before an attempt, in ms. The whole of the pause is drawn by chance, not a little around a fixed
 * one, so that the thousands a stopped server has lost spread evenly.
 * @param {number} attempt how many have failed before
 * @param {number} [retryAfterSeconds] when the server wants to see us at the earliest
 * @param {() => number} [random]
 */
export function drawPause(attempt, retryAfterSeconds = 0, random = Math.random) {
  const longest = Math.min(FIRST_PAUSE_MS * 2 ** attempt, LONGEST_PAUSE_MS);
  const drawn = SHORTEST_PAUSE_MS + random() * (longest - SHORTEST_PAUSE_MS);
  return retryAfterSeconds * 1000 + drawn;
}

/** Whether a WebSocket was closed since the server goes down, and not for our own sake. @param {CloseEvent | undefined} close */
function saysStopping(close) {
  if (close?.code === SERVICE_RESTART) return true;
  return close?.code === GOING_AWAY && close.reason.includes("stopping");
}
