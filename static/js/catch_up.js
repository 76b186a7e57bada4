// Asks what this page has missed: after every connect, and whenever a channel's numbers have a gap. One question at a time.

import { gaps, positions } from "./state.js";
import { gather, inTurn } from "./timing.js";

const AGAIN_MS = 1000;
/** How long a gap may close by itself before it is asked about. */
const GAP_MS = 100;
const MAX_CHANNELS = 1000;

/** Keeps the state level with the store. */
export class CatchUp {
  /**
   * @param {{call: (name: string, payload: object) => Promise<any>, isUp: () => boolean,
   *   state: () => import("./state.js").State, synced: (answer: object) => void, failed: (error: Error) => void,
   *   schedule: (act: () => void, wait_ms: number) => unknown}} parts `failed` hears of what no repetition will mend
   */
  constructor({ call, isUp, state, synced, failed, schedule }) {
    Object.assign(this, { call, isUp, state, synced, failed, schedule });
    /** @type {() => Promise<void>} asks at once, or as soon as the question before is answered */
    this.now = inTurn(() => this.#ask());
    /** @type {() => void} asks if a gap has not closed in a moment */
    this.soon = gather(() => this.now(), GAP_MS, schedule);
  }

  async #ask() {
    if (!this.isUp() || this.state().listing !== "ready") return;
    const channels = Object.fromEntries(Object.entries(positions(this.state())).slice(0, MAX_CHANNELS));
    try {
      this.synced(await this.call("sync", { channels }));
      if (gaps(this.state()).length) this.schedule(() => this.now(), AGAIN_MS);
    } catch (error) {
      if (error.retryable) this.schedule(() => this.now(), error.retry_after_ms ?? AGAIN_MS);
      else this.failed(error);
    }
  }
}
