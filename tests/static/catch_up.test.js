// Asking what was missed: after a connect, when there is a gap, and again when it was not answered.

import assert from "node:assert/strict";
import { test } from "node:test";

import { CatchUp } from "../../static/js/catch_up.js";
import { CallError, unknownOutcome } from "../../static/js/errors.js";
import { GENERAL, fact, facts, hear, seqs, signedIn } from "./facts.js";

/** A page that is connected, with a server that answers by a script and a clock that is wound by hand. */
function pageWith(script, state = signedIn()) {
  const page = { state, isUp: true, asked: [], planned: [], failures: [] };
  page.catchUp = new CatchUp({
    isUp: () => page.isUp,
    state: () => page.state,
    synced: (answer) => (page.state = hear(page.state, { type: "synced", answer, read: new Map() })),
    failed: (error) => page.failures.push(error.code),
    schedule: (act, wait_ms) => page.planned.push({ act, wait_ms }),
    call: async (name, { channels }) => {
      assert.equal(name, "sync");
      page.asked.push(channels);
      const answer = script.shift();
      if (answer instanceof Error) throw answer;
      return { channels: { [GENERAL]: answer }, added: [], unread: {} };
    },
  });
  return page;
}

test("it asks from the last seq and applies what was missed", async () => {
  const page = pageWith([{ events: [fact(4), fact(5)], last_seq: 5 }], signedIn({ last_seq: 3 }));
  await page.catchUp.now();
  assert.deepEqual(page.asked, [{ [GENERAL]: 3 }]);
  assert.deepEqual(seqs(page.state), [4, 5]);
  assert.deepEqual(page.planned, []);
});

test("it does not ask without a connection, nor before the channels are known", async () => {
  const page = pageWith([]);
  page.isUp = false;
  await page.catchUp.now();
  page.isUp = true;
  page.state = hear(page.state, { type: "listing", listing: "loading" });
  await page.catchUp.now();
  assert.deepEqual(page.asked, []);
});

test("a gap that stays is asked about again after a while, not at once", async () => {
  const page = pageWith([{ events: [], last_seq: 0 }, { events: [fact(1)], last_seq: 1 }], hear(signedIn(), ...facts(fact(2))));
  await page.catchUp.now();
  assert.deepEqual([page.asked.length, page.planned.length, page.planned[0].wait_ms], [1, 1, 1000]);
  await page.planned[0].act();
  await page.catchUp.now();
  assert.deepEqual(seqs(page.state), [1, 2]);
});

test("an answer that did not come is asked for again, a refusal is told", async () => {
  const page = pageWith([unknownOutcome("late"), new CallError({ code: "forbidden" })]);
  await page.catchUp.now();
  assert.deepEqual([page.planned.length, page.failures], [1, []]);
  await page.catchUp.now();
  assert.deepEqual([page.planned.length, page.failures], [1, ["forbidden"]]);
});

test("many gaps in a moment are one question", async () => {
  const page = pageWith([]);
  for (let number = 0; number < 10; number++) page.catchUp.soon();
  assert.deepEqual([page.planned.length, page.planned[0].wait_ms], [1, 100]);
});
