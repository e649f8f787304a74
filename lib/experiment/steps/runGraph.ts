// Does steps whose needs are met until all are done, alone or with other workers on the same folder.

import { RetemperError } from "../../errors.js";
import type { Digest } from "../digests/digestOf.js";
import type { Workers } from "../sharing/workers.js";
import type { Progress } from "./progress.js";
import type { Batch, Step, StepRecord } from "./step.js";
import type { StepRecords } from "./stepRecords.js";
import type { PlannedWork } from "./timeLeft.js";

export interface GraphOptions {
  readonly records: StepRecords;
  readonly workers: Workers;
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
  /** Called as a step starts that is not done yet. */
  readonly onStep?: ((step: string) => void) | undefined;
  /** Called once for each whose steps are all done, at once. */
  readonly milestones?: readonly Milestone[] | undefined;
}

export interface Milestone {
  readonly needs: readonly Digest<"step">[];
  reached(): Promise<void>;
}

/**
 * @returns the records by key
 * @throws whatever ends a step; RetemperError INTERNAL where steps wait for each other
 */
export async function runGraph(
  batches: readonly Batch[],
  { records, workers, progress, signal, onStep, milestones = [] }: GraphOptions,
): Promise<ReadonlyMap<Digest<"step">, StepRecord>> {
  const unique = [...new Map(batches.map((batch) => [batch.key, batch])).values()];
  progress.planned(unique.map((batch) => plannedOf(batch, batch.steps)));
  const done = new Map<Digest<"step">, StepRecord>();
  let waiting = [...milestones];
  const finished = async (batch: Batch, step: Step, record: StepRecord, by?: "others") => {
    if (done.has(step.key)) return;
    done.set(step.key, record);
    if (batch.steps.every(({ key }) => done.has(key))) progress.ended(batch.key, by);
    const reached = waiting.filter(({ needs }) => needs.every((key) => done.has(key)));
    waiting = waiting.filter((one) => !reached.includes(one));
    for (const one of reached) await one.reached();
  };
  /** Keys of records whose output is gone. */
  const broken = new Set<string>();
  const lookUp = async (batch: Batch, by?: "others"): Promise<Step[]> => {
    if (await batch.needless?.()) {
      progress.ended(batch.key, by);
      return [];
    }
    const missing: Step[] = [];
    for (const step of batch.steps) {
      if (done.has(step.key)) continue;
      const record = await records.find(step);
      if (record && ((await batch.intact?.(record, step)) ?? true)) await finished(batch, step, record, by);
      else {
        missing.push(step);
        if (record) broken.add(step.key);
      }
    }
    return missing;
  };
  // what is there from before, at first: the time left is of the others
  let todo: Batch[] = [];
  for (const batch of unique) {
    signal?.throwIfAborted();
    if ((await lookUp(batch)).length > 0) todo.push(batch);
  }
  while (todo.length > 0) {
    signal?.throwIfAborted();
    const before = done.size;
    const left: Batch[] = [];
    for (const batch of workers.order(todo)) {
      signal?.throwIfAborted();
      if (!batch.needs.every((key) => done.has(key))) {
        left.push(batch);
        continue;
      }
      if ((await lookUp(batch, "others")).length === 0) continue;
      const claim = await workers.claim(batch.claim ?? batch.key);
      if (!claim) {
        left.push(batch);
        continue;
      }
      try {
        const missing = await lookUp(batch, "others"); // another may have done it until the claim
        if (missing.length > 0) await perform(batch, missing, claim.lost);
      } catch (error) {
        if (!claim.lost.aborted || signal?.aborted) throw error;
        left.push(batch); // another has taken it: what it finds there it need not ask again
      } finally {
        await claim.release();
      }
    }
    todo = unique.filter((batch) => left.includes(batch));
    if (todo.length === 0 || done.size > before) continue;
    if (todo.every((batch) => !batch.needs.every((key) => done.has(key)))) {
      throw new RetemperError("INTERNAL", `steps wait for others that are in no list: ${todo[0]?.steps[0]?.name}`);
    }
    await workers.settled(signal);
  }
  return done;

  async function perform(batch: Batch, missing: readonly Step[], lost: AbortSignal): Promise<void> {
    const { key, name } = batch;
    for (const step of missing.filter(({ key: of }) => broken.delete(of))) await records.forget(step);
    for (const step of missing) await records.clear(step);
    onStep?.(name);
    progress.planned([plannedOf(batch, missing)]);
    progress.begin(key, name);
    const started = performance.now();
    const both = signal ? AbortSignal.any([signal, lost]) : lost;
    const facts = await batch.work(missing, { signal: both, folderOf: (step) => records.makeFolderOf(step) });
    const seconds = (performance.now() - started) / 1000 / missing.length;
    for (const [at, step] of missing.entries()) {
      const of = facts[at];
      if (!of) throw new RetemperError("INTERNAL", `the steps of ${name} did not all come out`);
      const { kind, inputs } = step;
      const record: StepRecord = {
        ...{ format: "retemper-step/1", kind, step: step.name, inputs, worker: workers.id },
        ...{ seconds, ...of },
      };
      await records.add(step, record);
      await finished(batch, step, record);
    }
  }
}

function plannedOf({ key, name, steps }: Batch, missing: readonly Step[]): PlannedWork {
  return { key, name, kind: steps[0]?.kind, work: missing.reduce((sum, { work }) => sum + work, 0) };
}
