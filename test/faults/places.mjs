// What lies in a folder, as digests that two runs have in common, and what is wrong with it after a fault.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/** @typedef {import("./commands.mjs").Scenario} Scenario */
/** @typedef {Map<string, string>} Tree paths of files and folders; the digest of a file, "folder" of a folder */

/**
 * @param {string} place
 * @param {Scenario["normal"]} [normal]
 * @returns {Tree}
 */
export function treeOf(place, normal) {
  /** @type {Tree} */
  const tree = new Map();
  const stored = new Map();
  for (const entry of readdirSync(place, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(place, path);
    if (/\/(answers|verdicts)\/[0-9a-f]{32}\/[0-9a-f]{12}\.ndjson$/.test(`/${name}`)) {
      const of = dirname(name);
      stored.set(of, [...(stored.get(of) ?? []), ...entriesOf(readFileSync(path, "utf8"))]);
      continue;
    }
    tree.set(name, entry.isFile() ? digestOf(path, name, place, normal) : entry.isDirectory() ? "folder" : "neither");
  }
  for (const [of, lines] of stored) {
    tree.set(`${of}/entries`, createHash("sha256").update(lines.sort().join("\n")).digest("hex"));
  }
  return tree;
}

/**
 * What an experiment keeps of answers and verdicts is the same in however many processes' files: the entries count, and none may
 * be there twice. Not what was learned of a model, and not a line that was cut off.
 * @param {string} text
 */
function entriesOf(text) {
  return text
    .slice(0, text.lastIndexOf("\n"))
    .split("\n")
    .filter((line) => /^\{"(unit|of)":/.test(line));
}

/**
 * @param {string} path
 * @param {string} name
 * @param {string} place
 * @param {Scenario["normal"]} normal
 */
function digestOf(path, name, place, normal) {
  const bytes = readFileSync(path);
  const isText = /\.(json|ndjson|jsonl|md|html)$/.test(name);
  const content = isText ? timeless(name, bytes.toString().replaceAll(place, "PLACE"), normal) : bytes;
  return createHash("sha256").update(content).digest("hex");
}

/**
 * Without durations, and without what tells a file from its copy.
 * @param {string} name
 * @param {string} text
 * @param {Scenario["normal"]} normal
 */
function timeless(name, text, normal) {
  const without = text.replace(
    /"(seconds|elapsedSeconds|tokensPerSecond|startedAt|inode|mtimeNs)":\s*"?[\d.e+:TZ-]+"?/g,
    '"$1":0',
  );
  return normal ? normal(name, without) : without;
}

/**
 * Whether an output is there as it is in another tree.
 * @param {Tree} tree
 * @param {string} output
 * @param {Tree} other
 */
export function isSame(tree, output, other) {
  const mine = part(tree, output);
  const its = part(other, output);
  return mine.size > 0 && mine.size === its.size && [...mine].every(([path, digest]) => its.get(path) === digest);
}

/**
 * @param {Tree} tree
 * @param {string} output
 */
export function part(tree, output) {
  return new Map([...tree].filter(([path]) => path === output || path.startsWith(`${output}/`)));
}

/**
 * What is wrong with the outputs after a fault: each is absent, as the undisturbed run leaves it, or as it was before, and
 * is never absent where it was there before.
 * @param {Scenario} scenario
 * @param {Tree} tree
 * @param {Tree} wanted
 * @param {Tree} before
 * @returns {string[]}
 */
export function wrongOutputs({ outputs }, tree, wanted, before) {
  return outputs.flatMap((output) => {
    if (isSame(tree, output, wanted) || isSame(tree, output, before)) return [];
    const found = part(tree, output);
    if (found.size === 0 && part(before, output).size === 0) return [];
    if (found.size === 0) return [`${output} is gone, the old one and the new`];
    return [`${output} is neither absent, nor old, nor new: ${differences(found, part(wanted, output)).join(", ")}`];
  });
}

/**
 * @param {Tree} found
 * @param {Tree} wanted
 * @returns {string[]}
 */
export function differences(found, wanted) {
  return [...new Set([...found.keys(), ...wanted.keys()])].flatMap((path) => {
    if (!found.has(path)) return [`${path} is missing`];
    if (!wanted.has(path)) return [`${path} is left`];
    return found.get(path) === wanted.get(path) ? [] : [`${path} differs`];
  });
}
