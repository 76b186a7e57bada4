// One row of the timeline: a day, the line above what is new, or a message with its fate if it is still on its way.

import { fillAvatar, say, stamp } from "./parts.js";
import { inFull, timeOfDay } from "./times.js";

const FATES = { queued: "Waiting for a connection", sending: "Sending…", sent: null };

/** @param {{kind: string}} row @returns {HTMLElement} an empty node for it */
export function makeRow(row) {
  return stamp(`${row.kind}-row`);
}

/**
 * Fills a node with its row.
 * @param {HTMLElement} node
 * @param {object} row as `rowsOf` makes it
 */
export function fillRow(node, row) {
  if (row.kind === "day") node.querySelector("span").textContent = row.day;
  if (row.kind === "message") fillMessage(node, row);
}

function fillMessage(node, row) {
  node.className = "message";
  node.classList.toggle("is-first", row.isFirst);
  node.classList.toggle("is-mine", row.isMine);
  node.classList.add(`is-${row.status}`);
  node.dataset.key = row.client_msg_id ?? "";
  if (!node.hasAttribute("tabindex")) node.tabIndex = -1;
  fillAvatar(node.querySelector(".avatar"), row.author_id, row.name);
  node.querySelector(".author").textContent = row.name;
  const time = node.querySelector("time");
  time.dateTime = row.at;
  time.title = inFull(row.at);
  time.textContent = timeOfDay(row.at);
  const text = node.querySelector(".text");
  text.classList.toggle("is-deleted", row.text === null);
  text.textContent = row.text === null ? "This message was deleted." : row.text;
  fillFate(node.querySelector(".fate"), row);
}

function fillFate(fate, row) {
  if (row.status !== "failed") {
    fate.removeAttribute("role");
    return say(fate, row.isEdited ? "edited" : FATES[row.status]);
  }
  fate.setAttribute("role", "alert");
  say(fate, `${row.reason} `);
  fate.append(stamp("fate-actions"));
}
