// The messages of the open channel: what is shown, where it is scrolled to, and which message the keyboard is on.
// The reader's place never jumps: older messages go in above it, newer ones below.

import { fillRow, makeRow } from "./message.js";
import { follow, part, say } from "./parts.js";
import { rowsOf } from "./rows.js";
import { dayName } from "./times.js";

/** This close to the end, new messages keep the end in sight. */
const NEAR_END_PX = 80;
/** This close to the top, older messages are asked for. */
const NEAR_TOP_PX = 240;

/** Draws the timeline and tells where the reader is. */
export class TimelineView {
  #shown = null;
  #last = null;
  #isAtEnd = true;
  #missed = 0;

  /**
   * @param {HTMLElement} root the conversation
   * @param {{older: () => void, retryHistory: () => void, moved: () => void,
   *   act: (act: "retry"|"edit"|"discard", client_msg_id: string) => void}} intents
   */
  constructor(root, intents) {
    this.root = root;
    this.intents = intents;
    this.scroller = root.querySelector("#timeline");
    this.list = part(root, "messages");
    this.scroller.addEventListener("scroll", () => this.#moved(), { passive: true });
    this.list.addEventListener("click", (event) => this.#clicked(event.target.closest("[data-act]")));
    this.list.addEventListener("keydown", (event) => this.#walk(event));
    part(root, "newest").addEventListener("click", () => this.toEnd());
    part(root, "history-retry").addEventListener("click", intents.retryHistory);
    new ResizeObserver(() => this.#isAtEnd && this.toEnd()).observe(this.scroller);
  }

  /** @returns {boolean} whether the newest message is in sight */
  get isAtEnd() {
    return this.#isAtEnd;
  }

  /** Scrolls to the newest message. */
  toEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.#moved();
  }

  /** @param {import("../state.js").State} state */
  draw(state) {
    const channel = state.channels.get(state.open);
    part(this.root, "frame").hidden = !channel;
    if (!channel) {
      this.#shown = null;
      return;
    }
    const isOther = this.#shown !== channel.id;
    this.#shown = channel.id;
    if (isOther) this.#begin(channel);
    const rows = rowsOf(state, channel, dayName);
    const anchor = this.#isAtEnd ? null : this.#topmost();
    const place = anchor?.offsetTop;
    this.#drawEdges(channel, rows.length > 0);
    follow(this.list, rows, makeRow, fillRow);
    this.#keepTabStop();
    this.#settle(rows, anchor, place, channel);
  }

  #begin(channel) {
    this.scroller.setAttribute("aria-label", `Messages in ${channel.name}`);
    follow(this.list, [], makeRow, fillRow);
    this.#isAtEnd = true;
    this.#last = null;
    this.#missed = 0;
    this.isFresh = true;
  }

  #drawEdges(channel, hasRows) {
    const { history, hasBefore } = channel;
    part(this.root, "history-loading").hidden = hasRows || history === "ready" || history === "failed";
    part(this.root, "older").hidden = !(history === "loading" && hasRows && hasBefore);
    part(this.root, "history-error").hidden = history !== "failed";
    const isBeginning = history === "ready" && !hasBefore;
    part(this.root, "beginning").hidden = !isBeginning;
    if (!isBeginning) return;
    say(part(this.root, "beginning-title"), `This is the start of #${channel.name}`);
    say(part(this.root, "beginning-topic"), channel.topic || "Say hello.");
  }

  /** Puts the reader where they were, at the end if they were there, or at what is new when the channel opens. */
  #settle(rows, anchor, place, channel) {
    const last = rows.findLast((row) => row.kind === "message") ?? null;
    const isNew = last !== null && last.key !== this.#last;
    const divider = this.isFresh && channel.history === "ready" ? this.list.querySelector(".divider") : null;
    if (channel.history === "ready") this.isFresh = false;
    if (divider) divider.scrollIntoView({ block: "center" });
    else if (this.#isAtEnd || (isNew && last.isMine && last.status !== "sent")) this.toEnd();
    else if (anchor?.isConnected) this.scroller.scrollTop += anchor.offsetTop - place;
    if (isNew && !this.#isAtEnd && !last.isMine && this.#last !== null) this.#missed += 1;
    this.#last = last?.key ?? null;
    this.#moved();
  }

  /** Finds the first message in sight; a day's name is no mark, because it moves up when older messages come. */
  #topmost() {
    const top = this.scroller.scrollTop;
    return [...this.list.querySelectorAll(".message")].find((row) => row.offsetTop + row.offsetHeight > top) ?? null;
  }

  #moved() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    this.#isAtEnd = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    if (this.#isAtEnd) this.#missed = 0;
    part(this.root, "newest").hidden = this.#isAtEnd;
    say(part(this.root, "newest-text"), this.#missed ? `${this.#missed} new` : "Jump to the newest");
    if (scrollTop < NEAR_TOP_PX) this.intents.older();
    this.intents.moved();
  }

  #clicked(button) {
    const row = button?.closest(".message");
    if (row) this.intents.act(button.dataset.act, row.dataset.key);
  }

  /** Lets the arrow keys walk over messages; one of them at a time is a tab stop. */
  #walk(event) {
    const messages = [...this.list.querySelectorAll(".message")];
    const at = messages.indexOf(event.target);
    const steps = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: messages.length - 1 };
    const next = messages[steps[event.key]];
    if (at < 0 || !next) return;
    event.preventDefault();
    messages[at].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }

  /** Lets the keyboard come in at the newest message, unless it is walking over the messages right now. */
  #keepTabStop() {
    const stop = this.list.querySelector('.message[tabindex="0"]');
    const last = [...this.list.querySelectorAll(".message")].at(-1);
    if (!last || stop === last || (stop && this.list.contains(document.activeElement))) return;
    if (stop) stop.tabIndex = -1;
    last.tabIndex = 0;
  }
}
