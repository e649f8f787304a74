// Makes the training data of the paper of merging from published rows: drawn by the seed, split, written with what they are
// made from.

import { createHash } from "node:crypto";
import { RetemperError } from "../../errors.js";
import { type DataFacts, type LoadedRows, loadRows } from "../../evaluate/data/loadRows.js";
import { lineOf } from "../../evaluate/data/rows.js";
import type { HubOptions } from "../../hub/settings.js";
import { checkPlace } from "../../output/checkPlace.js";
import { drawRows, drawSplit } from "./draw.js";
import { type MadeRow, type Source, type TrainingSetName, trainingSet } from "./sets.js";
import { DATA_SET, RECORD, writeDataSet } from "./writeDataSet.js";

export interface TrainingDataOptions {
  /** Rows to learn from, instead of the published ones: a file, a folder, or hf://datasets/… */
  readonly source?: string | undefined;
  /** The same for rows to test, of sets that have them. */
  readonly testSource?: string | undefined;
  /** Rows to learn; by default the paper's number. */
  readonly rows?: number | undefined;
  /** Rows on which lambda is chosen; by default the paper's number, or a tenth of `rows` where those are given. */
  readonly validation?: number | undefined;
  /** Rows to test; by default the paper's number. 0: no file of them. */
  readonly test?: number | undefined;
  /** Of the draw. Default: 42. */
  readonly seed?: number | undefined;
  /** Of which of the drawn rows choose lambda, so that each tuning can have a split of its own; the draw's own by default. */
  readonly splitSeed?: number | undefined;
  /** Leave rows out that are empty or malformed, and count them, instead of ending. */
  readonly skipBadRows?: boolean | undefined;
  /** Read and draw, and write nothing. */
  readonly dryRun?: boolean | undefined;
  /** Replace a data set that is there. */
  readonly force?: boolean | undefined;
  readonly hub?: HubOptions | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface TrainingDataFile {
  readonly rows: number;
  readonly sha256: string;
}

/** What data.json holds. */
export interface TrainingDataReport {
  readonly set: TrainingSetName;
  readonly title: string;
  readonly seed: number;
  readonly splitSeed?: number | undefined;
  /** By the file's name: train.jsonl, validation.jsonl, test.jsonl. */
  readonly files: Readonly<Record<string, TrainingDataFile>>;
  readonly sources: readonly (DataFacts & { readonly part: "train" | "test" })[];
  /** Rows that were not drawn from: of another kind, there already, or empty or malformed. */
  readonly leftOut: { readonly otherKind: number; readonly duplicates: number; readonly bad: number };
  /** The rows to learn are fewer by those of the validation: the source had too few for both. */
  readonly heldOut: boolean;
  /** Rows of the validation and of the test whose prompt is learned too. */
  readonly alsoLearned: { readonly validation: number; readonly test: number };
  /** Of sets that are drawn evenly: rows to learn of each group. */
  readonly groups?: Readonly<Record<string, number>> | undefined;
  readonly warnings: readonly string[];
}

/**
 * Writes `train.jsonl`, `validation.jsonl` and, where the set has one, `test.jsonl` into the folder `out`, with `data.json`.
 * Rows have `system`, `prompt` and `response`, as tune() reads them and evaluate() asks them. The same rows, numbers and seed
 * give the same bytes.
 * @throws RetemperError USAGE for an unknown set or a source that has to be given; BAD_INPUT with file and line for rows that
 *   cannot be used, missing columns and too few rows; OUTPUT_EXISTS; NETWORK; IO
 * @example
 * ```ts
 * import { makeTrainingData, tune } from "retemper";
 *
 * // 10,000 published rows of Flan's chains of thought, and 1,000 on which lambda is chosen
 * await makeTrainingData("flan", "data/flan");
 * await tune("models/aligned", "data/flan/train.jsonl", "tuned", { preset: "paper", task: "reasoning" });
 * ```
 */
export async function makeTrainingData(
  name: TrainingSetName,
  out: string,
  options: TrainingDataOptions = {},
): Promise<TrainingDataReport> {
  const { seed = 42, splitSeed, signal, force, dryRun } = options;
  const set = trainingSet(name);
  const counts = countsOf(set.counts, options);
  if (counts.test > 0 && !set.test) {
    throw new RetemperError("USAGE", `The set ${name} has no rows to test.`, {
      hint: "its task has a test of its own; leave --test out",
    });
  }
  const references = {
    train: referenceOf(name, set.train, options.source, "--source"),
    test: set.test && counts.test > 0 ? referenceOf(name, set.test, options.testSource, "--test-source") : undefined,
  };
  const local = Object.values(references).filter((one): one is string => one !== undefined && !one.startsWith("hf://"));
  const inputs = local.map((path) => ({ path }));
  const check = () => checkPlace(out, inputs, DATA_SET, force);
  if (!dryRun) await check();
  const hub = { ...options.hub, signal };
  const leftOut = { otherKind: 0, duplicates: 0, bad: 0 };
  const read = async (source: Source, reference: string): Promise<Read> => {
    const loaded = await loadRows(reference, { only: source.only, hub });
    signal?.throwIfAborted();
    return { rows: makeRows(loaded, source, set.distinct, options.skipBadRows ?? false, leftOut), facts: loaded.facts };
  };
  const toLearn = await read(set.train, references.train);
  const toTest = set.test && references.test ? await read(set.test, references.test) : undefined;
  const promptOf = ({ prompt }: MadeRow) => prompt;
  const split = drawSplit(toLearn.rows, counts, { seed, splitSeed, promptOf, groupOf: set.evenly });
  const test = toTest && drawRows(toTest.rows, counts.test, seed);
  signal?.throwIfAborted();
  const learned = split.train.map(({ answer: _, ...row }): MadeRow => row); // what is learned is the response
  const parts = { train: learned, validation: split.validation, ...(test && { test }) };
  const texts = new Map(
    Object.entries(parts).flatMap(([part, rows]) => (rows.length === 0 ? [] : [[`${part}.jsonl`, linesOf(rows)]])),
  );
  const prompts = new Set(learned.map(promptOf));
  const also = (rows: readonly MadeRow[] = []) => rows.filter(({ prompt }) => prompts.has(prompt)).length;
  const alsoLearned = { validation: also(split.validation), test: also(test) };
  const report: TrainingDataReport = {
    set: name,
    title: set.title,
    seed,
    ...(splitSeed !== undefined && { splitSeed }),
    files: Object.fromEntries(
      [...texts].map(([file, text]) => [
        file,
        { rows: text.split("\n").length - 1, sha256: createHash("sha256").update(text).digest("hex") },
      ]),
    ),
    sources: [{ part: "train", ...toLearn.facts }, ...(toTest ? [{ part: "test" as const, ...toTest.facts }] : [])],
    leftOut,
    heldOut: split.heldOut,
    alsoLearned,
    ...(set.evenly && { groups: countBy(split.train, set.evenly) }),
    warnings: warningsOf(split.heldOut, counts, alsoLearned, leftOut.bad),
  };
  if (!dryRun) {
    texts.set(RECORD, `${JSON.stringify(report, null, 2)}\n`);
    await writeDataSet(out, texts, { force, check });
  }
  return report;
}

interface Read {
  readonly rows: readonly MadeRow[];
  readonly facts: DataFacts;
}

function countsOf(
  own: { readonly train: number; readonly validation: number; readonly test: number },
  { rows, validation, test }: TrainingDataOptions,
): { train: number; validation: number; test: number } {
  const counts = {
    train: rows ?? own.train,
    validation: validation ?? (rows === undefined ? own.validation : Math.round(rows / 10)),
    test: test ?? own.test,
  };
  for (const [part, count] of Object.entries(counts)) {
    if (Number.isSafeInteger(count) && count >= (part === "train" ? 1 : 0)) continue;
    throw new RetemperError("USAGE", `${count} is no number of rows for ${part}.`, { hint: "give a whole number" });
  }
  return counts;
}

function referenceOf(name: string, source: Source, given: string | undefined, flag: string): string {
  const reference = given ?? source.reference;
  if (reference !== undefined) return reference;
  throw new RetemperError("USAGE", `The set ${name} needs your file of ${source.what}.`, {
    hint: `${flag} FILE; they are published in the repository of Gorilla, under openfunctions`,
  });
}

/** The rows of all files that are of the kind and, where asked for, not there already. */
function makeRows(
  { files }: LoadedRows,
  { maker }: Source,
  distinct: boolean,
  skipBadRows: boolean,
  leftOut: { otherKind: number; duplicates: number; bad: number },
): MadeRow[] {
  const made: MadeRow[] = [];
  const seen = new Set<string>();
  for (const { path, rows } of files) {
    const make = maker(rows, path);
    for (const [index, row] of rows.entries()) {
      let one: MadeRow | undefined;
      try {
        one = make(row, index);
      } catch (error) {
        if (!(error instanceof RetemperError)) throw error;
        if (!skipBadRows) {
          const { message, hint = "mend the row, or leave such rows out with --skip-bad-rows" } = error;
          throw error.retold(message, { line: lineOf(row), hint });
        }
        leftOut.bad += 1;
        continue;
      }
      const identity = one && JSON.stringify([one.prompt, one.response]);
      if (one === undefined || identity === undefined) leftOut.otherKind += 1;
      else if (distinct && seen.has(identity)) leftOut.duplicates += 1;
      else made.push(one);
      if (distinct && identity !== undefined) seen.add(identity);
    }
  }
  return made;
}

function linesOf(rows: readonly MadeRow[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
}

function countBy(rows: readonly MadeRow[], groupOf: (row: MadeRow) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of rows.map(groupOf).sort()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function warningsOf(
  heldOut: boolean,
  { train, validation }: { readonly train: number; readonly validation: number },
  alsoLearned: { readonly validation: number; readonly test: number },
  bad: number,
): string[] {
  const warnings: string[] = [];
  if (heldOut) {
    warnings.push(`the source has too few rows for both: ${validation} of the ${train} to learn are held out`);
  }
  for (const part of ["validation", "test"] as const) {
    if (alsoLearned[part] > 0) warnings.push(`${alsoLearned[part]} prompts of ${part} are learned too`);
  }
  if (bad > 0) warnings.push(`${bad} rows were empty or malformed and are left out`);
  return warnings;
}
