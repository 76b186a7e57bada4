// The sheet that lists public channels, to join or to open.

import { follow, part, say, stamp } from "./parts.js";

/** Public channels, a part at a time. */
export class BrowseView {
  #found = [];
  #cursor = null;
  #state = null;

  /**
   * @param {HTMLDialogElement} dialog
   * @param {{discover: (cursor: string|null) => Promise<{items: object[], next_cursor: string|null}>,
   *   join: (channel_id: string) => Promise<void>, open: (channel_id: string) => void}} intents
   */
  constructor(dialog, intents) {
    this.dialog = dialog;
    this.intents = intents;
    part(dialog, "close").addEventListener("click", () => dialog.close());
    part(dialog, "more").addEventListener("click", () => this.#load());
    part(dialog, "filter").addEventListener("input", () => this.#drawFound());
    part(dialog, "found").addEventListener("click", (event) => this.#chosen(event.target.closest("button")));
  }

  /** Opens the sheet with the list as it is now. */
  show() {
    this.#found = [];
    this.#cursor = null;
    part(this.dialog, "filter").value = "";
    part(this.dialog, "error").textContent = "";
    this.dialog.showModal();
    this.#load();
  }

  /** @param {import("../state.js").State} state */
  draw(state) {
    this.#state = state;
    if (this.dialog.open) this.#drawFound();
  }

  async #load() {
    say(part(this.dialog, "note"), "Loading…");
    part(this.dialog, "more").hidden = true;
    try {
      const { items, next_cursor } = await this.intents.discover(this.#cursor);
      this.#found = [...this.#found, ...items];
      this.#cursor = next_cursor;
      this.#drawFound();
    } catch (error) {
      say(part(this.dialog, "note"), `Couldn’t load the channels. ${error.message}`);
      part(this.dialog, "more").hidden = false;
    }
  }

  #drawFound() {
    const wanted = part(this.dialog, "filter").value.trim().toLocaleLowerCase();
    const items = this.#found
      .filter((channel) => channel.name.toLocaleLowerCase().includes(wanted))
      .map(({ id, name, topic }) => ({ key: id, name, topic, isMine: this.#state.channels.has(id) }));
    follow(part(this.dialog, "found"), items, () => stamp("found-row"), fill);
    say(part(this.dialog, "note"), items.length ? null : wanted ? "No channel of this name." : "There are no public channels yet.");
    part(this.dialog, "more").hidden = this.#cursor === null;
  }

  async #chosen(button) {
    if (!button) return;
    const { id } = button.dataset;
    part(this.dialog, "error").textContent = "";
    try {
      if (!this.#state.channels.has(id)) await this.intents.join(id);
      this.dialog.close();
      this.intents.open(id);
    } catch (error) {
      part(this.dialog, "error").textContent = error.message;
    }
  }
}

function fill(row, { key, name, topic, isMine }) {
  row.querySelector("strong").textContent = name;
  say(row.querySelector("small"), topic);
  const button = row.querySelector("button");
  button.dataset.id = key;
  button.textContent = isMine ? "Open" : "Join";
  button.setAttribute("aria-label", `${button.textContent} ${name}`);
}
