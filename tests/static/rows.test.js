// The rows of the timeline: days, bylines, the line above what is new, and what is on its way.

import assert from "node:assert/strict";
import { test } from "node:test";

import { rowsOf } from "../../static/js/views/rows.js";
import { ANA, BO, GENERAL, fact, facts, general, hear, message, reading, signedIn } from "./facts.js";

const dayOf = (iso) => iso.slice(0, 10);
const rows = (state) => rowsOf(state, general(state), dayOf);
const shape = (state) => rows(state).map((row) => (row.kind === "message" ? `${row.isFirst ? "+" : "-"}${row.text}` : row.kind));

test("one byline for a run of messages, a new one after five minutes or by another person", () => {
  const later = message(3, { created_at: "2030-01-01T12:09:00.000Z" });
  const own = message(4, { created_at: "2030-01-01T12:09:01.000Z", author_id: ANA.id });
  const page = { items: [message(1), message(2), later, own], page: { has_before: false } };
  const state = hear(reading(), { type: "page", channel_id: GENERAL, page });
  assert.deepEqual(shape(state), ["day", "+text 1", "-text 2", "+text 3", "+text 4"]);
});

test("every day has its name once", () => {
  const times = ["2030-01-01T23:59:58.000Z", "2030-01-01T23:59:59.000Z", "2030-01-02T00:00:00.000Z"];
  const state = hear(reading(), ...facts(...times.map((created_at, number) => fact(number + 1, { created_at }))));
  assert.deepEqual(shape(state), ["day", "+text 1", "-text 2", "day", "+text 3"]);
});

test("the line stands above the first new message", () => {
  const opened = hear(signedIn({ last_seq: 2, unread: 1 }), { type: "opened", channel_id: GENERAL });
  const page = { items: [message(1), message(2)], page: { has_before: false } };
  assert.deepEqual(shape(hear(opened, { type: "page", channel_id: GENERAL, page })), ["day", "+text 1", "divider", "+text 2"]);
});

test("a message keeps its key from the moment it is written", () => {
  const mine = { client_msg_id: "key-1", channel_id: GENERAL, text: "hi", queued_at: "2030-01-01T12:00:00.000Z" };
  const pending = hear(reading(), { type: "queued", message: mine });
  const stored = hear(pending, ...facts(fact(1, { author_id: ANA.id, client_msg_id: "key-1", text: "hi" })));
  assert.equal(rows(pending).at(-1).key, rows(stored).at(-1).key);
  assert.deepEqual([rows(pending).at(-1).status, rows(stored).at(-1).status], ["queued", "sent"]);
});

test("two people may use one key without one row hiding the other", () => {
  const twice = [fact(1, { client_msg_id: "same" }), fact(2, { client_msg_id: "same", author_id: ANA.id })];
  const keys = rows(hear(reading(), ...facts(...twice))).map((row) => row.key);
  assert.equal(new Set(keys).size, keys.length);
});

test("a deleted message has no text", () => {
  const state = hear(reading(), ...facts(fact(1, { text: null, deleted_at: "2030-01-02" })));
  assert.equal(rows(state).at(-1).text, null);
});

test("people are called by their names once these are known", () => {
  const state = hear(reading(), ...facts(fact(1)));
  assert.equal(rows(state).at(-1).name, "Someone");
  assert.equal(rows(hear(state, { type: "people", users: [BO] })).at(-1).name, "Bo");
});
