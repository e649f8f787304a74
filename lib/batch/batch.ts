// `batch`: many merges with bounded memory, which can be killed and started again.

import { RetemperError } from "../errors.js";
import { checkPartition } from "../output/partition.js";
import { layOut } from "./graph.js";
import { readManifest } from "./manifest.js";
import { partOf } from "./partOf.js";
import { orderByPlaces } from "./places.js";
import { Runner } from "./run.js";
import type { BatchEntry, BatchEntryResult, BatchOptions, BatchReport, EntryStatus } from "./types.js";

/**
 * Merges many recipes. An output that is complete and what its merge would write is left alone, so a batch that was
 * stopped at any moment goes on where it was when it is started again. A failure concerns its own entry: see
 * `entries[].error` and `firstError` of the report.
 *
 * A recipe of several documents is run stage by stage; a stage that several documents or entries need is made once.
 *
 * @param manifest path of a manifest (a YAML or JSON list of `{recipe, out, options?}`, or such JSON lines in a .jsonl
 * file), of a folder of recipes, or of one recipe; or the entries themselves. Recipes of a manifest are relative to its
 * folder, models to the working directory.
 * @throws RetemperError before any work: BAD_RECIPE for a manifest that is wrong (with line and column), for outputs that
 * collide, for entries that wait for each other; OUTPUT_EXISTS for outputs that overlap what is read; USAGE.
 * `options.signal.reason` when aborted.
 * @example
 * ```ts
 * import { batch } from "retemper";
 *
 * const models = [{ model: "models/aligned" }, { model: "models/aligned+models/adapter" }];
 * const { counts, firstError } = await batch(
 *   [
 *     { recipe: { merge_method: "linear", models }, out: "linear", options: { lambda: 0.4 } },
 *     { recipe: { merge_method: "slerp", base_model: "models/aligned", models }, out: "slerp", options: { lambda: 0.4 } },
 *   ],
 *   { out: "merges", jobs: 2 },
 * );
 * console.log(counts.made, firstError); // 2 undefined
 * ```
 */
export async function batch(
  manifest: string | readonly BatchEntry[],
  options: BatchOptions = {},
): Promise<BatchReport> {
  const started = performance.now();
  const { signal, jobs = 1, partition = { index: 0, count: 1 } } = options;
  signal?.throwIfAborted();
  checkPartition(partition);
  if (!Number.isSafeInteger(jobs) || jobs < 1) {
    throw new RetemperError("USAGE", `there cannot be ${jobs} jobs`, { hint: "give a whole number of at least 1" });
  }
  const all = await layOut(await readManifest(manifest), options);
  await orderByPlaces(all, options);
  const entries = await new Runner(partOf(all, partition), options).run();
  const sum = (of: (entry: BatchEntryResult) => number) => entries.reduce((total, entry) => total + of(entry), 0);
  const count = (wanted: EntryStatus) => entries.filter(({ status }) => status === wanted).length;
  return {
    entries,
    counts: {
      made: count("made"),
      skipped: count("skipped"),
      failed: count("failed"),
      blocked: count("blocked"),
      notRun: count("notRun"),
    },
    firstError: entries.find(({ status }) => status === "failed")?.error,
    seconds: (performance.now() - started) / 1000,
    bytesRead: sum(({ bytesRead }) => bytesRead),
    bytesWritten: sum(({ bytesWritten }) => bytesWritten),
    partition,
  };
}
