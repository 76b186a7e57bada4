// The rooms of the page, and what a strict Content-Security-Policy and untrusted text forbid, read from the files.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { posix } from "node:path";
import { test } from "node:test";

const STATIC = new URL("../../static/", import.meta.url);
const read = (path) => readFileSync(new URL(path, STATIC), "utf8");
const list = (folder) => readdirSync(new URL(folder, STATIC)).map((name) => folder + name);
const scripts = [...list("js/"), ...list("js/views/")].filter((path) => path.endsWith(".js"));
const SINKS = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\("(style|on)|srcdoc|DOMParser/;

function imports(path) {
  const names = [...read(path).matchAll(/^(?:import|export)[^;]*?from "([^"]+)"/gm)].map(([, name]) => name);
  return names.map((name) => (name.startsWith("/") ? name : posix.join(posix.dirname(path), name)));
}

/** Tells what a file may import beyond what its whole room may. */
function mayImport(path, name) {
  if (path === "js/main.js") return name !== "/static/vendor/socket.io.esm.min.js";
  if (/^js\/(state|timing|errors|storage)\.js$/.test(path)) return false;
  if (path.startsWith("js/views/")) return name === "js/state.js" || name.startsWith("js/views/");
  if (path === "js/wire.js" && name === "/static/vendor/socket.io.esm.min.js") return true;
  return name !== "js/main.js" && name !== "js/wire.js" && !name.startsWith("js/views/") && !name.startsWith("/");
}

test("every file imports only what its room may", () => {
  const wrong = scripts.flatMap((path) => imports(path).filter((name) => !mayImport(path, name)).map((name) => `${path}: ${name}`));
  assert.deepEqual(wrong, []);
  assert.ok(scripts.flatMap(imports).length > 30);
});

test("nothing turns text into markup or code", () => {
  assert.deepEqual(scripts.filter((path) => SINKS.test(read(path))), []);
});

test("the page has no inline script, style or handler", () => {
  const page = read("index.html");
  assert.doesNotMatch(page, /\sstyle=|\son[a-z]+=|<style|javascript:|<script(?![^>]*\ssrc=)/);
});

test("every name that a script looks for is on the page", () => {
  const page = read("index.html");
  const ids = scripts.flatMap((path) => [...read(path).matchAll(/(?:\$|stamp)\("([a-z-]+)"\)/g)].map(([, id]) => id));
  assert.deepEqual(ids.filter((id) => !page.includes(`id="${id}"`)), []);
  const parts = scripts.flatMap((path) => [...read(path).matchAll(/part\([\w.]+, "([a-z-]+)"\)/g)].map(([, name]) => name));
  assert.deepEqual(parts.filter((name) => !page.includes(`data-part="${name}"`)), []);
  assert.ok(ids.length > 10 && parts.length > 30);
});

test("a file stays below its size", () => {
  const long = [...scripts, ...list("css/")].filter((path) => read(path).split("\n").length > 350);
  assert.deepEqual(long, []);
});
