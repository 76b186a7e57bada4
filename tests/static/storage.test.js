// What survives a reload, and that a broken store is as good as an empty one.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Storage } from "../../static/js/storage.js";

/** A store as browsers have it, in memory. */
function shelf(content = new Map()) {
  return {
    content,
    getItem: (name) => content.get(name) ?? null,
    setItem: (name, value) => void content.set(name, value),
    removeItem: (name) => void content.delete(name),
  };
}

function storage() {
  const [device, tab] = [shelf(), shelf()];
  return { device, tab, storage: new Storage(() => device, () => tab) };
}

test("what is kept for a user is recalled for that user only", () => {
  const { storage: kept } = storage();
  kept.keepDrafts("usr_ana", new Map([["chn_1", "half"], ["chn_2", ""]]));
  kept.keepRead("usr_ana", new Map([["chn_1", 7]]));
  kept.keepPending("usr_ana", [{ client_msg_id: "key-1" }]);
  assert.deepEqual(kept.recall("usr_ana"), {
    drafts: new Map([["chn_1", "half"]]),
    read: new Map([["chn_1", 7]]),
    pending: [{ client_msg_id: "key-1" }],
  });
  assert.deepEqual(kept.recall("usr_bo"), { drafts: new Map(), read: new Map(), pending: [] });
});

test("wiping leaves nothing of the user", () => {
  const { storage: kept, device, tab } = storage();
  kept.keepDrafts("usr_ana", new Map([["chn_1", "half"]]));
  kept.keepRead("usr_ana", new Map([["chn_1", 7]]));
  kept.keepPending("usr_ana", [{}]);
  kept.wipe("usr_ana");
  assert.deepEqual([device.content.size, tab.content.size], [0, 0]);
});

test("a sign-in is remembered as a word, not as a token", () => {
  const { storage: kept, device } = storage();
  assert.equal(kept.mayBeSignedIn, false);
  kept.mayBeSignedIn = true;
  assert.equal(kept.mayBeSignedIn, true);
  assert.deepEqual([...device.content.values()], ["yes"]);
  kept.mayBeSignedIn = false;
  assert.equal(kept.mayBeSignedIn, false);
});

test("nonsense and a forbidden store are as good as empty", () => {
  const { storage: kept, device } = storage();
  for (const nonsense of ["{", '{"a":1}', "[1,2]", "null"]) {
    device.content.set("heliograph.usr_ana.drafts", nonsense);
    assert.deepEqual(kept.recall("usr_ana").drafts, new Map());
  }
  const forbidden = () => {
    throw new Error("forbidden");
  };
  const none = new Storage(forbidden, forbidden);
  none.keepDrafts("usr_ana", new Map([["chn_1", "half"]]));
  none.mayBeSignedIn = true;
  assert.deepEqual([none.mayBeSignedIn, none.recall("usr_ana").drafts.size], [false, 0]);
});
