// The sheet for creating a channel.

import { clearErrors, formOf } from "./form.js";
import { part } from "./parts.js";

/**
 * Sets the sheet up.
 * @param {HTMLDialogElement} dialog
 * @param {(channel: {name: string, kind: string, topic: string}) => Promise<void>} create
 * @returns {() => void} opens it
 */
export function createView(dialog, create) {
  const form = dialog.querySelector("form");
  part(dialog, "cancel").addEventListener("click", () => dialog.close());
  const submit = async ({ name, kind, topic }) => {
    await create({ name: name.trim().replace(/^#/, ""), kind, topic: topic.trim() });
    dialog.close();
  };
  formOf(form, submit, (error) => (error.code === "already_exists" ? "There is a channel of this name already." : null));
  return () => {
    form.reset();
    clearErrors(form);
    dialog.showModal();
  };
}
