// The one failure that a call to the server can end in, over HTTP and over the socket alike. Nothing is retried here.

/** Why a call failed. Callers branch on `retryable`, and on `code` only where a code has a meaning of its own. */
export class CallError extends Error {
  /**
   * @param {{code: string, message?: string, status?: number, retryable?: boolean, retry_after_ms?: number,
   *   fields?: {path: string, code: string, max?: number, min?: number}[]}} error as the server wrote it
   */
  constructor({ code, message, status = 0, retryable = false, retry_after_ms, fields = [] }) {
    super(message ?? code);
    this.name = "CallError";
    this.code = code;
    this.status = status;
    this.retryable = retryable;
    this.retry_after_ms = retry_after_ms;
    this.fields = fields;
  }

  /** @returns {boolean} whether the server has said that these credentials are no good */
  get refuses() {
    return this.status === 401 || this.status === 403;
  }
}

/**
 * Makes the failure of a call whose outcome nobody knows: it may have been carried out.
 * @param {string} message
 * @returns {CallError}
 */
export function unknownOutcome(message) {
  return new CallError({ code: "unknown", message, retryable: true });
}

/**
 * Makes the failure of a call that never left this page.
 * @returns {CallError}
 */
export function notConnected() {
  return new CallError({ code: "offline", message: "There is no connection right now.", retryable: true });
}

/**
 * Takes any failure for one of ours, so that a view always has a code and a sentence.
 * @param {unknown} error
 * @returns {CallError}
 */
export function asCallError(error) {
  return error instanceof CallError ? error : new CallError({ code: "internal_error", message: "Something went wrong." });
}
