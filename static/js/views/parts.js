// Finding, copying and filling pieces of the page. Text goes in by textContent alone; nothing here knows what it means.

/**
 * Finds a named part of a view.
 * @param {ParentNode} root
 * @param {string} name value of its `data-part`
 * @returns {HTMLElement}
 */
export function part(root, name) {
  const found = root.querySelector(`[data-part="${name}"]`);
  if (!found) throw new Error(`no part ${name}`);
  return found;
}

/**
 * Copies a template.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function stamp(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

/**
 * Puts text into an element if it is not there yet, and hides an element that has none.
 * @param {HTMLElement} element
 * @param {string|null} text
 */
export function say(element, text) {
  if (element.textContent !== (text ?? "")) element.textContent = text ?? "";
  element.hidden = !text;
}

const drawn = new WeakMap();

/**
 * Makes the children of `parent` follow `items`, keeping the node of every key that stays.
 * @template {{key: string}} Item
 * @param {HTMLElement} parent
 * @param {Item[]} items with unique keys; two with equal fields are the same
 * @param {(item: Item) => HTMLElement} make
 * @param {(node: HTMLElement, item: Item) => void} fill called for what is new or different
 */
export function follow(parent, items, make, fill) {
  const before = drawn.get(parent) ?? new Map();
  const now = new Map();
  let place = parent.firstElementChild;
  for (const item of items) {
    const known = before.get(item.key);
    const node = known?.node ?? make(item);
    if (!known || !isSame(known.item, item)) fill(node, item);
    if (node === place) place = place.nextElementSibling;
    else parent.insertBefore(node, place);
    now.set(item.key, { node, item });
  }
  for (const [key, { node }] of before) if (!now.has(key)) node.remove();
  drawn.set(parent, now);
}

function isSame(one, other) {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => Object.is(one[key], other[key]));
}

/**
 * Fills an avatar: an initial on one of eight colours that belongs to the person.
 * @param {HTMLElement} element
 * @param {string} id
 * @param {string} name
 */
export function fillAvatar(element, id, name) {
  const sum = [...id].reduce((total, char) => (total * 31 + char.codePointAt(0)) % 9973, 7);
  element.className = `avatar hue-${sum % 8}`;
  element.textContent = [...name.trim()][0]?.toLocaleUpperCase() ?? "?";
}
