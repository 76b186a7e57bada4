// When to try again and how often: pure arithmetic and small wrappers. Imports nothing; time and chance are arguments.

/** Share of an access token's life after which it is renewed. */
const RENEW_AT = 0.8;

/**
 * Tells how long to wait before the next attempt: full jitter under a ceiling that doubles.
 * @param {number} tries attempts that have failed so far, 0 for the first wait
 * @param {() => number} random gives a number in [0, 1)
 * @param {{first_ms?: number, least_ms?: number, most_ms?: number}} [bounds] the first ceiling, the floor, the last ceiling
 * @returns {number} milliseconds
 */
export function backoff(tries, random, { first_ms = 500, least_ms = 50, most_ms = 30_000 } = {}) {
  const ceiling = Math.min(most_ms, first_ms * 2 ** Math.min(tries, 30));
  return Math.round(least_ms + random() * (ceiling - least_ms));
}

/**
 * Tells when a token that has just been received should be renewed.
 * @param {number} received_ms time of day at receipt
 * @param {number} expires_in_s lifetime left at receipt
 * @returns {number} time of day in milliseconds
 */
export function renewal(received_ms, expires_in_s) {
  return received_ms + expires_in_s * 1000 * RENEW_AT;
}

/**
 * Lets one run of `work` go on at a time; calls during a run share one run that follows it.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {() => Promise<T>} settles with the first run that began at or after the call
 */
export function inTurn(work) {
  let running = null;
  let next = null;
  const begin = () => {
    running = work().finally(() => {
      running = null;
    });
    return running;
  };
  return () => {
    if (!running) return begin();
    next ??= running.then(noop, noop).then(() => {
      next = null;
      return begin();
    });
    return next;
  };
}

/**
 * Joins calls into one that happens `wait_ms` after the first of them, with the arguments of the last.
 * @param {(...args: any[]) => void} act
 * @param {number} wait_ms
 * @param {(act: () => void, wait_ms: number) => unknown} schedule `setTimeout`, or the test's own
 * @returns {(...args: any[]) => void}
 */
export function gather(act, wait_ms, schedule) {
  let latest = null;
  return (...args) => {
    const isWaiting = latest !== null;
    latest = args;
    if (isWaiting) return;
    schedule(() => {
      const now = latest;
      latest = null;
      act(...now);
    }, wait_ms);
  };
}

function noop() {}
