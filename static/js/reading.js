// How far this device has read in each channel, and what is read out of the channel that is open.

import { gather } from "./timing.js";
import { nameOf } from "./state.js";

const KEEP_AFTER_MS = 400;
const TELL_AFTER_MS = 300;

/** Watches what comes into sight. */
export class Reading {
  /** Last seq read, by channel. */
  seqs = new Map();
  #unheard = [];

  /**
   * @param {{state: () => import("./state.js").State, dispatch: (event: object) => void, isInSight: () => boolean,
   *   keep: (seqs: Map<string, number>) => void, announce: (lines: string[]) => void,
   *   schedule: (act: () => void, wait_ms: number) => unknown}} parts
   *   `isInSight` tells whether somebody looks at the end of the open channel
   */
  constructor({ state, dispatch, isInSight, keep, announce, schedule }) {
    Object.assign(this, { state, dispatch, isInSight });
    this.keepSoon = gather(() => keep(this.seqs), KEEP_AFTER_MS, schedule);
    this.tellSoon = gather(() => announce(this.#unheard.splice(0)), TELL_AFTER_MS, schedule);
  }

  /** Counts what stands at the end of the open channel as read, if somebody looks at it. */
  mark() {
    const channel = this.state().channels.get(this.state().open);
    if (channel?.history !== "ready" || !this.isInSight()) return;
    if (this.seqs.get(channel.id) !== channel.seq) {
      this.seqs.set(channel.id, channel.seq);
      this.keepSoon();
    }
    if (channel.unread) this.dispatch({ type: "read", channel_id: channel.id });
    this.dispatch({ type: "trimmed", channel_id: channel.id });
  }

  /**
   * Reads out what others have just written in the open channel; a page of history is not news.
   * @param {import("./state.js").State} before what was known before the facts came
   */
  tell(before) {
    const state = this.state();
    const [now, then] = [state.channels.get(state.open), before.channels.get(state.open)];
    if (!now || then?.history !== "ready" || now.items === then.items) return;
    const known = new Set(then.items.map((message) => message.id));
    const news = now.items.filter((message) => !known.has(message.id) && message.author_id !== state.user?.id);
    this.#unheard.push(...news.map((message) => `${nameOf(state, message.author_id)}: ${message.text ?? ""}`));
    if (this.#unheard.length) this.tellSoon();
  }
}
