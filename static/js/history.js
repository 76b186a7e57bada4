// Brings a channel's past and its people onto the page. A page that a reset has overtaken is thrown away.

/** Loads messages of channels as they are read. */
export class History {
  #loads = new Map();
  #peopled = new Set();

  /**
   * @param {{api: import("./api.js").Api, dispatch: (event: object) => void,
   *   channel: (id: string) => import("./state.js").Channel|undefined}} parts
   */
  constructor({ api, dispatch, channel }) {
    Object.assign(this, { api, dispatch, channel });
  }

  /** @param {string} id of a channel whose newest messages are wanted if they are not here */
  open(id) {
    if (this.channel(id)?.history === "unknown") this.#load(id, null);
  }

  /** @param {string} id of a channel that is being read back in */
  older(id) {
    const channel = this.channel(id);
    if (channel?.history === "ready" && channel.hasBefore) this.#load(id, channel.items[0]?.seq ?? null);
  }

  /** @param {string} id of a channel whose last load failed */
  retry(id) {
    if (this.channel(id)?.history === "failed") this.#load(id, this.#loads.get(id)?.before ?? null);
  }

  /** Forgets whom it has asked for, as when somebody else signs in. */
  clear() {
    this.#loads.clear();
    this.#peopled.clear();
  }

  async #load(id, before) {
    const load = { before };
    this.#loads.set(id, load);
    this.dispatch({ type: "history", channel_id: id, history: "loading" });
    const isWanted = () => this.#loads.get(id) === load && this.channel(id)?.history === "loading";
    try {
      const [page] = await Promise.all([this.api.history(id, before), before === null ? this.#people(id) : null]);
      if (isWanted()) this.dispatch({ type: "page", channel_id: id, page });
    } catch {
      if (isWanted()) this.dispatch({ type: "history", channel_id: id, history: "failed" });
    }
  }

  /** Learns the names in a channel; messages are shown without them rather than not at all. */
  async #people(id) {
    if (this.#peopled.has(id)) return;
    try {
      this.dispatch({ type: "people", users: await this.api.members(id) });
      this.#peopled.add(id);
    } catch {
      this.#peopled.delete(id);
    }
  }
}
