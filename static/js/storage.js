// What outlives a reload: drafts and reading positions on this device, unsent messages in this tab, and whether somebody
// was signed in. Never a token. Everything of a user is wiped when that user signs out.

const PREFIX = "heliograph";
const SIGNED_IN = `${PREFIX}.signed-in`;

/** Keeps things by user; a browser that refuses to store makes it forgetful, not broken. */
export class Storage {
  /**
   * @param {() => globalThis.Storage} device gives what all tabs share and a restart keeps; asking may be forbidden
   * @param {() => globalThis.Storage} tab gives what this tab alone keeps
   */
  constructor(device, tab) {
    this.device = attempt(device);
    this.tab = attempt(tab);
  }

  /** @returns {boolean} whether a refresh is worth asking for when the page opens */
  get mayBeSignedIn() {
    return attempt(() => this.device.getItem(SIGNED_IN)) === "yes";
  }

  set mayBeSignedIn(value) {
    attempt(() => (value ? this.device.setItem(SIGNED_IN, "yes") : this.device.removeItem(SIGNED_IN)));
  }

  /**
   * Reads what was kept.
   * @param {string} user_id
   * @returns {{drafts: Map<string, string>, read: Map<string, number>, pending: object[]}}
   */
  recall(user_id) {
    return {
      drafts: asMap(load(this.device, key(user_id, "drafts"))),
      read: asMap(load(this.device, key(user_id, "read"))),
      pending: asList(load(this.tab, key(user_id, "pending"))),
    };
  }

  /** @param {string} user_id @param {Map<string, string>} drafts by channel */
  keepDrafts(user_id, drafts) {
    save(this.device, key(user_id, "drafts"), [...drafts].filter(([, text]) => text));
  }

  /** @param {string} user_id @param {Map<string, number>} read last seq read, by channel */
  keepRead(user_id, read) {
    save(this.device, key(user_id, "read"), [...read]);
  }

  /** @param {string} user_id @param {Iterable<object>} pending messages that were not acknowledged */
  keepPending(user_id, pending) {
    save(this.tab, key(user_id, "pending"), [...pending]);
  }

  /** @param {string} user_id whose things are wiped */
  wipe(user_id) {
    for (const what of ["drafts", "read"]) attempt(() => this.device.removeItem(key(user_id, what)));
    attempt(() => this.tab.removeItem(key(user_id, "pending")));
  }
}

function key(user_id, what) {
  return `${PREFIX}.${user_id}.${what}`;
}

function load(place, name) {
  return attempt(() => JSON.parse(place.getItem(name) ?? "null"));
}

function save(place, name, value) {
  attempt(() => (value.length ? place.setItem(name, JSON.stringify(value)) : place.removeItem(name)));
}

function asList(value) {
  return Array.isArray(value) ? value : [];
}

function asMap(value) {
  return new Map(asList(value).filter((entry) => Array.isArray(entry) && entry.length === 2));
}

/** Does what a full or forbidden store may refuse; null where it does. */
function attempt(act) {
  try {
    return act();
  } catch {
    return null;
  }
}
