// The reducer: what is repeated, late, missing or on its way must end in the same picture.

import assert from "node:assert/strict";
import { test } from "node:test";

import { apply, gaps, initial, pendingIn, positions, whyReadOnly } from "../../static/js/state.js";
import { ANA, BO, GENERAL, channel, fact, facts, general, hear, joined, message, page, reading, seqs, signedIn } from "./facts.js";

const MINE = { client_msg_id: "key-1", channel_id: GENERAL, text: "hi", queued_at: "2030-01-01T12:00:00.000Z" };
const queued = { type: "queued", message: MINE };

test("a fact moves the position and shows its message", () => {
  const state = hear(reading(), ...facts(fact(1)));
  assert.deepEqual(seqs(state), [1]);
  assert.deepEqual(positions(state), { [GENERAL]: 1 });
});

test("a repeated fact changes nothing at all", () => {
  const state = hear(reading(), ...facts(fact(1), fact(2)));
  assert.equal(hear(state, ...facts(fact(2), fact(1))), state);
});

test("a fact above a gap is held and the gap is named", () => {
  const state = hear(reading(), ...facts(fact(1), fact(3)));
  assert.deepEqual(seqs(state), [1]);
  assert.deepEqual(positions(state), { [GENERAL]: 1 });
  assert.deepEqual(gaps(state), [GENERAL]);
});

test("held facts follow as soon as the missing one comes", () => {
  const state = hear(reading(), ...facts(fact(3), fact(4), fact(2), fact(1)));
  assert.deepEqual(seqs(state), [1, 2, 3, 4]);
  assert.deepEqual(gaps(state), []);
});

test("any order with repeats ends in the same picture as the true order", () => {
  const all = [fact(1), joined(2, BO), fact(3), fact(4, { author_id: ANA.id }), fact(5), fact(6)];
  const truth = hear(reading(), ...facts(...all));
  for (let seed = 1; seed <= 200; seed++) {
    const state = hear(reading(), ...facts(...shuffled([...all, ...all], seed)));
    assert.deepEqual(state, truth, `seed ${seed}`);
  }
});

test("facts that were held are bounded", () => {
  const many = Array.from({ length: 1500 }, (_, number) => fact(number + 2));
  const state = hear(reading(), ...facts(...many));
  assert.equal(general(state).held.size, 1000);
});

test("facts of a channel that is not ours are passed over", () => {
  const state = reading();
  assert.equal(hear(state, ...facts({ ...fact(1), channel_id: "chn_other" })), state);
});

test("messages of others count as unread, my own do not", () => {
  const state = hear(signedIn(), ...facts(fact(1), fact(2, { author_id: ANA.id }), fact(3), joined(4, BO)));
  assert.equal(general(state).unread, 2);
  assert.equal(general(hear(state, { type: "read", channel_id: GENERAL })).unread, 0);
});

test("what this device has read is not unread after a reload", () => {
  assert.equal(general(signedIn({ last_seq: 9, unread: 5 }, new Map([[GENERAL, 9]]))).unread, 0);
  assert.equal(general(signedIn({ last_seq: 9, unread: 5 }, new Map([[GENERAL, 7]]))).unread, 2);
  assert.equal(general(signedIn({ last_seq: 9, unread: 5 })).unread, 5);
});

test("a pending message is replaced by its fact, by its key", () => {
  const state = hear(reading(), queued, ...facts(fact(1, { author_id: ANA.id, client_msg_id: "key-1" })));
  assert.deepEqual(pendingIn(state, GENERAL), []);
  assert.deepEqual(seqs(state), [1]);
});

test("somebody else's message with the same key leaves mine pending", () => {
  const state = hear(reading(), queued, ...facts(fact(1, { client_msg_id: "key-1" })));
  assert.equal(pendingIn(state, GENERAL).length, 1);
});

test("ack and fact of one message show it once, whichever comes first", () => {
  const stored = { author_id: ANA.id, client_msg_id: "key-1" };
  const ack = { type: "sent", message: message(1, stored) };
  const told = facts(fact(1, stored));
  for (const order of [[ack, ...told], [...told, ack]]) {
    const state = hear(reading(), queued, { type: "sending", client_msg_id: "key-1" }, ...order);
    assert.deepEqual(seqs(state), [1]);
    assert.equal(state.pending.size, 0);
    assert.deepEqual(positions(state), { [GENERAL]: 1 });
  }
});

test("an ack ahead of the facts does not move the position past what is missing", () => {
  const state = hear(reading(), queued, { type: "sent", message: message(3, { author_id: ANA.id, client_msg_id: "key-1" }) });
  assert.deepEqual(positions(state), { [GENERAL]: 0 });
  assert.deepEqual(seqs(hear(state, ...facts(fact(1), fact(2)))), [1, 2, 3]);
});

test("a pending message goes from queued to sending to failed and back", () => {
  const fate = (state) => state.pending.get("key-1").status;
  let state = hear(reading(), queued);
  assert.equal(fate(state), "queued");
  state = hear(state, { type: "sending", client_msg_id: "key-1" });
  assert.equal(fate(state), "sending");
  state = hear(state, { type: "failed", client_msg_id: "key-1", reason: "too long" });
  assert.deepEqual([fate(state), state.pending.get("key-1").reason], ["failed", "too long"]);
  state = hear(state, { type: "waiting", client_msg_id: "key-1" });
  assert.deepEqual([fate(state), state.pending.get("key-1").reason], ["queued", null]);
  assert.equal(hear(state, { type: "discarded", client_msg_id: "key-1" }).pending.size, 0);
});

test("a page of history that holds a pending message settles it", () => {
  const found = { items: [message(1, { author_id: ANA.id, client_msg_id: "key-1" })], page: { has_before: false } };
  assert.equal(hear(reading(), queued, { type: "page", channel_id: GENERAL, page: found }).pending.size, 0);
});

test("sync merges what was missed with what is held", () => {
  const state = hear(reading([1]), ...facts(fact(4)), synced({ events: [fact(2), fact(3)], last_seq: 3 }));
  assert.deepEqual(seqs(state), [1, 2, 3, 4]);
  assert.deepEqual(gaps(state), []);
});

test("sync that repeats what came live meanwhile doubles nothing", () => {
  const state = hear(reading([1]), ...facts(fact(2), fact(3)), synced({ events: [fact(2), fact(3)], last_seq: 3 }));
  assert.deepEqual(seqs(state), [1, 2, 3]);
});

test("a limited channel is forgotten and read anew, and goes on from its new position", () => {
  let state = hear(reading([1, 2]), synced({ limited: true, last_seq: 500 }, { [GENERAL]: 300 }));
  assert.deepEqual([seqs(state), general(state).history, general(state).unread], [[], "unknown", 300]);
  state = hear(state, ...facts(fact(501)), { type: "page", channel_id: GENERAL, page: page([499, 500], { has_before: true }) });
  assert.deepEqual(seqs(state), [499, 500, 501]);
  assert.equal(general(state).hasBefore, true);
});

test("a limited answer that live facts have overtaken is ignored", () => {
  const state = hear(reading([1]), ...facts(fact(2)));
  assert.equal(hear(state, synced({ limited: true, last_seq: 2 })), state);
});

test("a channel that is gone disappears with what was pending there", () => {
  const state = hear(reading([1]), queued, synced({ gone: true }));
  assert.deepEqual([state.channels.size, state.pending.size, state.open], [0, 0, null]);
});

test("sync adds channels that this page did not know", () => {
  const added = channel({ id: "chn_new", name: "new", last_seq: 4, unread: 2 });
  const answer = { channels: {}, added: [added], unread: {} };
  const state = hear(signedIn(), { type: "synced", answer, read: new Map() });
  assert.deepEqual(positions(state), { [GENERAL]: 0, chn_new: 4 });
});

test("channels come and go by passing facts", () => {
  const more = { type: "channel.added", channel_id: "chn_new", data: { channel: channel({ id: "chn_new" }) } };
  const less = { type: "channel.removed", channel_id: "chn_new", data: { reason: "left" } };
  const state = hear(signedIn(), ...facts(more));
  assert.equal(state.channels.size, 2);
  assert.equal(hear(state, ...facts(less)).channels.size, 1);
});

test("older pages go in front, and tell whether there is more", () => {
  let state = signedIn({ last_seq: 6 });
  state = hear(state, { type: "page", channel_id: GENERAL, page: page([5, 6], { has_before: true }) });
  assert.equal(general(state).hasBefore, true);
  state = hear(state, { type: "page", channel_id: GENERAL, page: page([3, 4], { has_before: false }) });
  assert.deepEqual(seqs(state), [3, 4, 5, 6]);
  assert.equal(general(state).hasBefore, false);
});

test("a message that came while its page was loading stands there once", () => {
  const state = hear(signedIn({ last_seq: 1 }), ...facts(fact(2)), { type: "page", channel_id: GENERAL, page: page([1, 2]) });
  assert.deepEqual(seqs(state), [1, 2]);
});

test("an edit and a deletion replace the message in place", () => {
  const changed = (type, seq, fields) => ({ ...fact(seq), type, data: { message: message(1, fields) } });
  let state = hear(reading([1]), ...facts(changed("message.updated", 2, { text: "better", edited_at: "2030-01-02" })));
  assert.equal(general(state).items[0].text, "better");
  state = hear(state, ...facts(changed("message.deleted", 3, { text: null, deleted_at: "2030-01-03" })));
  assert.deepEqual([general(state).items.length, general(state).items[0].deleted_at], [1, "2030-01-03"]);
});

test("a renamed channel keeps what this page knows of it", () => {
  const renamed = { type: "channel.updated", channel_id: GENERAL, seq: 2, data: { channel: channel({ name: "all", my_role: null }) } };
  const state = hear(reading([1]), ...facts(renamed));
  assert.deepEqual([general(state).name, general(state).my_role, seqs(state)], ["all", "member", [1]]);
});

test("the line above what is new is fixed when the channel opens, and goes when I write", () => {
  let state = hear(signedIn(), ...facts(fact(1), fact(2), fact(3)), { type: "opened", channel_id: GENERAL });
  state = hear(state, { type: "read", channel_id: GENERAL }, { type: "page", channel_id: GENERAL, page: page([1, 2, 3]) });
  assert.equal(state.divider.seq, 1);
  state = hear(state, ...facts(fact(4)), { type: "page", channel_id: GENERAL, page: page([1, 2, 3, 4]) });
  assert.equal(state.divider.seq, 1);
  assert.equal(hear(state, queued).divider, null);
});

test("messages that come before the page do not shift the line", () => {
  let state = hear(signedIn({ last_seq: 2, unread: 1 }), { type: "opened", channel_id: GENERAL }, ...facts(fact(3)));
  state = hear(state, { type: "page", channel_id: GENERAL, page: page([1, 2, 3]) });
  assert.equal(state.divider.seq, 2);
});

test("a channel that nobody reads keeps a bounded number of messages", () => {
  const many = Array.from({ length: 1000 }, (_, number) => fact(number + 1));
  const state = hear(signedIn(), ...facts(...many));
  assert.ok(general(state).items.length <= 300);
  assert.equal(seqs(state).at(-1), 1000);
  assert.equal(general(state).hasBefore, true);
});

test("an address of no channel of ours is missing, not open", () => {
  const state = hear(signedIn(), { type: "opened", channel_id: "chn_secret" });
  assert.deepEqual([state.open, state.missing], [null, "chn_secret"]);
});

test("names that are words of the language pollute nothing", () => {
  const evil = { ...channel({ id: "__proto__", name: "constructor" }), admin: true };
  const state = hear(signedIn(), { type: "added", channel: evil }, { type: "drafted", channel_id: "__proto__", text: "x" });
  assert.equal(state.channels.get("__proto__").name, "constructor");
  assert.equal({}.admin, undefined);
  assert.equal({}.name, undefined);
});

test("signing out forgets everything; a lost session keeps it", () => {
  const state = hear(reading([1]), queued, { type: "drafted", channel_id: GENERAL, text: "half" });
  const lost = hear(state, { type: "session.lost" });
  assert.deepEqual([seqs(lost), lost.pending.size, lost.drafts.get(GENERAL)], [[1], 1, "half"]);
  assert.deepEqual(hear(state, { type: "session.out" }), { ...initial(), session: "out" });
});

test("the offline notice is for a link that is down only", () => {
  const up = hear(signedIn(), { type: "link", link: "up" });
  assert.equal(hear(up, { type: "offline" }).isOffline, false);
  const down = hear(up, { type: "link", link: "down" }, { type: "offline" });
  assert.equal(down.isOffline, true);
  assert.equal(hear(down, { type: "link", link: "up" }).isOffline, false);
});

test("writing is closed by permission only", () => {
  assert.equal(whyReadOnly(channel()), null);
  for (const fields of [{ my_role: null }, { my_role: "guest" }, { archived_at: "2030-01-01" }]) {
    assert.match(whyReadOnly(channel(fields)), /\.$/);
  }
});

test("an event that nobody knows is an error", () => {
  assert.throws(() => apply(initial(), { type: "nonsense" }), /nonsense/);
});

function synced(missed, unread = {}) {
  return { type: "synced", answer: { channels: { [GENERAL]: missed }, added: [], unread }, read: new Map() };
}

/** Shuffles by a small generator of its own, so that a failure names a seed that repeats it. */
function shuffled(list, seed) {
  let last = seed;
  const random = () => (last = (last * 48271) % 2147483647) / 2147483647;
  for (let at = list.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1));
    [list[at], list[other]] = [list[other], list[at]];
  }
  return list;
}
