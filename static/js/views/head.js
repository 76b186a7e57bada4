// The top of the conversation: which channel is open, what it is about, and what stands there when none is.

import { part, say } from "./parts.js";

/**
 * Sets the channel's header up.
 * @param {HTMLElement} root the conversation
 * @param {{leave: () => void, browse: () => void}} intents
 * @returns {(state: import("../state.js").State) => void} draws a state
 */
export function headView(root, intents) {
  part(root, "leave").addEventListener("click", intents.leave);
  part(root, "welcome-browse").addEventListener("click", intents.browse);
  return (state) => {
    const channel = state.channels.get(state.open);
    part(root, "head").hidden = !channel;
    part(root, "welcome").hidden = Boolean(channel) || state.listing === "loading";
    document.title = titleOf(state, channel);
    if (!channel) return drawWelcome(root, state);
    say(part(root, "name"), channel.name);
    say(part(root, "topic"), channel.topic);
    part(root, "kind").setAttribute("href", channel.kind === "public" ? "#i-hash" : "#i-lock");
  };
}

function drawWelcome(root, state) {
  const isUnknown = state.missing !== null;
  say(part(root, "welcome-title"), isUnknown ? "Nothing here" : state.channels.size ? "Pick a channel" : "Welcome");
  const text = state.channels.size ? "Choose one from the list, or find one to join." : "Find a channel to join, or create the first one.";
  say(part(root, "welcome-text"), isUnknown ? "This channel doesn’t exist, or you have no access to it." : text);
}

function titleOf(state, channel) {
  const unread = [...state.channels.values()].reduce((sum, { unread }) => sum + unread, 0);
  return [unread ? `(${unread}) ` : "", channel ? `#${channel.name} · ` : "", "Heliograph"].join("");
}
