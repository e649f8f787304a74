// Changes of one model against another as float32 matrices: planned as a merge of weights 1 and -1, so that adapters, shards and
// quantised weights are read as any merge reads them, and written a group of tensors at a time.

import { rm } from "node:fs/promises";
import { elementsOf } from "../../checkpoint/elementsOf.js";
import type { Checkpoint } from "../../checkpoint/types.js";
import { buildPlan } from "../../plan/build.js";
import type { InputFiles } from "../../plan/inputFiles.js";
import type { DraftTensor } from "../../plan/tensors.js";
import type { ModelReference, ParsedRecipe } from "../../recipe/types.js";
import { EngineTensors } from "../adapter/engineTensors.js";
import type { PrepareOptions } from "./types.js";

/** Bytes of float32 values that are written at a time, unless the changes of one tensor have more. */
const AT_ONCE = 256 << 20;

export interface PlannedChanges {
  /** By the names of the minuend. */
  readonly tensors: ReadonlyMap<string, DraftTensor>;
  readonly warnings: readonly string[];
}

/**
 * Plans minuend - subtrahend for every float tensor that both have in one shape.
 * @param of gives the checkpoint of each
 * @param files of the plan; several plans may share them
 */
export function plannedChanges(
  minuend: ModelReference,
  subtrahend: ModelReference,
  of: (model: ModelReference) => Checkpoint,
  files: InputFiles,
): PlannedChanges {
  const sources = [
    { model: minuend, parameters: { weight: [{ value: 1 }] } },
    { model: subtrahend, parameters: { weight: [{ value: -1 }] }, optional: true },
  ];
  const recipe: ParsedRecipe = {
    method: "linear",
    modules: [{ name: "", whole: true, parameters: {}, slices: [{ sources, parameters: {} }] }],
    parameters: { normalize: [{ value: false }] },
    written: { merge_method: "linear" },
    text: "",
    warnings: [],
  };
  const two = new Map([minuend, subtrahend].map((model) => [model.text, of(model)]));
  const { tensors, warnings } = buildPlan({ recipe, checkpoints: two, files });
  const own = of(minuend).tensors;
  const changes = tensors.filter(({ name, sources }) => sources.length === 2 && own.has(name));
  return { tensors: new Map(changes.map((draft) => [draft.name, { ...draft, outDtype: "F32" }])), warnings };
}

/** Where the changes of one tensor lie, in the order of their plans. */
export interface WrittenChanges {
  readonly name: string;
  readonly shape: readonly number[];
  readonly path: string;
  readonly offsets: readonly number[];
}

/**
 * Writes the changes of each tensor beside each other and hands them over; they are gone when `use` has returned.
 * @param changes of each tensor one or more, of the same shape
 * @throws RetemperError IO, NO_SPACE; what `use` throws
 */
export async function eachChange(
  changes: readonly (readonly DraftTensor[])[],
  folder: string,
  files: InputFiles,
  { addon, threads, signal, onProgress }: PrepareOptions,
  use: (written: WrittenChanges) => Promise<void>,
): Promise<void> {
  const total = changes.reduce((sum, drafts) => sum + bytesOf(drafts), 0);
  let done = 0;
  for (const group of groups(changes)) {
    signal?.throwIfAborted();
    const run = { options: { threads, signal }, addon, made: () => {} };
    const written = await EngineTensors.write(folder, "changes", group.flat(), files.list, run);
    let at = 0;
    for (const drafts of group) {
      signal?.throwIfAborted();
      const { name, shape } = drafts[0] as DraftTensor;
      const first = at;
      at += drafts.length;
      await use({ name, shape, path: written.path, offsets: drafts.map((_, index) => written.offset(first + index)) });
      done += bytesOf(drafts);
      onProgress?.({ done, total });
    }
    await rm(written.path, { force: true });
  }
}

function bytesOf(drafts: readonly DraftTensor[]): number {
  return drafts.reduce((sum, draft) => sum + 4 * elementsOf(draft), 0);
}

function groups(changes: readonly (readonly DraftTensor[])[]): (readonly DraftTensor[])[][] {
  const made: (readonly DraftTensor[])[][] = [];
  let filled = Number.POSITIVE_INFINITY;
  for (const drafts of changes) {
    const bytes = bytesOf(drafts);
    if (filled + bytes > AT_ONCE) {
      made.push([]);
      filled = 0;
    }
    made.at(-1)?.push(drafts);
    filled += bytes;
  }
  return made;
}
