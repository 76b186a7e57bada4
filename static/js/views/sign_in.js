// The sheet for signing in and for creating an account. It lies over the app when a session has ended, so that nothing
// that was written is lost.

import { clearErrors, formOf } from "./form.js";
import { part, say } from "./parts.js";

const WORDS = {
  in: { title: "Sign in", submit: "Sign in", other: "Create an account", ask: "New here?" },
  up: { title: "Create an account", submit: "Create account", other: "Sign in", ask: "Have an account?" },
};
const EXPLAINED = {
  auth_failed: "Username or password is wrong.",
  already_exists: "This username is taken.",
  rate_limited: "Too many attempts. Wait a little and try again.",
  unknown: "The server cannot be reached. Try again.",
};
const LOST = "Your session has ended. Sign in again to go on; what you wrote is kept.";
const USERNAME = "Use 2 to 32 letters, digits, dots, - or _.";

/** The sheet; it is open for as long as nobody is signed in. */
export class SignInView {
  #mode = "in";
  #isWanted = false;

  /**
   * @param {HTMLDialogElement} dialog
   * @param {{signIn: (form: object) => Promise<void>, register: (form: object) => Promise<void>}} intents
   */
  constructor(dialog, intents) {
    this.dialog = dialog;
    this.form = dialog.querySelector("form");
    this.password = this.form.elements.namedItem("password");
    formOf(this.form, (values) => this.#submit(values, intents), explain);
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.addEventListener("close", () => this.#isWanted && dialog.showModal());
    part(dialog, "other").addEventListener("click", () => this.#turn(this.#mode === "in" ? "up" : "in"));
    part(dialog, "reveal").addEventListener("click", () => this.#reveal(this.password.type === "password"));
    this.password.addEventListener("keydown", (event) => {
      part(dialog, "caps").hidden = !event.getModifierState?.("CapsLock");
    });
    this.#turn("in");
  }

  /** @param {import("../state.js").State} state */
  draw(state) {
    this.#isWanted = state.session === "out" || state.session === "lost";
    say(part(this.dialog, "lead"), state.session === "lost" ? LOST : null);
    if (this.#isWanted && !this.dialog.open) this.#show();
    if (!this.#isWanted && this.dialog.open) this.dialog.close();
  }

  #show() {
    this.form.reset();
    clearErrors(this.form);
    this.#turn("in");
    this.#reveal(false);
    this.dialog.showModal();
  }

  async #submit({ username, password, display_name }, intents) {
    if (this.#mode === "in") return intents.signIn({ username: username.trim(), password });
    const name = display_name.trim();
    return intents.register({ username: username.trim(), password, ...(name && { display_name: name }) });
  }

  #turn(mode) {
    this.#mode = mode;
    const words = WORDS[mode];
    say(part(this.dialog, "title"), words.title);
    say(part(this.dialog, "submit"), words.submit);
    say(part(this.dialog, "other"), words.other);
    say(part(this.dialog, "other-text"), words.ask);
    part(this.dialog, "display-name-field").hidden = mode === "in";
    part(this.dialog, "password-hint").hidden = mode === "in";
    this.password.autocomplete = mode === "in" ? "current-password" : "new-password";
    clearErrors(this.form);
  }

  #reveal(isShown) {
    this.password.type = isShown ? "text" : "password";
    const button = part(this.dialog, "reveal");
    button.setAttribute("aria-pressed", String(isShown));
    button.textContent = isShown ? "Hide" : "Show";
  }
}

function explain(error) {
  if (error.fields?.some((fault) => fault.path === "username")) return USERNAME;
  return EXPLAINED[error.code] ?? null;
}
