// Runs the jobs of a batch: skips what is complete, makes what is not, and keeps one failure from touching the others.

import { loadAddon } from "../addon/load.js";
import type { Addon } from "../addon/surface.js";
import { RetemperError } from "../errors.js";
import { difference, type Expected } from "../merge/match.js";
import { mergeParsed } from "../merge/merge.js";
import type { MergeReport } from "../merge/report.js";
import type { DigestCache } from "../merge/sideInputs.js";
import { outputState } from "../output/outputState.js";
import { recoverBeside } from "../output/recover.js";
import type { EntryJob, Job } from "./graph.js";
import { Intermediates } from "./intermediates.js";
import { entriesNeededBy } from "./places.js";
import { Slots } from "./slots.js";
import type { BatchEntryResult, BatchOptions, StageResult } from "./types.js";

/** What a batch keeps of a merge's report; the whole of it, for thousands of merges, would not be little. */
type Made = Pick<MergeReport, "seconds" | "bytesRead" | "bytesWritten" | "warnings">;

/** What became of one merge. */
type Outcome =
  | { readonly status: "made"; readonly report: Made }
  | { readonly status: "skipped" | "notRun" }
  | { readonly status: "failed"; readonly error: RetemperError };

export class Runner {
  readonly #entries: readonly EntryJob[];
  readonly #options: BatchOptions;
  readonly #addon: Addon = loadAddon();
  readonly #slots: Slots;
  readonly #share: { readonly threads: number; readonly maxMemory: number };
  readonly #intermediates: Intermediates;
  readonly #results = new Map<EntryJob, Promise<BatchEntryResult>>();
  readonly #stages = new Map<Job, { readonly priority: number; readonly outcome: Promise<Outcome> }>();
  readonly #digests: DigestCache = new Map();
  #finished = 0;
  #stopped = false;

  constructor(entries: readonly EntryJob[], options: BatchOptions) {
    const { jobs = 1, threads, maxMemory = 0, intermediateDir } = options;
    const running = Math.max(1, Math.min(jobs, entries.length));
    this.#entries = entries;
    this.#options = options;
    this.#slots = new Slots(running);
    this.#share = {
      threads: Math.max(1, Math.floor((threads || this.#addon.describe().threads) / running)),
      maxMemory: maxMemory > 0 ? Math.max(1, Math.floor(maxMemory / running)) : 0,
    };
    this.#intermediates = new Intermediates(entries, intermediateDir !== undefined);
  }

  /** @throws the signal's reason when aborted; what was complete by then stays */
  async run(): Promise<BatchEntryResult[]> {
    const settled = await Promise.allSettled(this.#entries.map((entry) => this.#entry(entry)));
    this.#options.signal?.throwIfAborted();
    return settled.map((result) => {
      if (result.status === "rejected") throw result.reason;
      return result.value;
    });
  }

  #entry(entry: EntryJob): Promise<BatchEntryResult> {
    const known = this.#results.get(entry) ?? this.#runEntry(entry);
    this.#results.set(entry, known);
    return known;
  }

  async #runEntry(entry: EntryJob): Promise<BatchEntryResult> {
    const result = await this.#resultOf(entry);
    this.#finished += 1;
    this.#options.onEntry?.(result);
    return result;
  }

  async #resultOf(entry: EntryJob): Promise<BatchEntryResult> {
    const { job, error } = entry;
    for (const needed of entriesNeededBy(entry)) {
      const { status, out, error: cause } = await this.#entry(needed);
      if (status === "made" || status === "skipped") continue;
      if (status === "notRun") return this.#describe(entry, { status: "notRun" });
      const blocked = new RetemperError(cause?.code ?? "INTERNAL", `waits for ${out}, which failed`, { cause });
      return { ...(await this.#describe(entry, { status: "failed", error: blocked })), status: "blocked" };
    }
    if (!job) {
      const failure = error ?? new RetemperError("INTERNAL", "the recipe was not read", { file: entry.source.recipe });
      return this.#describe(entry, this.#failed(failure));
    }
    return this.#describe(entry, await this.#make(job, entry.index, this.#options.force === true));
  }

  #stage(job: Job, priority: number): Promise<Outcome> {
    const known = this.#stages.get(job);
    if (known) return known.outcome;
    // The work folder is the batch's own: whatever lies there may be replaced.
    const outcome = this.#make(
      job,
      priority,
      this.#options.force === true || this.#options.intermediateDir === undefined,
    );
    this.#stages.set(job, { priority, outcome });
    return outcome;
  }

  /** Makes one output, and the stages before it if it has to be made. */
  async #make(job: Job, priority: number, force: boolean): Promise<Outcome> {
    const early = await this.#slots.run(priority, async () => {
      const outcome = await this.#guard(() => this.#look(job, force));
      return outcome || job.stages.size > 0 ? outcome : this.#guard(() => this.#merge(job, force));
    });
    const outcome = early ?? (await this.#stagesThenMerge(job, priority, force));
    if (outcome.status !== "made" && outcome.status !== "skipped") return outcome;
    return (await this.#guard(() => this.#intermediates.done(job).then(() => undefined))) ?? outcome;
  }

  async #stagesThenMerge(job: Job, priority: number, force: boolean): Promise<Outcome> {
    const stages = await Promise.all([...job.stages.values()].map((stage) => this.#stage(stage, priority)));
    for (const [at, name] of [...job.stages.keys()].entries()) {
      const outcome = stages[at] as Outcome;
      if (outcome.status === "notRun") return outcome;
      if (outcome.status !== "failed") continue;
      return { status: "failed", error: outcome.error.retold(`the stage ${name}: ${outcome.error.message}`) };
    }
    return this.#slots.run(priority, async () => (await this.#guard(() => this.#merge(job, force))) as Outcome);
  }

  /** What is known without merging; undefined when the output has to be made. */
  async #look(job: Job, force: boolean): Promise<Outcome | undefined> {
    if (this.#stopped) return { status: "notRun" };
    if ((await outputState(job.out)) !== "exists") return undefined;
    const { signal, verify } = this.#options;
    const differs = await difference(job.out, expectedOf(job), { signal, verify, digests: this.#digests });
    if (differs === undefined) {
      await recoverBeside(job.out).catch(() => undefined); // it may be on a disk that is read-only by now
      return { status: "skipped" };
    }
    if (force) return undefined;
    throw new RetemperError("OUTPUT_EXISTS", `the output ${job.out} exists and would become another: ${differs}`, {
      file: job.out,
      hint: "--force makes it again; or remove it, or choose another output",
    });
  }

  async #merge(job: Job, force: boolean): Promise<Outcome> {
    if (this.#stopped) return { status: "notRun" };
    const { signal, onProgress } = this.#options;
    const models = Object.fromEntries([...job.stages].map(([name, stage]) => [name, stage.out]));
    try {
      const { seconds, bytesRead, bytesWritten, warnings } = await mergeParsed(job.recipe, job.out, {
        ...job.options,
        ...this.#share,
        force,
        models,
        hub: this.#options.hub,
        onProgress:
          onProgress &&
          ((progress) => {
            onProgress({ ...progress, out: job.out, finished: this.#finished, entries: this.#entries.length });
          }),
      });
      return { status: "made", report: { seconds, bytesRead, bytesWritten, warnings } };
    } catch (error) {
      // Another run of the same batch may have been faster.
      const taken = error instanceof RetemperError && error.code === "OUTPUT_EXISTS" && !force;
      if (!taken || (await outputState(job.out)) !== "exists") throw error;
      if ((await difference(job.out, expectedOf(job), { signal, digests: this.#digests })) !== undefined) throw error;
      return { status: "skipped" };
    }
  }

  /** Turns what `work` throws into an outcome; an abort ends the batch. */
  async #guard<T extends Outcome | undefined>(work: () => Promise<T>): Promise<T | Outcome> {
    const { signal } = this.#options;
    signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof RetemperError) return this.#failed(error);
      return this.#failed(new RetemperError("INTERNAL", (error as Error)?.message ?? String(error), { cause: error }));
    }
  }

  #failed(error: RetemperError): Outcome {
    if (this.#options.failFast) this.#stopped = true;
    return { status: "failed", error };
  }

  async #describe({ index, source, out, stages, warnings }: EntryJob, outcome: Outcome): Promise<BatchEntryResult> {
    const reports: Made[] = outcome.status === "made" ? [outcome.report] : [];
    const described: StageResult[] = [];
    for (const stage of stages) {
      const run = this.#stages.get(stage);
      const made = await run?.outcome;
      // Shared stages count for the entry that had them made.
      if (made?.status === "made" && run?.priority === index) reports.unshift(made.report);
      const status = made?.status === "skipped" ? "reused" : made?.status;
      const idle = outcome.status === "made" || outcome.status === "skipped" ? "notNeeded" : "notRun";
      described.push({ name: stage.name ?? "", out: stage.out, status: status ?? idle });
    }
    const sum = (of: (report: Made) => number) => reports.reduce((total, report) => total + of(report), 0);
    return {
      index,
      out,
      recipe: source.recipe,
      status: outcome.status,
      error: outcome.status === "failed" ? outcome.error : undefined,
      seconds: sum(({ seconds }) => seconds),
      bytesRead: sum(({ bytesRead }) => bytesRead),
      bytesWritten: sum(({ bytesWritten }) => bytesWritten),
      warnings: [...new Set([...warnings, ...reports.flatMap((report) => report.warnings)])],
      stages: described,
    };
  }
}

/** What a job's output is compared with. */
export function expectedOf({ recipe, options, stages }: Job): Expected {
  return { recipe, options, stages: new Map([...stages].map(([name, stage]) => [name, expectedOf(stage)])) };
}
