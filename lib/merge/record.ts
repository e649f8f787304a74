// retemper.json: what an output was made from and what it must look like, for `verify` and for people who want to repeat
// it. It says nothing of the run itself (time, threads), so that the same inputs give the same bytes.

import { basename, join } from "node:path";
import { z } from "zod";
import type { NativeFacts } from "../addon/nativePlan.js";
import { RetemperError } from "../errors.js";
import { ioError } from "../files/ioError.js";
import { isMissing } from "../files/isMissing.js";
import { readTextAtMost } from "../files/readAtMost.js";
import { DEFAULT_SHARD_SIZE } from "../plan/shards.js";
import type { AdapterReport } from "./adapter/adapterReport.js";
import type { InputFile } from "./inputs.js";
import type { MergeOptions } from "./options.js";
import type { Gate } from "./prepared/types.js";
import type { OutputFile } from "./report.js";
import type { SideInput } from "./sideInputs.js";

export const RECORD_FILE = "retemper.json";
/** Facts of a hundred thousand tensors stay far below. */
const LIMIT = 256 << 20;

export interface RecordFacts {
  readonly version: string;
  readonly method: string;
  readonly seed: number;
  readonly options: RecordedOptions;
  readonly recipe: string;
  readonly files: readonly OutputFile[];
  readonly inputs: readonly InputFile[];
  /** By path. */
  readonly digests: ReadonlyMap<string, string>;
  readonly sideInputs: readonly SideInput[];
  /** By name, for inputs that are outputs of other merges and have a name. */
  readonly stages: Readonly<Record<string, Origin>>;
  readonly facts: readonly NativeFacts[];
  /** Of an adapter: what it keeps of the merge. */
  readonly adapter?: AdapterReport | undefined;
  /** Of a method with gates: what they decided. */
  readonly gates?: readonly Gate[] | undefined;
}

/** Options that show in an output's bytes, where they are not the default; the seed stands by itself. */
export type RecordedOptions = Readonly<Record<string, string | number | boolean>>;

/** The options that show in the output's bytes. */
export function recordedOptions(options: MergeOptions): RecordedOptions {
  const { outShardSize, loraMergeDtype, unsafeTruncateEmbeddings, trustRemoteCode, quantise } = options;
  return {
    ...(quantise !== undefined && { quantise }),
    ...(outShardSize !== undefined && outShardSize !== DEFAULT_SHARD_SIZE && { outShardSize }),
    ...(loraMergeDtype !== undefined && { loraMergeDtype }),
    ...(unsafeTruncateEmbeddings && { unsafeTruncateEmbeddings }),
    ...(options.copyTokenizer === false && { copyTokenizer: false }),
    ...(options.writeModelCard === false && { writeModelCard: false }),
    ...(trustRemoteCode && { trustRemoteCode }),
    ...(options.format !== undefined && options.format !== "safetensors" && { format: options.format }),
    ...(options.rank !== undefined && { rank: options.rank }),
    ...(options.energy !== undefined && { energy: options.energy }),
  };
}

/** The text of retemper.json. */
export function recordText(facts: RecordFacts): string {
  const { version, method, seed, options, recipe, files, inputs, digests, sideInputs, stages } = facts;
  const record = {
    format: 1,
    tool: { name: "retemper", version },
    method,
    seed,
    options,
    recipe,
    outputs: files,
    // The models as the recipe writes them and the names of their files: outputs are published, and absolute paths
    // would reveal more of a machine than its owner may wish.
    inputs: inputs.map(({ model, part, path, size, inode, mtimeNs }) => {
      return { model, part, file: basename(path), size, inode, mtimeNs, sha256: digests.get(path) };
    }),
    sidecars: sideInputs,
    ...(Object.keys(stages).length > 0 && { stages }),
    tensors: facts.facts.map(({ variant: _one, ...fact }) => fact),
    ...(facts.adapter && { adapter: facts.adapter }),
    ...(facts.gates && { gates: facts.gates }),
  };
  return `${JSON.stringify(record, null, 1)}\n`;
}

const digest = z.string().regex(/^[0-9a-f]{64}$/);

const originSchema = z.object({
  seed: z.number(),
  options: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  recipe: z.string(),
  inputs: z.array(
    z.object({
      model: z.string(),
      part: z.literal("adapter").optional(),
      file: z.string(),
      size: z.number(),
      inode: z.string(),
      mtimeNs: z.string(),
      sha256: digest.optional(),
    }),
  ),
  sidecars: z.array(
    z.object({
      model: z.string(),
      part: z.enum(["model", "adapter", "rows"]),
      file: z.string(),
      sha256: digest.optional(),
    }),
  ),
});

/** What an output was made from: enough to decide whether a merge would write the same again. */
export type Origin = z.infer<typeof originSchema> & { readonly stages?: Readonly<Record<string, Origin>> | undefined };

const nestedOrigin: z.ZodType<Origin> = originSchema.extend({
  stages: z.lazy(() => z.record(z.string(), nestedOrigin)).optional(),
});

const recordSchema = z.object({
  outputs: z.array(
    z.object({
      path: z.string().regex(/^(?!\.{1,2}(\/|$))[^/\0\\]+(\/(?!\.{1,2}(\/|$))[^/\0\\]+)*$/),
      bytes: z.number().int().nonnegative(),
      sha256: digest,
    }),
  ),
});

/**
 * The files that the record of an output lists.
 * @throws RetemperError BAD_INPUT when the folder has no record, or one that cannot be read.
 */
export async function readRecord(out: string): Promise<readonly OutputFile[]> {
  const text = await readRecordText(out);
  try {
    return recordSchema.parse(JSON.parse(text)).outputs;
  } catch (cause) {
    throw new RetemperError("BAD_INPUT", "the record of the merge is damaged", {
      file: join(out, RECORD_FILE),
      hint: "the output is not as it was written; merge again",
      cause,
    });
  }
}

/**
 * The text of an output's record with another size and digest of one of its files.
 * @returns undefined where the record has these already
 * @throws RetemperError BAD_INPUT for a record that is missing or damaged
 */
export async function withOutput(out: string, file: OutputFile): Promise<string | undefined> {
  const before = await readRecord(out);
  if (before.some((one) => JSON.stringify(one) === JSON.stringify(file))) return undefined;
  const record = JSON.parse(await readRecordText(out)) as { readonly outputs: readonly OutputFile[] };
  const outputs = record.outputs.map((one) => (one.path === file.path ? file : one));
  return `${JSON.stringify({ ...record, outputs }, null, 1)}\n`;
}

/** What an output was made from; undefined where its record does not say, or there is none. */
export async function originOf(out: string): Promise<Origin | undefined> {
  try {
    return nestedOrigin.parse(JSON.parse(await readRecordText(out)));
  } catch {
    return undefined;
  }
}

async function readRecordText(out: string): Promise<string> {
  const path = join(out, RECORD_FILE);
  try {
    return await readTextAtMost(path, { most: LIMIT, what: "the record of a merge" });
  } catch (error) {
    if (!isMissing(error)) throw ioError(error, path, "cannot read");
    throw new RetemperError("BAD_INPUT", `${out} has no ${RECORD_FILE}, so nothing says what it should hold`, {
      file: out,
      hint: "only the output of a merge can be verified",
    });
  }
}
