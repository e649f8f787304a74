// Controls of the change from the aligned to a fine-tuned model: a model whose change is as large, and is not what was learned.
// The engine writes the change (fine-tuned less aligned) as a checkpoint of float32; here its tensors are changed where they lie,
// one at a time in memory; then the engine adds the aligned model again. So any kind of tuned model and adapter is read as in a merge.

import { rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { loadAddon } from "../../addon/load.js";
import { openCheckpoint } from "../../checkpoint/open.js";
import type { Checkpoint, StoredTensor } from "../../checkpoint/types.js";
import { RetemperError } from "../../errors.js";
import { merge } from "../../merge/merge.js";
import type { MergeReport } from "../../merge/report.js";
import { wordStream } from "../../random/wordStream.js";
import type { Recipe } from "../../recipe/types.js";
import { everyOneElsewhere, shuffleEntries, toRandomDirection } from "./changeDelta.js";
import { TensorsInPlace } from "./tensorsInPlace.js";

export type DeltaControl = "random" | "shuffled_entries" | "shuffled_layers";

export interface DeltaControlOptions {
  /** Of the draws, beside the control's and each tensor's name. */
  readonly seed: string;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes the model aligned + D', where D' is D = tuned - aligned with each tensor's values in a random direction of the same
 * length ("random"), with each tensor's entries in a random order ("shuffled_entries"), or with the change of each layer in
 * another layer of the same shapes ("shuffled_layers"). Float32, in which D' stays what it is.
 * @param out appears complete or not at all; what is there of an earlier call is replaced
 * @returns its files, and all bytes that were written
 * @throws RetemperError BAD_INPUT for "shuffled_layers" where no two layers have the same shapes; else as `merge` does
 */
export async function writeDeltaControl(
  kind: DeltaControl,
  { aligned, tuned }: { readonly aligned: string; readonly tuned: string },
  out: string,
  { seed, threads, signal }: DeltaControlOptions,
): Promise<Pick<MergeReport, "bytesWritten" | "files">> {
  const between = join(dirname(out), `.${basename(out)}.delta`);
  const options = { force: true, writeModelCard: false, threads, signal } as const;
  try {
    const delta = await merge(sum([tuned, 1], [aligned, -1]), between, options);
    const checkpoint = await openCheckpoint(between, { addon: loadAddon() });
    await changeTensors(checkpoint, kind, seed, signal);
    const made = await merge(sum([aligned, 1], [between, 1]), out, options);
    return { bytesWritten: delta.bytesWritten + made.bytesWritten, files: made.files };
  } finally {
    await rm(between, { recursive: true, force: true });
  }
}

function sum(...terms: readonly (readonly [model: string, weight: number])[]): Recipe {
  const models = terms.map(([model, weight]) => ({ model, parameters: { weight } }));
  return { merge_method: "linear", models, parameters: { normalize: false }, dtype: "float32" } as Recipe;
}

async function changeTensors(
  checkpoint: Checkpoint,
  kind: DeltaControl,
  seed: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const files = await TensorsInPlace.open(checkpoint);
  try {
    const floats = [...checkpoint.tensors.values()].filter(({ dtype }) => dtype === "F32");
    if (kind === "shuffled_layers") {
      await moveLayers(floats, files, seed, signal);
      return;
    }
    const change = kind === "random" ? toRandomDirection : shuffleEntries;
    for (const tensor of floats) {
      signal?.throwIfAborted();
      const values = await files.read(tensor);
      if (values.every((value) => value === 0)) continue;
      change(values, wordStream(kind, seed, tensor.name));
      await files.write(tensor, values);
    }
  } finally {
    await files.close();
  }
}

async function moveLayers(
  tensors: readonly StoredTensor[],
  files: TensorsInPlace,
  seed: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const groups = layersOfOneShape(tensors);
  if (groups.every((group) => group.length < 2)) {
    throw new RetemperError("BAD_INPUT", "no two layers of the model have tensors of the same names and shapes", {
      hint: "leave shuffled_layers out of controls",
    });
  }
  for (const [at, group] of groups.entries()) {
    const from = everyOneElsewhere(group.length, wordStream("shuffled_layers", seed, at));
    for (const name of group[0]?.keys() ?? []) {
      const places = group.map((layer) => layer.get(name) as StoredTensor);
      for (const cycle of cyclesOf(from)) {
        signal?.throwIfAborted();
        // each takes the next one's; the last one takes what the first one had
        const first = await files.read(places[cycle[0] as number] as StoredTensor);
        for (const [step, place] of cycle.entries()) {
          const next = cycle[step + 1];
          const values = next === undefined ? first : await files.read(places[next] as StoredTensor);
          await files.write(places[place] as StoredTensor, values);
        }
      }
    }
  }
}

type Layer = ReadonlyMap<string, StoredTensor>;

/** By the first number in the tensors' names, which is the layer's; layers with the same names and shapes beside each other. */
export function layersOfOneShape(tensors: readonly StoredTensor[]): (readonly Layer[])[] {
  const layers = new Map<string, Map<string, StoredTensor>>();
  for (const tensor of tensors) {
    const parts = tensor.name.split(".");
    const at = parts.findIndex((part) => /^\d+$/.test(part));
    if (at < 0) continue;
    const name = parts.slice(0, at + 1).join(".");
    const layer = layers.get(name) ?? new Map<string, StoredTensor>();
    layers.set(name, layer.set(parts.with(at, "*").join("."), tensor));
  }
  const groups = new Map<string, Layer[]>();
  for (const layer of layers.values()) {
    const shapes = JSON.stringify([...layer].map(([name, { shape }]) => [name, shape]).sort());
    groups.set(shapes, [...(groups.get(shapes) ?? []), layer]);
  }
  return [...groups.values()];
}

/** The order taken apart: in a cycle, each place takes what is at the next one. */
function cyclesOf(from: readonly number[]): number[][] {
  const seen = new Set<number>();
  const cycles: number[][] = [];
  for (const start of from.keys()) {
    const cycle: number[] = [];
    for (let at = start; !seen.has(at); at = from[at] as number) {
      seen.add(at);
      cycle.push(at);
    }
    if (cycle.length > 1) cycles.push(cycle);
  }
  return cycles;
}
