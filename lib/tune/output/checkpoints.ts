// Checkpoints of a training: an adapter's folder each, and what going on needs: the optimiser's moments and the steps so far.
// Random numbers need no state: they are functions of the seed and the step.

import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Addon } from "../../addon/surface.js";
import { encodeTensors, type FloatTensor, readTensors } from "../../checkpoint/tensorFile.js";
import { RetemperError } from "../../errors.js";
import { ioError } from "../../files/ioError.js";
import { makeFolder } from "../../files/makeFolder.js";
import { readTextAtMost } from "../../files/readAtMost.js";
import { KEPT, writeWhole } from "../../files/writeWhole.js";
import { widen } from "../../nn/engines/reference/widen.js";
import { publishFolder } from "../../output/publishFolder.js";
import { giveBack } from "../../output/recover.js";
import { parametersOf, type Term } from "../adapter/terms.js";
import type { Moments } from "../training/adamW.js";
import type { TuneReport, TuneStep } from "../types.js";
import { writeAdapter } from "./adapterFolder.js";

const STATE = "training_state.safetensors";
const HISTORY = "training_steps.json";

/** What a training has come to. */
export interface History {
  readonly steps: TuneStep[];
  readonly validation: TuneReport["validation"][number][];
}

/** Steps at which there is a whole checkpoint, ascending. */
export async function checkpointSteps(out: string): Promise<number[]> {
  const names = await readdir(out).catch(() => []);
  return names
    .flatMap((name) => /^checkpoint-(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

export function checkpointFolder(out: string, step: number): string {
  return join(out, `checkpoint-${step}`);
}

/** Where a checkpoint goes that another one of the same step replaces. */
function asideOf(out: string, step: number): string {
  return join(out, `.checkpoint-${step}.old`);
}

/** Writes a checkpoint beside its place and gives it its name when it is whole. Older ones keep their adapters only. */
export async function saveCheckpoint(
  out: string,
  config: object,
  terms: readonly Term[],
  moments: ReadonlyMap<string, Moments>,
  history: History,
): Promise<string> {
  const folder = checkpointFolder(out, history.steps.length);
  const staged = join(out, `.checkpoint-${history.steps.length}.partial`);
  const older = await checkpointSteps(out);
  try {
    await rm(staged, { recursive: true, force: true });
    await makeFolder(staged);
    const state = new Map<string, FloatTensor>();
    for (const { key, shape } of terms.flatMap(parametersOf)) {
      const { first, second } = moments.get(key) as Moments;
      state.set(`first.${key}`, { shape, values: first });
      state.set(`second.${key}`, { shape, values: second });
    }
    await writeWhole(join(staged, STATE), encodeTensors(state, { step: String(history.steps.length) }));
    await writeWhole(join(staged, HISTORY), JSON.stringify(history));
    await writeAdapter(staged, config, terms);
    await publishFolder(staged, folder, asideOf(out, history.steps.length));
  } catch (error) {
    await rm(staged, { recursive: true, force: true }).catch(() => {});
    throw ioError(error, folder, "cannot write", KEPT);
  }
  await leaveAdapters(out, older, history.steps.length);
  return folder;
}

/** Older checkpoints than the last keep their adapters only. */
async function leaveAdapters(out: string, steps: readonly number[], last: number): Promise<void> {
  for (const step of steps) {
    if (step >= last) continue;
    for (const name of [STATE, HISTORY]) await rm(join(checkpointFolder(out, step), name), { force: true });
  }
}

/** What a run had moved aside that was killed while it replaced a checkpoint. */
async function giveCheckpointsBack(out: string): Promise<void> {
  for (const name of await readdir(out)) {
    const step = /^\.checkpoint-(\d+)\.old$/.exec(name)?.[1];
    if (step !== undefined) await giveBack(checkpointFolder(out, Number(step)), join(out, name));
  }
}

/** Brings terms and moments to where the last checkpoint was; undefined where there is none. */
export async function loadCheckpoint(
  out: string,
  terms: readonly Term[],
  moments: ReadonlyMap<string, Moments>,
  addon: Pick<Addon, "readHeader" | "readBytes">,
): Promise<History | undefined> {
  await giveCheckpointsBack(out);
  const steps = await checkpointSteps(out);
  const step = steps.at(-1);
  if (step === undefined) return undefined;
  await leaveAdapters(out, steps, step); // the run before may have been killed just before it did
  const folder = checkpointFolder(out, step);
  const weights = join(folder, "adapter_model.safetensors");
  const adapter = readTensors(weights, addon, widen);
  const state = readTensors(join(folder, STATE), addon, widen);
  const take = (from: ReadonlyMap<string, FloatTensor>, key: string, to: Float32Array, file: string) => {
    const found = from.get(key);
    if (found?.values.length !== to.length) {
      throw new RetemperError("BAD_INPUT", `${key} is missing or of another size`, { file });
    }
    to.set(found.values);
  };
  for (const { key, values } of terms.flatMap(parametersOf)) {
    const { first, second } = moments.get(key) as Moments;
    take(adapter, key, values, weights);
    take(state, `first.${key}`, first, join(folder, STATE));
    take(state, `second.${key}`, second, join(folder, STATE));
  }
  const history = JSON.parse(
    await readTextAtMost(join(folder, HISTORY), { most: 2 ** 29, what: "the steps of a training" }),
  ) as History;
  if (history.steps?.length !== step) throw new RetemperError("BAD_INPUT", "is of another step", { file: folder });
  return history;
}
