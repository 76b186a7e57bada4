// What the tests of the page talk about: two people, a channel, its facts and messages.

import { apply, initial } from "../../static/js/state.js";

export const ANA = { id: "usr_ana", username: "ana", display_name: "Ana" };
export const BO = { id: "usr_bo", username: "bo", display_name: "Bo" };
export const GENERAL = "chn_general";

export function channel(fields = {}) {
  return { id: GENERAL, name: "general", kind: "public", topic: "", last_seq: 0, my_role: "member", unread: 0, ...fields };
}

export function message(seq, fields = {}) {
  return {
    id: `msg_${seq}`,
    channel_id: GENERAL,
    seq,
    author_id: BO.id,
    text: `text ${seq}`,
    client_msg_id: null,
    created_at: new Date(Date.UTC(2030, 0, 1, 12, 0, seq)).toISOString(),
    edited_at: null,
    deleted_at: null,
    ...fields,
  };
}

export function fact(seq, fields = {}) {
  const data = { message: message(seq, fields) };
  return { type: "message.created", channel_id: GENERAL, seq, actor_id: data.message.author_id, data };
}

export function joined(seq, user) {
  const data = { user_id: user.id, member: { user, role: "member" } };
  return { type: "member.joined", channel_id: GENERAL, seq, actor_id: user.id, data };
}

export function page(seqs, edges = {}) {
  return { items: seqs.map((seq) => message(seq)), page: { has_before: false, has_after: false, ...edges } };
}

/** Ana, signed in, a member of one channel. */
export function signedIn(fields = {}, read = new Map()) {
  const state = apply(initial(), { type: "session.in", user: ANA });
  return apply(state, { type: "listed", channels: [channel(fields)], read });
}

/** The same with the channel open and its newest page loaded. */
export function reading(seqs = [], fields = {}) {
  const state = signedIn({ last_seq: Math.max(0, ...seqs), ...fields });
  return hear(state, { type: "opened", channel_id: GENERAL }, { type: "page", channel_id: GENERAL, page: page(seqs) });
}

export function hear(state, ...events) {
  return events.reduce(apply, state);
}

export function facts(...list) {
  return list.map((one) => ({ type: "fact", fact: one }));
}

export function general(state) {
  return state.channels.get(GENERAL);
}

export function seqs(state) {
  return general(state).items.map((one) => one.seq);
}
