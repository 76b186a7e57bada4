// The socket: commands that resolve or throw, facts as they come, and connecting again by itself. Knows no messaging.
// Nothing is ever emitted while disconnected: the stock client would keep it and send it later, out of turn.

import { io } from "/static/vendor/socket.io.esm.min.js";
import { CallError, notConnected, unknownOutcome } from "./errors.js";
import { backoff } from "./timing.js";

const CLIENT = "web/0.1";
const PROTOCOL = 1;
const ACK_MS = 8000;
/** From the first byte of an attempt to a connected namespace; beyond it the attempt is given up. */
const CONNECT_MS = 15_000;
const PROBE_MS = 3000;
const REFUSED = new Set(["auth_failed", "token_expired", "unauthenticated", "session_revoked"]);

/** One connection to `/chat` that is kept open for as long as it is wanted. */
export class Wire {
  #socket;
  #wanted = false;
  #tries = 0;
  #timer = null;
  #deadline = null;
  #attempt = 0;

  /**
   * @param {{token: () => Promise<string>, renew: () => Promise<string>, onFact: (fact: object) => void,
   *   onLink: (link: "up"|"down") => void}} parts `token` gives a token to connect under, `renew` one that is newer;
   *   either throws where there is none to be had
   */
  constructor({ token, renew, onFact, onLink }) {
    Object.assign(this, { token, renew, onFact, onLink });
    this.auth = null;
    this.#socket = io("/chat", {
      autoConnect: false,
      reconnection: false,
      transports: ["websocket", "polling"],
      tryAllTransports: true,
      timeout: CONNECT_MS,
      auth: (answer) => answer({ token: this.auth, client: CLIENT, protocol: PROTOCOL }),
    });
    this.#socket.on("connect", () => this.#connected());
    this.#socket.on("disconnect", () => this.#disconnected());
    this.#socket.on("connect_error", (error) => this.#refused(error));
    this.#socket.onAny((name, fact) => this.#heard(name, fact));
  }

  /** @returns {boolean} */
  get isUp() {
    return this.#socket.connected;
  }

  /** Connects, and connects again whenever the connection is lost. */
  start() {
    this.#wanted = true;
    this.#tries = 0;
    if (!this.isUp) this.#openIn(0);
  }

  /** Disconnects and stays so. */
  stop() {
    this.#wanted = false;
    this.#settle();
    this.#socket.disconnect();
  }

  /** Tries at once instead of at the end of the wait, as when somebody writes. */
  nudge() {
    if (this.#wanted && !this.isUp && this.#timer) this.start();
  }

  /** Begins again, as when the device has another network: an attempt over the old one may hang. */
  restart() {
    if (!this.#wanted || this.isUp) return;
    this.#settle();
    this.#socket.disconnect();
    this.start();
  }

  /** Finds out whether a connection that looks open is: one that does not answer is replaced. */
  async probe() {
    if (!this.isUp) return this.nudge();
    try {
      await this.call("ping", {}, PROBE_MS);
    } catch (error) {
      if (error.code === "unknown" && this.isUp) this.#socket.disconnect();
    }
  }

  /**
   * Carries out a command.
   * @param {string} name
   * @param {object} payload
   * @param {number} [timeout_ms]
   * @returns {Promise<any>} the ack's data
   * @throws {CallError} the server's; `offline` where nothing was sent; `unknown` where no answer came
   */
  async call(name, payload, timeout_ms = ACK_MS) {
    if (!this.isUp) throw notConnected();
    let answer;
    try {
      answer = await this.#socket.timeout(timeout_ms).emitWithAck(name, payload);
    } catch {
      throw unknownOutcome("No answer came in time.");
    }
    if (answer?.ok) return answer.data;
    throw new CallError(answer?.error ?? { code: "internal_error" });
  }

  async #open() {
    const attempt = ++this.#attempt;
    try {
      this.auth = await this.token();
    } catch (error) {
      return this.#again(error);
    }
    if (!this.#wanted || attempt !== this.#attempt || this.isUp) return;
    this.#deadline = setTimeout(() => this.#giveUp(), CONNECT_MS);
    this.#socket.connect();
  }

  #connected() {
    this.#settle();
    this.#tries = 0;
    this.onLink("up");
  }

  #disconnected() {
    this.onLink("down");
    if (this.#wanted && !this.#timer) this.#openIn(backoff(this.#tries++, Math.random));
  }

  #giveUp() {
    this.#socket.disconnect();
    if (!this.#timer) this.#openIn(backoff(this.#tries++, Math.random));
  }

  /** An attempt failed: the server's refusal has its code in `message`, a transport's failure has no data. */
  async #refused(error) {
    clearTimeout(this.#deadline);
    if (!error.data || !REFUSED.has(error.message)) return this.#again(error.data ?? {});
    try {
      await this.renew(this.auth);
      this.#again({});
    } catch (failure) {
      this.#again(failure);
    }
  }

  #again({ retry_after_ms = 0 }) {
    const wait_ms = backoff(this.#tries++, Math.random);
    if (this.#wanted) this.#openIn(Math.max(retry_after_ms, wait_ms));
  }

  #heard(name, fact) {
    if (name === "server.draining" || (name === "connection.closing" && fact.reconnect)) this.#comeBackIn(fact.reconnect_in_ms ?? 0);
    this.onFact(fact);
  }

  /** Leaves a server that is going away at the moment it asked for, and connects to what is there then. */
  #comeBackIn(wait_ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.isUp) this.#socket.disconnect();
      else if (this.#wanted) this.#open();
    }, wait_ms);
  }

  #openIn(wait_ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#wanted) this.#open();
    }, wait_ms);
  }

  #settle() {
    clearTimeout(this.#timer);
    clearTimeout(this.#deadline);
    this.#timer = null;
    this.#attempt += 1;
  }
}
