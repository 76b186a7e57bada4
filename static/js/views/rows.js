// What the timeline shows, as a flat list: days, the line above what is new, messages in order, and what is on its way.
// Pure; the clock and the names come from outside.

import { nameOf } from "../state.js";

/** Messages of one person closer than this share a byline. */
const TOGETHER_MS = 5 * 60_000;

/**
 * Makes the rows of a channel.
 * @param {import("../state.js").State} state
 * @param {import("../state.js").Channel} channel
 * @param {(iso: string) => string} dayOf gives the name of the day of a time
 * @returns {{key: string, kind: "day"|"divider"|"message", [field: string]: unknown}[]} keys are unique
 */
export function rowsOf(state, channel, dayOf) {
  const rows = [];
  const sight = { day: null, author_id: null, at_ms: 0 };
  const line = state.divider?.channel_id === channel.id ? state.divider.seq : null;
  for (const message of channel.items) {
    newDay(rows, sight, message.created_at, dayOf);
    if (message.seq === line) {
      rows.push({ key: "divider", kind: "divider" });
      sight.author_id = null;
    }
    rows.push(storedRow(state, message, sight));
  }
  for (const message of state.pending.values()) {
    if (message.channel_id !== channel.id) continue;
    newDay(rows, sight, message.queued_at, dayOf);
    rows.push(pendingRow(state, message, sight));
  }
  return rows;
}

function newDay(rows, sight, at, dayOf) {
  const day = dayOf(at);
  if (day === sight.day) return;
  rows.push({ key: `day ${day}`, kind: "day", day });
  sight.day = day;
  sight.author_id = null;
}

function storedRow(state, message, sight) {
  const isMine = message.author_id === state.user?.id;
  return {
    key: message.client_msg_id ? `${message.author_id} ${message.client_msg_id}` : message.id,
    kind: "message",
    author_id: message.author_id,
    name: nameOf(state, message.author_id),
    isMine,
    at: message.created_at,
    text: message.deleted_at ? null : (message.text ?? ""),
    isEdited: message.edited_at !== null,
    isFirst: isFirst(sight, message.author_id, message.created_at),
    status: "sent",
    reason: null,
    client_msg_id: isMine ? message.client_msg_id : null,
  };
}

function pendingRow(state, message, sight) {
  return {
    key: `${state.user.id} ${message.client_msg_id}`,
    kind: "message",
    author_id: state.user.id,
    name: nameOf(state, state.user.id),
    isMine: true,
    at: message.queued_at,
    text: message.text,
    isEdited: false,
    isFirst: isFirst(sight, state.user.id, message.queued_at),
    status: message.status,
    reason: message.reason,
    client_msg_id: message.client_msg_id,
  };
}

/** Tells whether a message opens a run of its author, and remembers it as the last one seen. */
function isFirst(sight, author_id, at) {
  const at_ms = Date.parse(at);
  const together = sight.author_id === author_id && at_ms - sight.at_ms < TOGETHER_MS;
  sight.author_id = author_id;
  sight.at_ms = at_ms;
  return !together;
}
