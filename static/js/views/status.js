// What is said about the connection, and the one place from which screen readers hear of what is new.

import { say } from "./parts.js";

const OFFLINE = "Reconnecting… You can go on writing; it is sent when the connection is back.";
/** More than so many new messages at once are counted instead of read out. */
const READ_OUT = 3;

/**
 * Sets the banner and the live region up.
 * @param {HTMLElement} banner
 * @param {HTMLElement} announcer
 * @returns {{draw: (state: import("../state.js").State) => void, announce: (lines: string[]) => void,
 *   warn: (text: string|null) => void}}
 */
export function statusView(banner, announcer) {
  let warning = null;
  let state = null;
  const announce = (lines) => {
    announcer.textContent = lines.length > READ_OUT ? `${lines.length} new messages` : lines.join("\n");
  };
  const draw = (now) => {
    state = now;
    const text = state.isOffline && state.session === "in" ? OFFLINE : warning;
    if (text && banner.textContent !== text) announce([text]);
    say(banner, text);
  };
  const warn = (text) => {
    warning = text;
    if (state) draw(state);
  };
  return { draw, announce, warn };
}
