// Sends what was written: per channel one after the other, so that order holds, and again with the same key until the
// outcome is known, so that nothing is lost or doubled. Network, waiting and chance are given from outside.

import { asCallError } from "./errors.js";
import { backoff } from "./timing.js";

const MAX_TRIES = 5;
const UNKNOWN = "Not confirmed. Sending again cannot double it.";

/** The messages of this tab that the server has not acknowledged. */
export class Outbox {
  #lanes = new Map();
  #busy = new Set();
  #tries = new Map();

  /**
   * @param {{call: (name: string, payload: object) => Promise<any>, isUp: () => boolean,
   *   dispatch: (event: object) => void, wait: (ms: number) => Promise<void>, random: () => number}} parts
   */
  constructor({ call, isUp, dispatch, wait, random }) {
    Object.assign(this, { call, isUp, dispatch, wait, random });
  }

  /**
   * Takes a message to be sent as soon as its turn comes.
   * @param {{client_msg_id: string, channel_id: string, text: string}} message
   */
  add(message) {
    this.#lane(message.channel_id).push(message);
    this.dispatch({ type: "queued", message });
    this.#drain(message.channel_id);
  }

  /** Goes on with everything that waits, as when the connection is back. */
  resume() {
    for (const channel_id of this.#lanes.keys()) this.#drain(channel_id);
  }

  /** @param {object} message one that failed; it goes to the end of its channel's queue under the same key */
  retry(message) {
    this.dispatch({ type: "waiting", client_msg_id: message.client_msg_id });
    this.#tries.delete(message.client_msg_id);
    this.#lane(message.channel_id).push(message);
    this.#drain(message.channel_id);
  }

  /** @param {string} client_msg_id of a message that is not wanted any more */
  discard(client_msg_id) {
    for (const [channel_id, lane] of this.#lanes) {
      this.#lanes.set(channel_id, lane.filter((message) => message.client_msg_id !== client_msg_id));
    }
    this.dispatch({ type: "discarded", client_msg_id });
  }

  /** Forgets everything, as when somebody signs out. */
  clear() {
    this.#lanes.clear();
    this.#tries.clear();
  }

  #lane(channel_id) {
    if (!this.#lanes.has(channel_id)) this.#lanes.set(channel_id, []);
    return this.#lanes.get(channel_id);
  }

  async #drain(channel_id) {
    if (this.#busy.has(channel_id)) return;
    this.#busy.add(channel_id);
    try {
      while (this.#lane(channel_id).length) {
        const message = this.#lane(channel_id)[0];
        if (!(await this.#send(message))) return;
        this.#lanes.set(channel_id, this.#lane(channel_id).filter((other) => other !== message));
      }
    } finally {
      this.#busy.delete(channel_id);
    }
  }

  /**
   * Tries until the outcome is known; gives false where there is no connection, so that the turn is kept. Attempts that
   * a lost connection ended count as well: a message that costs the connection every time must not do so for ever.
   */
  async #send(message) {
    const { client_msg_id, channel_id } = message;
    let reason = UNKNOWN;
    let tries = this.#tries.get(client_msg_id) ?? 0;
    while (tries < MAX_TRIES && this.#lane(channel_id).includes(message)) {
      if (!this.isUp()) {
        this.dispatch({ type: "waiting", client_msg_id });
        return false;
      }
      this.#tries.set(client_msg_id, ++tries);
      const error = await this.#attempt(message);
      if (!error) return true;
      reason = error.code === "unknown" ? UNKNOWN : `Not sent. ${error.message}`;
      if (!error.retryable) break;
      if (this.isUp()) await this.wait(Math.max(error.retry_after_ms ?? 0, backoff(tries, this.random)));
    }
    this.dispatch({ type: "failed", client_msg_id, reason });
    return true;
  }

  /** Tries once; gives the failure, or null where the message is stored. */
  async #attempt({ client_msg_id, channel_id, text }) {
    this.dispatch({ type: "sending", client_msg_id });
    try {
      const { message } = await this.call("message.send", { channel_id, text, client_msg_id });
      this.#tries.delete(client_msg_id);
      this.dispatch({ type: "sent", message });
      return null;
    } catch (failure) {
      return asCallError(failure);
    }
  }
}
