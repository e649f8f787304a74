// `planBatch`: what a batch would do, from headers, configuration and the records of the outputs that are there.

import { loadAddon } from "../addon/load.js";
import { RetemperError } from "../errors.js";
import { difference, type Expected } from "../merge/match.js";
import { withInputHeaders } from "../merge/obtainInputs.js";
import { prepare } from "../merge/prepare.js";
import type { DigestCache } from "../merge/sideInputs.js";
import { outputState } from "../output/outputState.js";
import { checkPartition } from "../output/partition.js";
import type { Estimate } from "../plan/estimate.js";
import { type EntryJob, type Job, layOut } from "./graph.js";
import { readManifest } from "./manifest.js";
import { partOf } from "./partOf.js";
import { orderByPlaces } from "./places.js";
import { expectedOf } from "./run.js";
import type { BatchEntry, BatchOptions, BatchPlan, PlannedEntry, PlannedStage } from "./types.js";

/** What is known of one output without merging. */
interface Outlook {
  readonly status: PlannedEntry["status"];
  readonly error?: RetemperError;
  /** Missing where the models are outputs that are not there yet. */
  readonly estimate?: Estimate;
  readonly warnings: readonly string[];
}

/**
 * Says which outputs of a batch are complete, which would be made and what that needs, and which could not be made.
 *
 * @param manifest as that of `batch`
 * @throws RetemperError as `batch` does before any work
 * @example
 * ```ts
 * import { planBatch } from "retemper";
 *
 * const models = [{ model: "models/aligned" }, { model: "models/aligned+models/adapter" }];
 * const entry = { recipe: { merge_method: "linear", models }, out: "linear", options: { lambda: 0.4 } };
 * const { counts, entries } = await planBatch([entry], { out: "merges" });
 * console.log(counts, entries[0]?.status); // { complete: 0, toMake: 1, failed: 0 } toMake
 * ```
 */
export async function planBatch(
  manifest: string | readonly BatchEntry[],
  options: BatchOptions = {},
): Promise<BatchPlan> {
  const { signal, partition = { index: 0, count: 1 } } = options;
  signal?.throwIfAborted();
  checkPartition(partition);
  const all = await layOut(await readManifest(manifest), options);
  await orderByPlaces(all, options);
  const planner = new Planner(options);
  const entries: PlannedEntry[] = [];
  for (const entry of partOf(all, partition)) entries.push(await planner.entry(entry));
  const count = (wanted: PlannedEntry["status"]) => entries.filter(({ status }) => status === wanted).length;
  const estimates = [...planner.toMake.values()];
  const sum = (of: (estimate: Estimate) => number) => estimates.reduce((total, one) => total + of(one), 0);
  return {
    entries,
    counts: { complete: count("complete"), toMake: count("toMake"), failed: count("failed") },
    firstError: entries.find(({ status }) => status === "failed")?.error,
    unknown: planner.unknown,
    bytesRead: sum(({ bytesRead }) => bytesRead),
    bytesWritten: sum(({ bytesWritten }) => bytesWritten),
    diskNeeded: sum(({ diskNeeded }) => diskNeeded),
    partition,
  };
}

class Planner {
  /** Of every merge that would run and can be estimated. */
  readonly toMake = new Map<Job, Estimate>();
  /** Merges that would run and cannot be estimated yet. */
  unknown = 0;
  readonly #options: BatchOptions;
  readonly #outlooks = new Map<Job, Promise<Outlook>>();
  readonly #digests: DigestCache = new Map();

  constructor(options: BatchOptions) {
    this.#options = options;
  }

  async entry({ index, source, out, job, error, stages, warnings }: EntryJob): Promise<PlannedEntry> {
    const failure = error ?? new RetemperError("INTERNAL", "the recipe was not read", { file: source.recipe });
    const outlook: Outlook = job ? await this.#outlook(job, false) : { status: "failed", error: failure, warnings: [] };
    const planned: PlannedStage[] = [];
    for (const stage of stages) {
      const { status } = await this.#stage(stage, outlook);
      planned.push({ name: stage.name ?? "", out: stage.out, status });
    }
    const { status, estimate } = outlook;
    return {
      index,
      out,
      recipe: source.recipe,
      status,
      error: outlook.error,
      estimate: status === "toMake" ? estimate : undefined,
      stages: planned,
      warnings: [...new Set([...warnings, ...outlook.warnings])],
    };
  }

  async #stage(stage: Job, { status }: Outlook): Promise<{ status: PlannedStage["status"] }> {
    if (status !== "toMake") return { status: status === "complete" ? "notNeeded" : "notRun" };
    return this.#outlook(stage, true);
  }

  #outlook(job: Job, stage: boolean): Promise<Outlook> {
    const known = this.#outlooks.get(job) ?? this.#look(job, stage);
    this.#outlooks.set(job, known);
    return known;
  }

  async #look(job: Job, stage: boolean): Promise<Outlook> {
    const { force = false, intermediateDir, signal } = this.#options;
    signal?.throwIfAborted();
    try {
      // A work folder is the batch's own: whatever lies there may be replaced.
      const replace = force || (stage && intermediateDir === undefined);
      if (await this.#isComplete(job, replace)) return { status: "complete", warnings: [] };
      return await this.#plan(job);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof RetemperError) return { status: "failed", error, warnings: [] };
      throw error;
    }
  }

  async #isComplete(job: Job, replace: boolean): Promise<boolean> {
    if ((await outputState(job.out)) !== "exists") return false;
    const { signal, verify } = this.#options;
    const expected: Expected = expectedOf(job);
    const differs = await difference(job.out, expected, { signal, verify, digests: this.#digests });
    if (differs === undefined) return true;
    if (replace) return false;
    throw new RetemperError("OUTPUT_EXISTS", `the output ${job.out} exists and would become another: ${differs}`, {
      file: job.out,
      hint: "--force makes it again; or remove it, or choose another output",
    });
  }

  /** The estimate of a merge whose models are there; else that it would run. */
  async #plan(job: Job): Promise<Outlook> {
    for (const { out, outlook } of await this.#needed(job)) {
      if (outlook.status === "complete") continue;
      if (outlook.error) {
        const { code, message } = outlook.error;
        const error = new RetemperError(code, `needs ${out}: ${message}`, { cause: outlook.error });
        return { status: "failed", error, warnings: [] };
      }
      this.unknown += 1;
      return { status: "toMake", warnings: [] };
    }
    const models = Object.fromEntries([...job.stages].map(([name, { out }]) => [name, out]));
    const { hub } = this.#options;
    const options = { ...job.options, models, hub };
    const { estimate, warnings } = await withInputHeaders(job.recipe, options, (named) =>
      prepare(job.recipe, { ...options, models: named }, loadAddon()),
    );
    this.toMake.set(job, estimate);
    return { status: "toMake", estimate, warnings };
  }

  /** The outputs that a merge reads as models. */
  async #needed(job: Job): Promise<{ readonly out: string; readonly outlook: Outlook }[]> {
    const needed: { out: string; outlook: Outlook }[] = [];
    for (const stage of job.stages.values()) {
      needed.push({ out: stage.out, outlook: await this.#outlook(stage, true) });
    }
    for (const { out, job: other, error } of job.waitsFor) {
      const outlook = other ? await this.#outlook(other, false) : undefined;
      needed.push({ out, outlook: outlook ?? { status: "failed", ...(error && { error }), warnings: [] } });
    }
    return needed;
  }
}
