// What the page knows, and how each event changes it: apply(state, event) → state. No DOM, network, clock or chance.
// A channel's `seq` is the last fact that was applied; facts above a gap are held until `sync` brings what is missing.

/** Messages that a channel keeps when nobody reads back in it. */
const KEEP = 300;
const TRIM_TO = 200;
/** Facts held above a gap; what is beyond is dropped, because `sync` brings it again. */
const MAX_HELD = 1000;

/**
 * @typedef {{id: string, channel_id: string, seq: number, author_id: string, text: string|null,
 *   client_msg_id: string|null, created_at: string, edited_at: string|null, deleted_at: string|null}} Message
 * @typedef {{client_msg_id: string, channel_id: string, text: string, queued_at: string,
 *   status: "queued"|"sending"|"failed", reason: string|null}} Pending
 * @typedef {{id: string, name: string, kind: string, topic: string, my_role: string|null, archived_at: string|null,
 *   seq: number, unread: number, items: Message[], hasBefore: boolean,
 *   history: "unknown"|"loading"|"ready"|"failed", held: Map<number, object>}} Channel
 * @typedef {{session: "unknown"|"in"|"out"|"lost", user: object|null, link: "up"|"down", isOffline: boolean,
 *   limits: {max_text_chars: number}, listing: "loading"|"ready"|"failed", channels: Map<string, Channel>,
 *   people: Map<string, object>, pending: Map<string, Pending>, drafts: Map<string, string>, open: string|null,
 *   missing: string|null, divider: {channel_id: string, count: number, seq: number|null}|null}} State
 */

/**
 * Gives the state of a page that has just been opened.
 * @returns {State}
 */
export function initial() {
  return {
    session: "unknown",
    user: null,
    link: "down",
    isOffline: false,
    limits: { max_text_chars: 4000 },
    listing: "loading",
    channels: new Map(),
    people: new Map(),
    pending: new Map(),
    drafts: new Map(),
    open: null,
    missing: null,
    divider: null,
  };
}

/**
 * Changes the state by one event; what is not changed stays the same object.
 * @param {State} state
 * @param {{type: string}} event
 * @returns {State}
 */
export function apply(state, event) {
  const change = CHANGES.get(event.type);
  if (!change) throw new Error(`no such event: ${event.type}`);
  return change(state, event);
}

/**
 * Tells which channels have facts above a gap.
 * @param {State} state
 * @returns {string[]} their ids
 */
export function gaps(state) {
  return [...state.channels.values()].filter((channel) => channel.held.size > 0).map((channel) => channel.id);
}

/**
 * Tells how far this page has come in each channel, as `sync` asks for it.
 * @param {State} state
 * @returns {Record<string, number>}
 */
export function positions(state) {
  return Object.fromEntries([...state.channels.values()].map((channel) => [channel.id, channel.seq]));
}

/**
 * Lists what waits to be sent in a channel, oldest first.
 * @param {State} state
 * @param {string} channel_id
 * @returns {Pending[]}
 */
export function pendingIn(state, channel_id) {
  return [...state.pending.values()].filter((message) => message.channel_id === channel_id);
}

/**
 * Names a person.
 * @param {State} state
 * @param {string} id
 * @returns {string}
 */
export function nameOf(state, id) {
  return state.people.get(id)?.display_name ?? "Someone";
}

/**
 * Tells why nothing can be written in a channel.
 * @param {Channel} channel
 * @returns {string|null} a sentence, or null where writing is allowed
 */
export function whyReadOnly(channel) {
  if (channel.archived_at) return "This channel is archived.";
  if (channel.my_role === null) return "Join this channel to write in it.";
  return channel.my_role === "guest" ? "Guests can read here, not write." : null;
}

const CHANGES = new Map(
  Object.entries({
    "session.in": (state, { user }) => ({ ...state, session: "in", user, people: put(state.people, user.id, user) }),
    "session.lost": (state) => ({ ...state, session: "lost", link: "down" }),
    "session.out": () => ({ ...initial(), session: "out" }),
    link: (state, { link }) => ({ ...state, link, isOffline: link === "up" ? false : state.isOffline }),
    offline: (state) => (state.link === "up" ? state : { ...state, isOffline: true }),
    hello: (state, { hello }) => ({ ...state, limits: { ...state.limits, ...hello.limits } }),
    listing: (state, { listing }) => ({ ...state, listing }),
    listed,
    fact: (state, { fact }) => (typeof fact.seq === "number" ? durable(state, fact) : passing(state, fact)),
    synced,
    history: (state, { channel_id, history }) => withChannel(state, channel_id, { history }),
    page,
    people: (state, { users }) => ({ ...state, people: users.reduce((all, user) => put(all, user.id, user), state.people) }),
    opened,
    read: (state, { channel_id }) => withChannel(state, channel_id, { unread: 0 }),
    trimmed: (state, { channel_id }) => mapChannel(state, channel_id, trim),
    added: (state, { channel }) => added(state, channel),
    removed: (state, { channel_id }) => removed(state, channel_id),
    drafted: (state, { channel_id, text }) => ({ ...state, drafts: put(state.drafts, channel_id, text) }),
    queued,
    sending: (state, { client_msg_id }) => withPending(state, client_msg_id, { status: "sending", reason: null }),
    waiting: (state, { client_msg_id }) => withPending(state, client_msg_id, { status: "queued", reason: null }),
    failed: (state, { client_msg_id, reason }) => withPending(state, client_msg_id, { status: "failed", reason }),
    discarded: (state, { client_msg_id }) => ({ ...state, pending: drop(state.pending, client_msg_id) }),
    sent: (state, { message }) => settle(mapChannel(state, message.channel_id, (channel) => insert(channel, [message])), message),
  }),
);

/** Takes the list of channels as the server has it; `read` is how far this device has read in each. */
function listed(state, { channels, read }) {
  const known = new Map();
  for (const channel of channels) {
    const before = state.channels.get(channel.id);
    known.set(channel.id, before ?? fresh(channel, read.get(channel.id)));
  }
  return { ...state, channels: known, listing: "ready" };
}

/** Makes a channel of which nothing is loaded. `readTo` is the last seq read on this device, if it knows. */
function fresh(channel, readTo) {
  const behind = readTo === undefined ? channel.unread : Math.min(channel.unread, Math.max(0, channel.last_seq - readTo));
  return {
    ...resource(channel),
    seq: channel.last_seq,
    unread: behind,
    items: [],
    hasBefore: false,
    history: "unknown",
    held: new Map(),
  };
}

/** Picks what a channel says of itself, apart from what this page knows of it. */
function resource({ id, name, kind, topic, my_role, archived_at = null }) {
  return { id, name, kind, topic, my_role, archived_at };
}

function added(state, channel, readTo) {
  if (state.channels.has(channel.id)) return withChannel(state, channel.id, resource(channel));
  return { ...state, channels: put(state.channels, channel.id, fresh(channel, readTo)) };
}

function removed(state, channel_id) {
  const pending = new Map([...state.pending].filter(([, message]) => message.channel_id !== channel_id));
  const open = state.open === channel_id ? null : state.open;
  return { ...state, channels: drop(state.channels, channel_id), pending, open };
}

function passing(state, fact) {
  if (fact.type === "channel.added") return added(state, fact.data.channel);
  return fact.type === "channel.removed" ? removed(state, fact.channel_id) : state;
}

/** Applies a durable fact in its turn: a repeat is dropped, one above a gap is held. */
function durable(state, fact) {
  const channel = state.channels.get(fact.channel_id);
  if (!channel || fact.seq <= channel.seq) return state;
  if (fact.seq === channel.seq + 1) return release(happen(state, fact), fact.channel_id);
  if (channel.held.size >= MAX_HELD) return state;
  return withChannel(state, channel.id, { held: put(channel.held, fact.seq, fact) });
}

/** Applies held facts for as long as the next one is there. */
function release(state, channel_id) {
  let channel = state.channels.get(channel_id);
  while (channel?.held.size) {
    const next = channel.held.get(channel.seq + 1);
    const held = new Map([...channel.held].filter(([seq]) => seq > channel.seq + 1));
    state = withChannel(state, channel_id, { held });
    if (!next) return state;
    state = happen(state, next);
    channel = state.channels.get(channel_id);
  }
  return state;
}

function happen(state, fact) {
  state = withChannel(state, fact.channel_id, { seq: fact.seq });
  const { message, channel, member, user_id } = fact.data;
  if (fact.type === "message.created") return created(state, message);
  if (message) return mapChannel(state, fact.channel_id, (known) => replace(known, message));
  if (channel) return mapChannel(state, fact.channel_id, (known) => ({ ...known, ...resource({ ...channel, my_role: known.my_role }) }));
  if (!member) return state;
  state = { ...state, people: put(state.people, member.user.id, member.user) };
  return user_id === state.user?.id ? withChannel(state, fact.channel_id, { my_role: member.role }) : state;
}

function created(state, message) {
  const isMine = message.author_id === state.user?.id;
  state = mapChannel(state, message.channel_id, (channel) => {
    const grown = insert(channel, [message]);
    const kept = state.open === channel.id ? grown : trim(grown);
    return isMine ? kept : { ...kept, unread: channel.unread + 1 };
  });
  const divider = state.divider;
  if (!isMine && divider?.channel_id === message.channel_id && divider.seq === null) {
    state = { ...state, divider: { ...divider, count: divider.count + 1 } };
  }
  return settle(state, message);
}

/** Takes away the pending message that this one is, if it is one of ours. */
function settle(state, message) {
  if (message.author_id !== state.user?.id || !state.pending.has(message.client_msg_id)) return state;
  return { ...state, pending: drop(state.pending, message.client_msg_id) };
}

/** Merges messages by id; one that is here already stays, because facts keep it up to date. */
function insert(channel, messages) {
  const known = new Set(channel.items.map((message) => message.id));
  const more = messages.filter((message) => !known.has(message.id));
  if (!more.length) return channel;
  return { ...channel, items: [...channel.items, ...more].sort((a, b) => a.seq - b.seq) };
}

function replace(channel, message) {
  return { ...channel, items: channel.items.map((known) => (known.id === message.id ? message : known)) };
}

function trim(channel) {
  if (channel.items.length <= KEEP) return channel;
  return { ...channel, items: channel.items.slice(-TRIM_TO), hasBefore: true };
}

/** Takes the answer to `sync`: facts, channels to read anew, channels that are gone, channels that are new. */
function synced(state, { answer, read }) {
  for (const [channel_id, missed] of Object.entries(answer.channels)) {
    if (missed.gone) state = removed(state, channel_id);
    else if (missed.limited) state = limited(state, channel_id, missed.last_seq, answer.unread[channel_id] ?? 0);
    else state = missed.events.reduce(durable, state);
  }
  return answer.added.reduce((known, channel) => added(known, channel, read.get(channel.id)), state);
}

/** Forgets the messages of a channel that has run too far ahead, so that it is read anew. */
function limited(state, channel_id, last_seq, unread) {
  const channel = state.channels.get(channel_id);
  if (!channel || last_seq <= channel.seq) return state;
  const behind = Math.min(unread, channel.unread + last_seq - channel.seq);
  const anew = { seq: last_seq, unread: behind, items: [], hasBefore: false, history: "unknown" };
  return release(withChannel(state, channel_id, anew), channel_id);
}

/** Takes a page of history: the newest one, or the one before what is here. */
function page(state, { channel_id, page: { items, page: edges } }) {
  state = mapChannel(state, channel_id, (channel) => {
    const isOldest = !channel.items.length || !items.length || items[0].seq <= channel.items[0].seq;
    const hasBefore = isOldest ? edges.has_before : channel.hasBefore || edges.has_before;
    return { ...insert(channel, items), hasBefore, history: "ready" };
  });
  return placeDivider(items.reduce(settle, state), channel_id);
}

function opened(state, { channel_id }) {
  const channel = state.channels.get(channel_id);
  const divider = channel?.unread ? { channel_id, count: channel.unread, seq: null } : null;
  state = { ...state, open: channel ? channel_id : null, missing: channel ? null : channel_id, divider };
  return channel?.history === "ready" ? placeDivider(state, channel_id) : state;
}

/** Fixes the line above the first unread message, once the messages are here; it does not move after that. */
function placeDivider(state, channel_id) {
  const { divider } = state;
  if (divider?.channel_id !== channel_id || divider.seq !== null) return state;
  const theirs = state.channels.get(channel_id).items.filter((message) => message.author_id !== state.user?.id);
  const first = theirs.at(-divider.count);
  return { ...state, divider: first ? { ...divider, seq: first.seq } : null };
}

function queued(state, { message }) {
  const pending = put(state.pending, message.client_msg_id, { ...message, status: "queued", reason: null });
  const divider = state.divider?.channel_id === message.channel_id ? null : state.divider;
  return { ...state, pending, divider };
}

function withChannel(state, channel_id, fields) {
  return mapChannel(state, channel_id, (channel) => ({ ...channel, ...fields }));
}

function mapChannel(state, channel_id, change) {
  const channel = state.channels.get(channel_id);
  const changed = channel && change(channel);
  return changed === channel ? state : { ...state, channels: put(state.channels, channel_id, changed) };
}

function withPending(state, client_msg_id, fields) {
  const message = state.pending.get(client_msg_id);
  return message ? { ...state, pending: put(state.pending, client_msg_id, { ...message, ...fields }) } : state;
}

function put(map, key, value) {
  return new Map(map).set(key, value);
}

function drop(map, key) {
  const left = new Map(map);
  left.delete(key);
  return left;
}
