// The HTTP API: one function per thing that the page asks for. Every failure is a CallError; every wait has a limit.

import { CallError, unknownOutcome } from "./errors.js";

const TIMEOUT_MS = 15_000;
const PAGE = 50;
const MOST = 200;

/**
 * Makes one request and reads its answer.
 * @param {string} method
 * @param {string} path
 * @param {{token?: string, body?: object, headers?: Record<string, string>}} [options]
 * @returns {Promise<any>} the resource, null where the answer has no body
 * @throws {CallError} the server's, or one with the code `unknown` where no answer came
 */
export async function exchange(method, path, { token, body, headers = {} } = {}) {
  const request = { method, credentials: "same-origin", headers: { ...headers }, signal: AbortSignal.timeout(TIMEOUT_MS) };
  if (token) request.headers.Authorization = `Bearer ${token}`;
  if (body) {
    request.headers["Content-Type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  const { response, text } = await answerTo(path, request);
  const content = parsed(text);
  if (response.ok) return content;
  throw new CallError(content?.error ?? { code: "internal_error", status: response.status, retryable: response.status >= 500 });
}

async function answerTo(path, request) {
  try {
    const response = await fetch(path, request);
    return { response, text: await response.text() };
  } catch (error) {
    throw unknownOutcome(error.name === "TimeoutError" ? "The server takes too long to answer." : "The server cannot be reached.");
  }
}

function parsed(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

/** The API as somebody who is signed in uses it. */
export class Api {
  /** @param {{token: () => Promise<string>, renew: () => Promise<string>}} session where access tokens come from */
  constructor(session) {
    this.session = session;
  }

  /** @returns {Promise<object[]>} all channels of which the user is a member */
  myChannels() {
    return this.#all("/v1/channels");
  }

  /**
   * Lists public channels.
   * @param {string|null} cursor where the part before ended, null for the first
   * @returns {Promise<{items: object[], next_cursor: string|null}>}
   */
  discover(cursor) {
    const rest = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
    return this.#call("GET", `/v1/channels?discover=true&limit=${PAGE}${rest}`);
  }

  /** @param {{name: string, kind: string, topic: string}} channel @returns {Promise<object>} the channel */
  create(channel) {
    return this.#call("POST", "/v1/channels", channel);
  }

  /** @param {string} id @returns {Promise<object>} the channel as its new member sees it */
  join(id) {
    return this.#call("PUT", `/v1/channels/${id}/members/me`, {});
  }

  /** @param {string} id @returns {Promise<null>} */
  leave(id) {
    return this.#call("DELETE", `/v1/channels/${id}/members/me`);
  }

  /**
   * Reads a page of messages.
   * @param {string} id
   * @param {number|null} before only what is older than this seq; null for the newest page
   * @returns {Promise<{items: object[], page: object}>} ascending by seq
   */
  history(id, before) {
    const anchor = before === null ? "" : `&before=${before}`;
    return this.#call("GET", `/v1/channels/${id}/messages?limit=${PAGE}${anchor}`);
  }

  /** @param {string} id @returns {Promise<object[]>} the people in a channel */
  async members(id) {
    const members = await this.#all(`/v1/channels/${id}/members`);
    return members.map((member) => member.user);
  }

  async #all(path) {
    const items = [];
    let cursor = null;
    do {
      const rest = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
      const page = await this.#call("GET", `${path}?limit=${MOST}${rest}`);
      items.push(...page.items);
      cursor = page.next_cursor;
    } while (cursor);
    return items;
  }

  /** Calls with the token at hand; where the server no longer takes it, once more with a new one. */
  async #call(method, path, body) {
    const token = await this.session.token();
    try {
      return await exchange(method, path, { token, body });
    } catch (error) {
      if (error.status !== 401) throw error;
      return exchange(method, path, { token: await this.session.renew(token), body });
    }
  }
}
