// Who is signed in: the access token, in memory only, and its renewal by the cookie that no script can read.
// One renewal at a time, in this tab by a shared promise and across tabs by a lock.

import { exchange } from "./api.js";
import { CallError } from "./errors.js";
import { backoff, renewal } from "./timing.js";

const LOCK = "heliograph.refresh";
const OWN_PAGE = { "X-Requested-With": "fetch" };
/** A timer may not be set further ahead than this; browsers run it at once. */
const FAR_MS = 2 ** 31 - 1;

/** A device's session. `onRenewed` hears of every new token, `onLost` that the session has ended without being asked. */
export class Session {
  #token = null;
  #due_ms = 0;
  #timer = null;
  #renewing = null;
  #failures = 0;

  /** @param {{storage: {mayBeSignedIn: boolean}, onRenewed: (user: object) => void, onLost: () => void}} parts */
  constructor({ storage, onRenewed, onLost }) {
    this.storage = storage;
    this.onRenewed = onRenewed;
    this.onLost = onLost;
    this.user = null;
  }

  /** @returns {string|null} the token at hand, which may have expired */
  get current() {
    return this.#token;
  }

  /**
   * Finds out whether this device is signed in still.
   * @returns {Promise<boolean>}
   * @throws {CallError} where the server cannot be asked
   */
  async resume() {
    if (!this.storage.mayBeSignedIn) return false;
    try {
      await this.renew(null);
      return true;
    } catch (error) {
      if (error instanceof CallError && error.refuses) return false;
      throw error;
    }
  }

  /** @param {{username: string, password: string}} form @returns {Promise<void>} */
  async signIn(form) {
    this.#hold(await exchange("POST", "/v1/auth/login", { body: form }));
  }

  /** @param {{username: string, password: string, display_name?: string}} form @returns {Promise<void>} */
  async register(form) {
    this.#hold(await exchange("POST", "/v1/auth/register", { body: form }));
  }

  /** Ends the session here and at the server. Where the server cannot be told, the failure is the caller's to show. */
  async signOut() {
    const token = await this.token();
    await exchange("POST", "/v1/auth/logout", { token });
    this.forget();
  }

  /** Lets go of the session on this device. */
  forget() {
    clearTimeout(this.#timer);
    this.#token = null;
    this.storage.mayBeSignedIn = false;
  }

  /** @returns {Promise<string>} a token that is good for a while */
  async token() {
    return this.#token && Date.now() < this.#due_ms ? this.#token : this.renew(this.#token);
  }

  /**
   * Gets a new token.
   * @param {string|null} old the one that is no longer good; where another renewal has replaced it, that one is given
   * @returns {Promise<string>}
   */
  async renew(old) {
    if (this.#token && old !== this.#token) return this.#token;
    this.#renewing ??= this.#ask().finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  async #ask() {
    try {
      const grant = await oneTabAtATime(() => exchange("POST", "/v1/auth/refresh", { headers: OWN_PAGE }));
      this.#hold(grant);
      return this.#token;
    } catch (error) {
      if (error instanceof CallError && error.refuses) {
        this.forget();
        this.onLost();
      } else if (this.#token) {
        this.#schedule(backoff(this.#failures++, Math.random, { first_ms: 2000 }));
      }
      throw error;
    }
  }

  #hold(grant) {
    const now_ms = Date.now();
    this.#token = grant.access_token;
    this.#due_ms = renewal(now_ms, grant.expires_in);
    this.#failures = 0;
    this.user = grant.user;
    this.storage.mayBeSignedIn = true;
    this.#schedule(this.#due_ms - now_ms);
    this.onRenewed(grant.user);
  }

  #schedule(wait_ms) {
    clearTimeout(this.#timer);
    // What went wrong has been dealt with in #ask; nobody awaits a renewal that a timer began.
    this.#timer = setTimeout(() => this.renew(this.#token).catch(() => {}), Math.min(wait_ms, FAR_MS));
  }
}

/** Runs `act` while no other tab does; where the browser has no locks, the server forgives two at once. */
function oneTabAtATime(act) {
  return navigator.locks ? navigator.locks.request(LOCK, act) : act();
}
