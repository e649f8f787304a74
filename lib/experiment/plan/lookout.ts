// Looks at the steps of a run in the place of doing them: which are done, and what is left of the others.

import type { Digest } from "../digests/digestOf.js";
import type { Graph } from "../stages.js";
import type { Batch, Remains, StepKind, StepRecord } from "../steps/step.js";
import type { StepRecords } from "../steps/stepRecords.js";

/** Steps that are shown together. */
export interface LookedAt {
  readonly part: string;
  /** Answers and verdicts, else steps: all, and those that are missing. */
  readonly units: number;
  readonly missing: number;
  readonly remains: readonly Remains[];
}

/** What follows cannot be known before these steps are done. */
export class NotThereYet extends Error {}

/** What comes after these is known before they are done: by which names, and not by what is in them. */
const FORESEEN: ReadonlySet<StepKind> = new Set(["tune", "scale"]);
/** Of these the store says what is there, not the record of the step. */
const STORED: ReadonlySet<StepKind> = new Set(["answer", "score"]);

export class Lookout {
  readonly #records: StepRecords;
  readonly #parts = new Map<string, LookedAt>();
  readonly #seen = new Set<Digest<"step">>();
  /** Answers and verdicts. */
  readonly #counted = new Set<string>();
  /** Folders of steps that are not done. */
  readonly unmade = new Set<string>();

  constructor(records: StepRecords) {
    this.#records = records;
  }

  get parts(): readonly LookedAt[] {
    return [...this.#parts.values()];
  }

  /** @throws NotThereYet where steps are missing on which the next ones depend */
  readonly graph: Graph = async (batches, milestones = []) => {
    const done = new Map<Digest<"step">, StepRecord>();
    let blocked = false;
    for (const batch of new Map(batches.map((one) => [one.key, one])).values()) {
      const missing = await this.#look(batch, done);
      if (missing && !batch.steps.every(({ kind }) => FORESEEN.has(kind))) blocked = true;
    }
    if (blocked) throw new NotThereYet();
    for (const one of milestones) await one.reached();
    return done;
  };

  /** @returns whether something is left to do */
  async #look(batch: Batch, done: Map<Digest<"step">, StepRecord>): Promise<boolean> {
    if (await batch.needless?.()) return false;
    const todo = [];
    for (const step of batch.steps) {
      const record = await this.#records.find(step);
      if (record && ((await batch.intact?.(record, step)) ?? true)) done.set(step.key, record);
      else todo.push(step);
    }
    const stored = batch.steps.every(({ kind }) => STORED.has(kind));
    const looks = stored || todo.length > 0;
    const left = looks ? await batch.remains?.(stored ? batch.steps : todo, this.#counted) : undefined;
    const remains = left ?? { units: todo.length, pending: todo.length > 0 };
    const missing = todo.length > 0 && remains.pending;
    if (missing) for (const step of todo) this.unmade.add(this.#records.folderOf(step));
    if (!this.#seen.has(batch.key)) {
      this.#seen.add(batch.key);
      const part = batch.part ?? batch.name;
      const before = this.#parts.get(part) ?? { part, units: 0, missing: 0, remains: [] };
      this.#parts.set(part, {
        part,
        units: before.units + (left?.all ?? batch.steps.length),
        missing: before.missing + (missing ? remains.units : 0),
        remains: missing ? [...before.remains, remains] : before.remains,
      });
    }
    return missing;
  }
}
