// Opens a model in the thread that computes: checkpoint, engine, memory, tokenizer, weights, loop, in this order, so that
// what is wrong is found before the expensive steps.

import { availableParallelism } from "node:os";
import { loadAddon } from "../../addon/load.js";
import { openCheckpoint } from "../../checkpoint/open.js";
import type { Checkpoint } from "../../checkpoint/types.js";
import type { VirtualMerge } from "../../merge/virtualMerge.js";
import type { Decoder } from "../../nn/decoder.js";
import { chooseEngine } from "../../nn/engines/chooseEngine.js";
import type { LocalEngineName } from "../../nn/engines/engineTypes.js";
import { calling } from "../../nn/engines/native/calling.js";
import type { NativeOptions } from "../../nn/engines/native/startNative.js";
import { freeGpuMemory } from "../../nn/memory/gpuMemory.js";
import { availableMemory } from "../../nn/memory/machineMemory.js";
import { checkWeights, DEFAULT_BATCH, MemoryBudget, memoryLimit } from "../../nn/memory/memoryBudget.js";
import { stepRowsOf } from "../../nn/memory/stepSize.js";
import { openDecoder } from "../../nn/openDecoder.js";
import type { AssembledDecoder } from "../../nn/ops/assembleDecoder.js";
import { heldBytes, mergeBytes } from "../../nn/virtual/heldBytes.js";
import { mergedCheckpoint } from "../../nn/virtual/virtualCheckpoint.js";
import { openTokenizer } from "../../tokenizer/openTokenizer.js";
import { StreamDecoder } from "../../tokenizer/streamDecoder.js";
import type { Tokenizer } from "../../tokenizer/types.js";
import { GenerationLoop } from "../loop/generationLoop.js";
import type { GenerateWork } from "../loop/job.js";
import type { Prefix } from "../loop/prefix.js";
import { Sequence } from "../loop/sequence.js";
import { TokenSampler } from "../sampling/tokenSampler.js";
import type { ModelDescription, ModelOptions } from "../types.js";
import { describeModel } from "../virtual/describeModel.js";
import { madeWeights } from "../virtual/madeWeights.js";
import { fingerprintOf } from "./fingerprint.js";
import { isHeld } from "./isHeld.js";
import type { ThreadRequest } from "./messages.js";

export interface ThreadModelParts {
  readonly decoder: Decoder;
  readonly tokenizer: Tokenizer;
  readonly loop: GenerationLoop;
  readonly description: ModelDescription;
}

/**
 * @throws RetemperError, as `openModel` says.
 */
export async function openThreadModel(request: ThreadRequest): Promise<ThreadModelParts> {
  const { source, folder, options, merge } = request;
  const addon = loadAddon();
  const checkpoint = merge
    ? await mergedCheckpoint(source, merge)
    : await openCheckpoint({ text: source, path: folder }, { addon });
  const { engine, gpu } = chooseEngine(options, merge !== undefined);
  const free = gpu ? (freeGpuMemory() ?? Number.POSITIVE_INFINITY) : availableMemory();
  const limit = memoryLimit(options.maxMemory, free);
  const holds = merge !== undefined && (merge.quantised !== undefined || isHeld(request, heldBytes(merge), limit));
  const isMapped =
    engine === "native" && !holds && checkpoint.files.every(({ path }) => calling(() => addon.isMapped(path)));
  // Of those that the native engine maps, it says itself what must be in memory.
  if (!isMapped) checkWeights(source, merge ? mergeBytes(merge, holds) : bytesOf(checkpoint), limit);
  const tokenizer = await openTokenizer(checkpoint.folder);
  const opened = await openKept(checkpoint, engine, { ...options, hold: holds, isMapped, merge });
  try {
    const versions = { retemper: addon.describe().version, ...opened.facts.versions };
    const threads = options.threads ?? availableParallelism();
    const { budget, stepRows } = budgetFor(opened, { limit, threads });
    budget.checkModel(opened.facts.model);
    const fromDisk = budget.pages === undefined ? undefined : { bytes: opened.mapped as number };
    const facts = {
      ...opened.facts,
      ...(fromDisk && { fromDisk }),
      versions,
      fingerprint: await fingerprintOf(checkpoint, merge && recipeAndSeed(merge)),
    };
    const decoder = { ...opened, facts };
    const description = describeModel(decoder, merge);
    return { decoder, tokenizer, description, loop: loopFor(decoder, tokenizer, { budget, stepRows }) };
  } catch (error) {
    opened.dispose();
    throw error;
  }
}

/** A decoder whose weights in blocks are kept on disk, where they shall be. */
async function openKept(
  checkpoint: Checkpoint,
  engine: LocalEngineName,
  { weightsCache, ...options }: ModelOptions & Pick<NativeOptions, "hold" | "isMapped" | "merge">,
): Promise<AssembledDecoder> {
  if (weightsCache === undefined || !options.merge) return openDecoder(checkpoint, engine, options);
  const made = await madeWeights(weightsCache, options.merge);
  try {
    const opened = await openDecoder(checkpoint, engine, { ...options, heldFile: made.file });
    await made.keep().catch((error) => {
      opened.dispose();
      throw error;
    });
    return opened;
  } finally {
    await made.close();
  }
}

function budgetFor(
  { spec, memory, mapped, facts, stepWork }: Decoder,
  { limit, threads }: { readonly limit: number; readonly threads: number },
): { readonly budget: MemoryBudget; readonly stepRows: number } {
  const stepRows = stepRowsOf(spec, { gpu: facts.gpu, threads, work: stepWork });
  const defaultBatch = facts.gpu ? DEFAULT_BATCH.gpu : DEFAULT_BATCH.cpu;
  const { maxPositions, vocabulary } = spec;
  const weights = { memory, mapped };
  return {
    budget: new MemoryBudget({ ...weights, limit, stepRows, maxPositions, vocabulary, defaultBatch }),
    stepRows,
  };
}

function loopFor(
  decoder: Decoder,
  tokenizer: Tokenizer,
  parts: { readonly budget: MemoryBudget; readonly stepRows: number },
): GenerationLoop {
  return new GenerationLoop(decoder, {
    ...parts,
    decode: (ids) => tokenizer.decode(ids, { skipSpecialTokens: true }),
    sequence: (prefix, sample) => sequenceOf(prefix, sample, tokenizer, decoder.argMax),
  });
}

function recipeAndSeed({ recipe, recipes = [], plan }: VirtualMerge): string {
  return [recipe, ...recipes, ...(plan.seed === 0 ? [] : [`seed ${plan.seed}`])].join("\n");
}

/** Bytes of the stored weights; no engine needs less. */
function bytesOf({ tensors }: Checkpoint): number {
  let bytes = 0;
  for (const tensor of tensors.values()) bytes += tensor.bytes;
  return bytes;
}

function sequenceOf(prefix: Prefix, sample: number, tokenizer: Tokenizer, argMax: Decoder["argMax"]): Sequence {
  const work = prefix.job.work as GenerateWork;
  const { settings, events } = work;
  const watched = events.piece !== undefined || settings.stop.length > 0;
  // The same draws for every lambda: what differs between their answers is the model alone.
  return new Sequence(prefix, work, sample, {
    sampler: new TokenSampler(
      settings,
      { index: prefix.prompt.draw ?? prefix.prompt.index, sample },
      prefix.prompt.ids,
      argMax,
    ),
    text: watched ? new StreamDecoder(tokenizer, { stop: settings.stop }) : undefined,
  });
}
