// What the forms in sheets share: one submission at a time, and errors beside the field that they are about.

import { part } from "./parts.js";

const FAULTS = {
  required: () => "This is needed.",
  too_short: ({ min }) => `Use at least ${min} characters.`,
  too_long: ({ max }) => `Use at most ${max} characters.`,
  too_common: () => "Many people use this password. Choose another one.",
  too_guessable: () => "This is easy to guess. Use a few more words that have nothing to do with each other.",
  contains_name: () => "There is little in this besides a name. Add something that has nothing to do with you.",
  empty: () => "This is needed.",
};

/**
 * Lets a form submit once at a time and shows what came of it.
 * @param {HTMLFormElement} form with a part `error` and, for fields, elements with `data-error`
 * @param {(values: Record<string, string>) => Promise<void>} submit
 * @param {(error: Error & {code: string}) => string|null} explain the sentence for a code, null for the server's own
 */
export function formOf(form, submit, explain) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.getAttribute("aria-busy") === "true") return;
    clearErrors(form);
    form.setAttribute("aria-busy", "true");
    try {
      await submit(Object.fromEntries(new FormData(form)));
    } catch (error) {
      showErrors(form, error, explain);
    } finally {
      form.removeAttribute("aria-busy");
    }
  });
}

/** @param {HTMLFormElement} form whose errors are taken away */
export function clearErrors(form) {
  part(form, "error").textContent = "";
  for (const element of form.querySelectorAll("[data-error]")) element.textContent = "";
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
}

function showErrors(form, error, explain) {
  const placed = (error.fields ?? []).map((fault) => showFault(form, fault)).filter(Boolean);
  if (placed.length) placed[0].focus();
  else part(form, "error").textContent = explain(error) ?? error.message;
}

function showFault(form, fault) {
  const place = form.querySelector(`[data-error="${CSS.escape(fault.path)}"]`);
  const field = form.elements.namedItem(fault.path);
  if (!place || !field) return null;
  place.textContent = FAULTS[fault.code]?.(fault) ?? place.closest(".field").querySelector(".hint")?.textContent ?? "This is not valid.";
  field.setAttribute("aria-invalid", "true");
  return field;
}
