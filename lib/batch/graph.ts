// From entries to jobs: each entry is one merge, with the stages before it. Stages that are the same are one job, however
// many entries have them.

import { createHash } from "node:crypto";
import { basename, dirname, join, resolve } from "node:path";
import { RetemperError } from "../errors.js";
import type { MergeOptions } from "../merge/options.js";
import { suppliedByLambda, withLambda } from "../merge/prepare.js";
import { recordedOptions } from "../merge/record.js";
import { outputPath } from "../output/futurePath.js";
import { recipeHash } from "../recipe/identity.js";
import type { StagedRecipe } from "../recipe/stages.js";
import type { ParsedRecipe } from "../recipe/types.js";
import type { ManifestEntry } from "./manifest.js";
import type { BatchOptions, EntryOptions } from "./types.js";

/** One merge: of an entry, or of a stage. */
export interface Job {
  /** Of a stage. */
  readonly name: string | undefined;
  readonly recipe: ParsedRecipe;
  readonly options: MergeOptions;
  /** Absolute. */
  out: string;
  /** By the names that the recipe has for them. */
  readonly stages: ReadonlyMap<string, Job>;
  /** Entries whose outputs the recipe reads as models. */
  readonly waitsFor: Set<EntryJob>;
}

/** One entry of the batch. */
export interface EntryJob {
  readonly index: number;
  readonly source: ManifestEntry;
  /** Absolute. */
  readonly out: string;
  /** Undefined where the recipe cannot be read: `error` says why. */
  readonly job: Job | undefined;
  readonly error: RetemperError | undefined;
  /** In the order in which they are needed. */
  readonly stages: readonly Job[];
  readonly warnings: readonly string[];
}

/** A stage, the entry that it belongs to first, and its place in the work folder. */
interface SharedStage {
  readonly job: Job;
  readonly owner: string;
  readonly key: string;
}

/**
 * Reads all recipes and lays the jobs out. A recipe that cannot be read is its entry's failure.
 * @throws RetemperError USAGE for outputs that are no paths or are missing
 */
export async function layOut(entries: readonly ManifestEntry[], options: BatchOptions): Promise<EntryJob[]> {
  const shared = new Map<string, SharedStage>();
  const laidOut: EntryJob[] = [];
  for (const [index, source] of entries.entries()) {
    options.signal?.throwIfAborted();
    const out = await outputOf(source, options);
    const fixed = { index, source, out };
    try {
      const own = { ...commonOptions(options), ...defined(source.options) };
      const staged = await source.load({ lenient: own.lenient, supplied: suppliedByLambda(own.lambda) });
      const { job, stages } = await jobsOf(staged, out, own, shared);
      laidOut.push({ ...fixed, job, error: undefined, stages, warnings: unusedWarnings(staged) });
    } catch (error) {
      if (!(error instanceof RetemperError)) throw error;
      laidOut.push({ ...fixed, job: undefined, error, stages: [], warnings: [] });
    }
  }
  placeStages([...shared.values()], options.intermediateDir);
  return laidOut;
}

/** The folder where an entry's stages are written unless they are kept: beside its output, on the same disk. */
export function workFolder(out: string): string {
  const name = basename(out);
  const short = Buffer.byteLength(name) <= 200 ? name : createHash("sha256").update(name).digest("hex").slice(0, 32);
  return join(dirname(out), `.${short}.stages`);
}

async function outputOf({ out, recipe }: ManifestEntry, options: BatchOptions): Promise<string> {
  if (out !== undefined) return outputPath(resolve(options.out ?? "", out));
  if (options.out !== undefined) return outputPath(options.out);
  throw new RetemperError("USAGE", `${recipe} is one recipe, and nothing says where its output goes`, {
    file: recipe,
    hint: "retemper batch RECIPE --out FOLDER",
  });
}

async function jobsOf(
  { final, stages: read }: StagedRecipe,
  out: string,
  own: MergeOptions & EntryOptions,
  shared: Map<string, SharedStage>,
): Promise<{ readonly job: Job; readonly stages: readonly Job[] }> {
  // What is between is read again by the next stage: the lambda and the format are the final output's.
  const { lambda: _final, format, quantise, ...stageOptions } = own;
  const made = new Map<string, SharedStage>();
  const named = (uses: readonly string[]) => {
    return new Map(uses.map((name) => [name, (made.get(name) as SharedStage).job] as const));
  };
  for (const [name, { recipe, uses }] of read) {
    const inner = uses.map((use) => [use, made.get(use)?.key]);
    const content = [
      name,
      recipeHash(recipe),
      own.seed ?? 0,
      recordedOptions(stageOptions),
      own.failOnNonfinite ?? false,
      inner,
    ];
    const key = createHash("sha256").update(JSON.stringify(content)).digest("hex");
    const job = { name, recipe, options: stageOptions, out: "", stages: named(uses), waitsFor: new Set<EntryJob>() };
    const stage = shared.get(key) ?? { job, owner: out, key };
    shared.set(key, stage);
    made.set(name, stage);
  }
  const recipe = await withLambda(final.recipe, own);
  const job = {
    name: undefined,
    recipe,
    options: { ...stageOptions, format, quantise },
    out,
    stages: named(final.uses),
    waitsFor: new Set<EntryJob>(),
  };
  return { job, stages: [...made.values()].map((stage) => stage.job) };
}

/** `FOLDER/name`; stages of one name that differ get a part of their hash, so that each keeps its place. */
function placeStages(stages: readonly SharedStage[], folder: string | undefined): void {
  const folderOf = ({ owner }: SharedStage) => (folder === undefined ? workFolder(owner) : resolve(folder));
  const places = stages.map((stage) => join(folderOf(stage), stage.job.name as string));
  for (const [at, { job, key }] of stages.entries()) {
    const place = places[at] as string;
    const alone = places.indexOf(place) === places.lastIndexOf(place);
    job.out = alone ? place : `${place}-${key.slice(0, 8)}`;
  }
}

function unusedWarnings({ unused }: StagedRecipe): string[] {
  return unused.map(({ name }) => `nothing uses the stage ${name}: it is not merged`);
}

function commonOptions(options: BatchOptions): MergeOptions {
  const {
    out: _o,
    jobs: _j,
    failFast: _f,
    partition: _p,
    intermediateDir: _i,
    onEntry: _e,
    onProgress: _g,
    ...rest
  } = options;
  return rest;
}

/** What an entry leaves out does not undo what the batch says. */
function defined(options: EntryOptions): EntryOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
