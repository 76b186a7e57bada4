// The question before a channel is left.

import { part } from "./parts.js";

/**
 * Sets the sheet up.
 * @param {HTMLDialogElement} dialog
 * @param {(channel_id: string) => Promise<void>} leave
 * @returns {(channel: {id: string, name: string, kind: string}) => void} asks about a channel
 */
export function leaveView(dialog, leave) {
  let asked = null;
  part(dialog, "cancel").addEventListener("click", () => dialog.close());
  part(dialog, "confirm").addEventListener("click", async () => {
    try {
      await leave(asked.id);
      dialog.close();
    } catch (error) {
      part(dialog, "error").textContent = error.message;
    }
  });
  return (channel) => {
    asked = channel;
    part(dialog, "title").textContent = `Leave #${channel.name}?`;
    part(dialog, "text").textContent =
      channel.kind === "public" ? "You can join again at any time." : "It is not in the list: you cannot come back by yourself.";
    part(dialog, "error").textContent = "";
    dialog.showModal();
  };
}
