// F6 walks over the regions of the page: channels, messages, composer; Shift+F6 walks back.

/** Where the keyboard comes into a region: the first of these that is there. */
const REGIONS = [
  ["#sidebar .channels a[aria-current]", "#sidebar .channels a", "#sidebar button"],
  ['#timeline .message[tabindex="0"]'],
  ["#write"],
];

/** @param {HTMLElement} app whose regions F6 walks over */
export function regionKeys(app) {
  app.addEventListener("keydown", (event) => {
    if (event.key !== "F6") return;
    event.preventDefault();
    const stops = REGIONS.map((entries) => entryOf(app, entries)).filter((stop) => stop?.checkVisibility());
    const at = stops.findIndex((stop) => regionOf(stop).contains(document.activeElement));
    const step = event.shiftKey ? -1 : 1;
    stops.at((at + step + stops.length) % stops.length)?.focus();
  });
}

function entryOf(app, entries) {
  return entries.map((selector) => app.querySelector(selector)).find(Boolean);
}

function regionOf(element) {
  return element.closest("#sidebar, #timeline, #composer");
}
