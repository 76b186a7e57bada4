// The outbox: order within a channel, one key for all attempts, and outcomes that are true.

import assert from "node:assert/strict";
import { test } from "node:test";

import { CallError, notConnected, unknownOutcome } from "../../static/js/errors.js";
import { Outbox } from "../../static/js/outbox.js";
import { GENERAL } from "./facts.js";

/** An outbox whose server answers by a script, one entry a call: an error to throw, or null to store the message. */
function outboxWith(script, { isUp = true } = {}) {
  const line = { isUp, sent: [], events: [], waits: [] };
  line.outbox = new Outbox({
    isUp: () => line.isUp,
    dispatch: (event) => line.events.push(event),
    wait: async (ms) => void line.waits.push(ms),
    random: () => 0,
    call: async (name, payload) => {
      assert.equal(name, "message.send");
      line.sent.push(payload);
      const error = script.shift();
      if (error?.cuts) line.isUp = false;
      if (error) throw error.failure ?? error;
      return { message: { ...payload, id: "msg_1" }, duplicate: false };
    },
  });
  return line;
}

function note(number) {
  return { client_msg_id: `key-${number}`, channel_id: GENERAL, text: `text ${number}`, queued_at: "2030-01-01T00:00:00Z" };
}

function fates(line) {
  return line.events.map((event) => `${event.type} ${event.client_msg_id ?? event.message.client_msg_id}`);
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("messages of a channel are sent one after the other", async () => {
  const line = outboxWith([]);
  for (const number of [1, 2, 3]) line.outbox.add(note(number));
  assert.equal(line.sent.length, 1);
  await settled();
  assert.deepEqual(line.sent.map((payload) => payload.client_msg_id), ["key-1", "key-2", "key-3"]);
  assert.equal(fates(line).filter((fate) => fate.startsWith("sent")).length, 3);
});

test("an unknown outcome is tried again under the same key", async () => {
  const line = outboxWith([unknownOutcome("late")]);
  line.outbox.add(note(1));
  await settled();
  assert.deepEqual(line.sent.map((payload) => payload.client_msg_id), ["key-1", "key-1"]);
  assert.equal(fates(line).at(-1), "sent key-1");
});

test("nothing is sent without a connection, and everything when it is back", async () => {
  const line = outboxWith([], { isUp: false });
  line.outbox.add(note(1));
  line.outbox.add(note(2));
  await settled();
  assert.deepEqual(line.sent, []);
  assert.ok(!fates(line).some((fate) => fate.startsWith("failed")));
  line.isUp = true;
  line.outbox.resume();
  await settled();
  assert.deepEqual(line.sent.map((payload) => payload.client_msg_id), ["key-1", "key-2"]);
});

test("a connection that breaks during a call keeps the message waiting in its turn", async () => {
  const line = outboxWith([{ failure: unknownOutcome("cut"), cuts: true }]);
  line.outbox.add(note(1));
  line.outbox.add(note(2));
  await settled();
  assert.equal(fates(line).at(-1), "waiting key-1");
  line.isUp = true;
  line.outbox.resume();
  await settled();
  assert.deepEqual(line.sent.map((payload) => payload.client_msg_id), ["key-1", "key-1", "key-2"]);
});

test("a definite refusal fails at once and lets the next message go", async () => {
  const line = outboxWith([new CallError({ code: "message_too_long", message: "The message is too long." })]);
  line.outbox.add(note(1));
  line.outbox.add(note(2));
  await settled();
  const failed = line.events.find((event) => event.type === "failed");
  assert.deepEqual([failed.client_msg_id, failed.reason], ["key-1", "Not sent. The message is too long."]);
  assert.equal(fates(line).at(-1), "sent key-2");
});

test("a server that asks to wait is waited for", async () => {
  const line = outboxWith([new CallError({ code: "rate_limited", retryable: true, retry_after_ms: 1234 })]);
  line.outbox.add(note(1));
  await settled();
  assert.deepEqual(line.waits, [1234]);
  assert.equal(fates(line).at(-1), "sent key-1");
});

test("after five attempts it says that the outcome is not known", async () => {
  const line = outboxWith(Array.from({ length: 5 }, () => unknownOutcome("late")));
  line.outbox.add(note(1));
  await settled();
  assert.equal(line.sent.length, 5);
  assert.match(line.events.at(-1).reason, /^Not confirmed/);
});

test("a message that costs the connection every time is given up", async () => {
  const line = outboxWith(Array.from({ length: 9 }, () => ({ failure: unknownOutcome("cut"), cuts: true })));
  line.outbox.add(note(1));
  for (let returns = 0; returns < 8; returns++) {
    await settled();
    line.isUp = true;
    line.outbox.resume();
  }
  await settled();
  assert.equal(line.sent.length, 5);
  assert.equal(fates(line).at(-1), "failed key-1");
});

test("retry goes on under the same key", async () => {
  const line = outboxWith([new CallError({ code: "forbidden", message: "No." })]);
  line.outbox.add(note(1));
  await settled();
  line.outbox.retry(note(1));
  await settled();
  assert.deepEqual(line.sent.map((payload) => payload.client_msg_id), ["key-1", "key-1"]);
  assert.equal(fates(line).at(-1), "sent key-1");
});

test("what is discarded while it waits is never sent", async () => {
  const line = outboxWith([], { isUp: false });
  line.outbox.add(note(1));
  line.outbox.add(note(2));
  await settled();
  line.outbox.discard("key-1");
  line.isUp = true;
  line.outbox.resume();
  await settled();
  assert.deepEqual(line.sent.map((payload) => payload.client_msg_id), ["key-2"]);
});

test("not connected is retryable and says so", () => {
  assert.deepEqual([notConnected().code, notConnected().retryable], ["offline", true]);
});
