// The sidebar: my channels with what is unread, who I am, and the ways to create, browse and sign out.

import { fillAvatar, follow, part, say, stamp } from "./parts.js";

const MOST_SHOWN = 99;

/**
 * Sets the sidebar up.
 * @param {HTMLElement} root
 * @param {{browse: () => void, create: () => void, signOut: () => void, reload: () => void}} intents
 * @returns {(state: import("../state.js").State) => void} draws a state
 */
export function channelsView(root, intents) {
  const on = (name, act) => part(root, name).addEventListener("click", act);
  on("browse", intents.browse);
  on("empty-browse", intents.browse);
  on("create", intents.create);
  on("empty-create", intents.create);
  on("retry", intents.reload);
  on("sign-out", intents.signOut);
  return (state) => {
    drawList(root, state);
    drawMe(root, state.user);
  };
}

function drawList(root, state) {
  const { listing } = state;
  const items = [...state.channels.values()].map((channel) => itemOf(channel, state.open));
  items.sort((one, other) => one.name.localeCompare(other.name));
  follow(part(root, "list"), items, () => stamp("channel-row"), fill);
  part(root, "loading").hidden = listing !== "loading" || items.length > 0;
  part(root, "empty").hidden = listing !== "ready" || items.length > 0;
  part(root, "error").hidden = listing !== "failed";
}

function itemOf({ id, name, kind, unread }, open) {
  return { key: id, name, kind, unread: id === open ? 0 : unread, isOpen: id === open };
}

function fill(row, { key, name, kind, unread, isOpen }) {
  const link = row.querySelector("a");
  link.href = `#/${key}`;
  link.classList.toggle("has-unread", unread > 0);
  if (isOpen) link.setAttribute("aria-current", "page");
  else link.removeAttribute("aria-current");
  row.querySelector("use").setAttribute("href", kind === "public" ? "#i-hash" : "#i-lock");
  row.querySelector(".channel-label").textContent = name;
  row.querySelector(".badge").hidden = unread === 0;
  part(row, "count").textContent = unread > MOST_SHOWN ? `${MOST_SHOWN}+` : String(unread);
}

function drawMe(root, user) {
  if (!user) return;
  fillAvatar(part(root, "avatar"), user.id, user.display_name);
  say(part(root, "display-name"), user.display_name);
  say(part(root, "username"), `@${user.username}`);
}
