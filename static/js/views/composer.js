// Where a message is written. It is closed by permission only, never by the network, and a draft stays with its channel.

import { whyReadOnly } from "../state.js";
import { part, say } from "./parts.js";

const MOST_ROWS = 8;
const COUNT_FROM = 0.9;
const TOUCH = "(pointer: coarse)";

/** The composer of the open channel. */
export class ComposerView {
  #channel_id = null;
  #limit = 4000;

  /**
   * @param {HTMLFormElement} form
   * @param {{send: (channel_id: string, text: string) => void, draft: (channel_id: string, text: string) => void}} intents
   */
  constructor(form, intents) {
    this.form = form;
    this.intents = intents;
    this.field = form.elements.namedItem("text");
    this.button = form.querySelector("button");
    form.addEventListener("submit", (event) => this.#submitted(event));
    this.field.addEventListener("keydown", (event) => this.#pressed(event));
    this.field.addEventListener("input", () => this.#changed());
  }

  /** @param {import("../state.js").State} state */
  draw(state) {
    const channel = state.channels.get(state.open);
    this.form.hidden = !channel;
    this.#limit = state.limits.max_text_chars;
    if (channel?.id !== this.#channel_id) this.#turnTo(channel, state.drafts.get(channel?.id) ?? "");
    if (!channel) return;
    const reason = whyReadOnly(channel);
    this.field.disabled = this.button.disabled = reason !== null;
    this.field.placeholder = `Message #${channel.name}`;
    this.field.setAttribute("aria-label", this.field.placeholder);
    say(part(this.form, "note"), reason ?? this.#tooLong());
  }

  /** Puts the cursor into the composer, except where that would open a keyboard over the screen. */
  focus() {
    if (!matchMedia(TOUCH).matches) this.field.focus();
  }

  /** @param {string} text that is put back, in front of what is written already */
  restore(text) {
    this.field.value = [text, this.field.value].filter(Boolean).join("\n");
    this.#changed();
    this.field.focus();
  }

  #turnTo(channel, draft) {
    this.#channel_id = channel?.id ?? null;
    this.field.value = draft;
    this.#grow();
  }

  #pressed(event) {
    const isPlain = !event.shiftKey && !event.altKey && !event.isComposing;
    if (event.key !== "Enter" || !isPlain || matchMedia(TOUCH).matches) return;
    event.preventDefault();
    this.form.requestSubmit();
  }

  /** Sends to the channel that is on the screen at this moment, whatever a draft may say. */
  #submitted(event) {
    event.preventDefault();
    const text = sendable(this.field.value);
    if (!text || !this.#channel_id || this.field.disabled || [...text].length > this.#limit) return;
    this.field.value = "";
    this.#changed();
    this.intents.send(this.#channel_id, text);
    this.field.focus();
  }

  #changed() {
    this.#grow();
    say(part(this.form, "note"), this.#tooLong());
    if (this.#channel_id) this.intents.draft(this.#channel_id, this.field.value);
  }

  #grow() {
    this.field.rows = Math.min(MOST_ROWS, this.field.value.split("\n").length);
  }

  /** Says how much room is left once it gets short. */
  #tooLong() {
    const left = this.#limit - [...sendable(this.field.value)].length;
    if (left > this.#limit * (1 - COUNT_FROM)) return null;
    return left >= 0 ? `${left} characters left` : `${-left} characters too many`;
  }
}

/** Takes out what no server stores: NUL, and halves of characters that a paste has cut. */
function sendable(text) {
  return text.toWellFormed().replaceAll("\0", "").trim();
}
