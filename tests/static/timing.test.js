// Backoff, renewal, and runs that take turns.

import assert from "node:assert/strict";
import { test } from "node:test";

import { backoff, gather, inTurn, renewal } from "../../static/js/timing.js";

test("backoff is spread over the whole ceiling, which doubles up to its bound", () => {
  const most = [0, 1, 2, 6, 7, 1000].map((tries) => backoff(tries, () => 1));
  assert.deepEqual(most, [500, 1000, 2000, 30_000, 30_000, 30_000]);
  assert.equal(backoff(5, () => 0), 50);
  assert.equal(backoff(1, () => 0.5), 525);
});

test("a token is renewed after four fifths of its life", () => {
  assert.equal(renewal(1_000_000, 600), 1_480_000);
  assert.equal(renewal(0, 0), 0);
});

test("runs take turns, and calls during a run share the next one", async () => {
  const gates = [];
  let going = 0;
  const run = inTurn(async () => {
    assert.equal(++going, 1);
    await new Promise((resolve) => gates.push(resolve));
    going -= 1;
    return gates.length;
  });
  const first = run();
  const [second, third] = [run(), run()];
  assert.equal(second, third);
  gates[0]();
  assert.equal(await first, 1);
  await settled();
  gates[1]();
  assert.equal(await second, 2);
  assert.equal(gates.length, 2);
});

test("a run that fails does not stop the next one", async () => {
  let runs = 0;
  const run = inTurn(async () => {
    if (++runs === 1) throw new Error("first");
    return runs;
  });
  const first = run();
  const second = run();
  await assert.rejects(first, /first/);
  assert.equal(await second, 2);
});

test("gathered calls happen once, with the last arguments, and may be gathered again", () => {
  const planned = [];
  const seen = [];
  const act = gather((value) => seen.push(value), 100, (later, wait_ms) => planned.push([later, wait_ms]));
  act(1);
  act(2);
  assert.deepEqual([planned.length, planned[0][1]], [1, 100]);
  planned[0][0]();
  assert.deepEqual(seen, [2]);
  act(3);
  planned[1][0]();
  assert.deepEqual(seen, [2, 3]);
});

function settled() {
  return new Promise((resolve) => setImmediate(resolve));
}
