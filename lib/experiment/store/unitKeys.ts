// What decides an answer and a verdict: by these keys they are kept, so that whatever asks the same again finds them.

import { createHash } from "node:crypto";
import { itemKeys } from "../../evaluate/run/itemKeys.js";
import type { Answer, Item, Scorer, Task } from "../../evaluate/types.js";
import { digestOf } from "../digests/digestOf.js";

const ofTask = new WeakMap<Task, ReadonlyMap<Item, string>>();
const ofItem = new WeakMap<Item, string>();
const ofReferences = new WeakMap<readonly Item[], string>();

/** What is asked: the item, and how. The number of samples is not in it: each sample is a unit. */
export function answerKey(task: Task, item: Item, sample: number): string {
  let keys = ofTask.get(task);
  if (!keys) {
    const { samples: _, ...decoding } = task.decoding;
    const how = digestOf("settings", [task.ask, decoding]);
    const own = itemKeys(task);
    keys = new Map(task.items.map((one, at) => [one, short(`${how}\0${own[at]}`)]));
    ofTask.set(task, keys);
  }
  return `${keys.get(item)}/${sample}`;
}

/** What a scorer reads: of the item, and the answer. Of a scorer of all answers together, all that it compares with. */
export function verdictKey(scorer: Scorer, { items }: Task, item: Item, answer: Answer): string {
  let own = ofItem.get(item);
  if (own === undefined) {
    const { prompt, request, references, choices, check, parts } = item;
    own = short(JSON.stringify([prompt, request, references, choices, check, ...(parts ? [parts] : [])]));
    ofItem.set(item, own);
  }
  const among = scorer.together ? referencesOf(items) : "";
  return short(JSON.stringify([own, item.program?.(answer.text), among, answer]));
}

function referencesOf(items: readonly Item[]): string {
  let all = ofReferences.get(items);
  if (all === undefined) {
    all = short(JSON.stringify(items.map(({ references }) => references)));
    ofReferences.set(items, all);
  }
  return all;
}

function short(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}
