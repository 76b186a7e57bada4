// How times are written for people, in their language and time zone.

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const dayOfYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });

/** @param {string} iso @returns {string} hour and minute */
export function timeOfDay(iso) {
  return clock.format(new Date(iso));
}

/** @param {string} iso @returns {string} day and time in full */
export function inFull(iso) {
  return full.format(new Date(iso));
}

/**
 * Names the day of a time: Today, Yesterday, or its date.
 * @param {string} iso
 * @param {Date} [now]
 * @returns {string}
 */
export function dayName(iso, now = new Date()) {
  const date = new Date(iso);
  const days = Math.round((startOfDay(now) - startOfDay(date)) / 86_400_000);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return (date.getFullYear() === now.getFullYear() ? day : dayOfYear).format(date);
}

function startOfDay(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}
