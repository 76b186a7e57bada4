// Composition: makes state, session, socket and views, and carries events between them. The only file that knows all.

import { Api } from "./api.js";
import { CatchUp } from "./catch_up.js";
import { History } from "./history.js";
import { Outbox } from "./outbox.js";
import { Reading } from "./reading.js";
import { Session } from "./session.js";
import { apply, gaps, initial } from "./state.js";
import { Storage } from "./storage.js";
import { backoff, gather } from "./timing.js";
import { BrowseView } from "./views/browse.js";
import { channelsView } from "./views/channels.js";
import { ComposerView } from "./views/composer.js";
import { createView } from "./views/create.js";
import { headView } from "./views/head.js";
import { regionKeys } from "./views/keys.js";
import { leaveView } from "./views/leave.js";
import { SignInView } from "./views/sign_in.js";
import { statusView } from "./views/status.js";
import { TimelineView } from "./views/timeline.js";
import { Wire } from "./wire.js";

const OFFLINE_AFTER_MS = 5000;
const PROBE_AFTER_HIDDEN_MS = 30_000;
const KEEP_AFTER_MS = 400;

const $ = (id) => document.getElementById(id);
const after = (act, ms) => setTimeout(act, ms);
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let state = initial();
let isDrawing = false;
let offlineTimer = null;

// The parts that speak to the server.

const storage = new Storage(() => localStorage, () => sessionStorage);
const session = new Session({ storage, onRenewed: renewed, onLost: lost });
const api = new Api(session);
const wire = new Wire({ token: () => session.token(), renew: (old) => session.renew(old), onFact: heard, onLink: linked });
const outbox = new Outbox({
  call: (name, payload) => wire.call(name, payload),
  isUp: () => wire.isUp,
  dispatch,
  wait,
  random: Math.random,
});
const history = new History({ api, dispatch, channel: (id) => state.channels.get(id) });

// The views, and what people ask of them.

const status = statusView($("banner"), $("announcer"));
const askToCreate = createView($("create"), create);
const askToLeave = leaveView($("leave"), leave);
const browse = new BrowseView($("browse"), { discover: (cursor) => api.discover(cursor), join, open: go });
const signIn = new SignInView($("sign-in"), {
  signIn: async (form) => enter(await session.signIn(form)),
  register: async (form) => enter(await session.register(form)),
});
const drawChannels = channelsView($("sidebar"), {
  browse: () => browse.show(),
  create: askToCreate,
  reload: () => loadChannels(),
  signOut,
});
const drawHead = headView($("conversation"), {
  leave: () => askToLeave(state.channels.get(state.open)),
  browse: () => browse.show(),
});
const timeline = new TimelineView($("conversation"), {
  older: () => history.older(state.open),
  retryHistory: () => history.retry(state.open),
  moved: () => reading.mark(),
  act: actOn,
});
const composer = new ComposerView($("composer"), {
  send: (channel_id, text) => send({ channel_id, text }),
  draft: (channel_id, text) => dispatch({ type: "drafted", channel_id, text }),
});

const catchUp = new CatchUp({
  call: (name, payload) => wire.call(name, payload),
  isUp: () => wire.isUp,
  state: () => state,
  synced: (answer) => dispatch({ type: "synced", answer, read: reading.seqs }),
  failed: (error) => status.warn(`Couldn’t catch up. ${error.message}`),
  schedule: after,
});
const reading = new Reading({
  state: () => state,
  dispatch,
  isInSight: () => !document.hidden && document.hasFocus() && timeline.isAtEnd,
  keep: (seqs) => state.user && storage.keepRead(state.user.id, seqs),
  announce: status.announce,
  schedule: after,
});

// Events in, pictures out.

const keepDrafts = gather(() => state.user && storage.keepDrafts(state.user.id, state.drafts), KEEP_AFTER_MS, after);

function dispatch(event) {
  const before = state;
  state = apply(state, event);
  if (state === before) return;
  if (state.pending !== before.pending && state.user) storage.keepPending(state.user.id, state.pending.values());
  if (state.drafts !== before.drafts) keepDrafts();
  if (event.type === "fact" || event.type === "synced") reading.tell(before);
  if (event.type === "fact" && gaps(state).length) catchUp.soon();
  if (state.open) history.open(state.open);
  else if (before.open && !state.missing) go(null);
  if (!isDrawing) {
    isDrawing = true;
    // A hidden page draws no frames, and its title still has to say what is unread.
    if (document.hidden) setTimeout(draw, 0);
    else requestAnimationFrame(draw);
  }
}

function draw() {
  isDrawing = false;
  document.body.dataset.session = state.session;
  $("starting").hidden = state.session !== "unknown";
  $("app").hidden = state.session === "unknown" || state.session === "out";
  $("app").dataset.pane = state.open || state.missing ? "conversation" : "channels";
  drawChannels(state);
  drawHead(state);
  composer.draw(state);
  timeline.draw(state);
  browse.draw(state);
  status.draw(state);
  signIn.draw(state);
}

// Coming and going.

async function begin() {
  for (let tries = 0; ; tries++) {
    try {
      return (await session.resume()) ? enter() : dispatch({ type: "session.out" });
    } catch {
      await wait(backoff(tries, Math.random));
    }
  }
}

function enter() {
  const { user } = session;
  const isBack = state.session === "lost" && state.user.id === user.id;
  if (state.session === "lost" && !isBack) leaveBehind();
  dispatch({ type: "session.in", user });
  wire.start();
  awaitLink();
  if (isBack) return;
  const kept = storage.recall(user.id);
  reading.seqs = kept.read;
  for (const [channel_id, text] of kept.drafts) dispatch({ type: "drafted", channel_id, text });
  loadChannels(kept.pending);
}

function renewed(user) {
  // Somebody else has signed in in another tab: what this one shows is not theirs.
  if (state.user && state.session === "in" && state.user.id !== user.id) return location.reload();
  // A socket that is not told in time is closed by the server and comes back under the new token.
  if (wire.isUp) wire.call("auth.refresh", { token: session.current }).catch(() => {});
}

function lost() {
  wire.stop();
  if (state.session === "in") dispatch({ type: "session.lost" });
}

async function signOut() {
  try {
    await session.signOut();
    leaveBehind();
  } catch (error) {
    if (state.session === "in") status.warn(`Couldn’t sign out. ${error.message}`);
  }
}

function leaveBehind() {
  wire.stop();
  outbox.clear();
  history.clear();
  const { user } = state;
  dispatch({ type: "session.out" });
  if (user) storage.wipe(user.id);
  go(null);
}

async function loadChannels(unsent = []) {
  dispatch({ type: "listing", listing: "loading" });
  try {
    dispatch({ type: "listed", channels: await api.myChannels(), read: reading.seqs });
  } catch {
    return dispatch({ type: "listing", listing: "failed" });
  }
  route();
  catchUp.now();
  sendAgain(unsent);
}

function sendAgain(unsent) {
  for (const { client_msg_id, channel_id, text, queued_at, status: fate, reason } of unsent) {
    if (!state.channels.has(channel_id)) continue;
    const message = { client_msg_id, channel_id, text, queued_at };
    if (fate !== "failed") outbox.add(message);
    else {
      dispatch({ type: "queued", message });
      dispatch({ type: "failed", client_msg_id, reason });
    }
  }
}

// The socket.

function linked(link) {
  dispatch({ type: "link", link });
  clearTimeout(offlineTimer);
  if (link === "down") return awaitLink();
  status.warn(null);
  catchUp.now();
  outbox.resume();
}

/** Says that there is no connection once that has lasted; at once where the device itself says so. */
function awaitLink() {
  const say = () => state.session === "in" && dispatch({ type: "offline" });
  offlineTimer = setTimeout(say, navigator.onLine ? OFFLINE_AFTER_MS : 0);
}

function heard(fact) {
  if (fact.type === "hello") dispatch({ type: "hello", hello: fact.data });
  else if (fact.type === "auth.expiring") session.renew(session.current).catch(() => {});
  else if (fact.type === "sync.required") catchUp.now();
  else if (fact.type === "session.revoked") revoked(fact.data.reason);
  else dispatch({ type: "fact", fact });
  if (fact.type === "message.created") reading.mark();
}

function revoked(reason) {
  session.forget();
  if (reason === "signed_out") leaveBehind();
  else lost();
}

// What people do.

function go(channel_id) {
  const hash = channel_id ? `#/${channel_id}` : "#/";
  if (location.hash === hash) route();
  else location.hash = hash;
}

/** Opens the channel that the address names. An address that names none of ours is a link within the page. */
function route() {
  if (location.hash && !location.hash.startsWith("#/")) return;
  const channel_id = location.hash.slice(2) || null;
  if (state.listing !== "ready" || channel_id === state.open) return;
  dispatch({ type: "opened", channel_id });
  draw();
  if (!state.open) return;
  composer.focus();
  if (!$("composer").contains(document.activeElement)) $("channel-name").focus({ preventScroll: true });
}

async function create(form) {
  const channel = await api.create(form);
  dispatch({ type: "added", channel });
  go(channel.id);
}

async function join(channel_id) {
  dispatch({ type: "added", channel: await api.join(channel_id) });
}

async function leave(channel_id) {
  await api.leave(channel_id);
  dispatch({ type: "removed", channel_id });
}

function send({ channel_id, text }) {
  wire.nudge();
  outbox.add({ client_msg_id: crypto.randomUUID(), channel_id, text, queued_at: new Date().toISOString() });
}

function actOn(act, client_msg_id) {
  const message = state.pending.get(client_msg_id);
  if (!message) return;
  wire.nudge();
  if (act === "retry") outbox.retry(message);
  else outbox.discard(client_msg_id);
  if (act === "edit") composer.restore(message.text);
}

// The window.

let hiddenAt_ms = 0;
document.addEventListener("visibilitychange", () => {
  if (document.hidden) hiddenAt_ms = Date.now();
  else if (Date.now() - hiddenAt_ms > PROBE_AFTER_HIDDEN_MS) wire.probe();
  reading.mark();
});
addEventListener("focus", () => reading.mark());
addEventListener("hashchange", route);
addEventListener("online", () => wire.restart());
addEventListener("offline", () => wire.probe());
addEventListener("pagehide", () => state.user && storage.keepDrafts(state.user.id, state.drafts));
regionKeys($("app"));
begin();
