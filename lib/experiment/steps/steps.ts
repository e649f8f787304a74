// The steps of a run, each in a folder named by what it is made from: a step that is there is not done again.

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { RetemperError } from "../../errors.js";
import { makeFolder } from "../../files/makeFolder.js";
import { readTextAtMost } from "../../files/readAtMost.js";
import { writeWhole } from "../../files/writeWhole.js";

/** What a step leaves behind when it is whole. */
export interface StepRecord {
  readonly step: string;
  readonly seconds: number;
  readonly newTokens: number;
  /** Prompt and answer tokens that a tuning learned from. */
  readonly tunedTokens?: number | undefined;
  readonly bytesWritten: number;
  readonly straightShare?: number | undefined;
  readonly files?: readonly { readonly path: string; readonly bytes: number; readonly sha256: string }[] | undefined;
}

export type StepFacts = Omit<StepRecord, "step" | "seconds">;

export interface DoneStep extends StepRecord {
  /** Of what the step keeps. */
  readonly folder: string;
}

const RECORD = "step.json";

export class Steps {
  readonly #out: string;
  readonly #tell: (step: string, done: boolean) => void;
  readonly done: StepRecord[] = [];

  /** @param tell called as each step begins that is not done yet, and when any is done */
  constructor(out: string, tell: (step: string, done: boolean) => void) {
    this.#out = out;
    this.#tell = tell;
  }

  /**
   * Does a step, or finds it done.
   * @param inputs all that its outcome depends on
   * @param work writes into the step's folder, which holds what a killed run of the same step left there
   * @param intact whether what a step made elsewhere is still there, and is what it made; else it is done again
   */
  async do(
    step: string,
    inputs: unknown,
    work: (folder: string) => Promise<StepFacts>,
    intact: (record: StepRecord) => Promise<boolean> = async () => true,
  ): Promise<DoneStep> {
    const key = createHash("sha256")
      .update(JSON.stringify([step, inputs]))
      .digest("hex")
      .slice(0, 16);
    const folder = join(this.#out, "steps", `${step.replace(/[^\w.-]+/g, "-")}-${key}`);
    const file = join(folder, RECORD);
    if (existsSync(file)) {
      const record = await read(file);
      if (await intact(record)) {
        this.done.push(record);
        this.#tell(step, true);
        return { ...record, folder };
      }
    }
    this.#tell(step, false);
    await makeFolder(folder);
    const started = performance.now();
    const facts = await work(folder);
    const record: StepRecord = { step, seconds: (performance.now() - started) / 1000, ...facts };
    await writeWhole(file, `${JSON.stringify(record, null, 1)}\n`);
    this.done.push(record);
    this.#tell(step, true);
    return { ...record, folder };
  }
}

async function read(file: string): Promise<StepRecord> {
  try {
    return JSON.parse(await readTextAtMost(file, { most: 2 ** 28, what: "a step's record" })) as StepRecord;
  } catch (error) {
    throw new RetemperError("BAD_INPUT", (error as Error).message, {
      file,
      hint: "remove the folder of this step to do it again",
      cause: error,
    });
  }
}

/**
 * A recipe or another value in which models stand as their digests, so that it says what they hold and not where. Of the facts
 * of engines, what says where and when they ran is left out.
 */
export function byDigest(value: unknown, digests: ReadonlyMap<string, string>): string {
  return JSON.stringify(value, (key, one: unknown) => {
    if (WHERE.has(key)) return undefined;
    return typeof one === "string" ? (digests.get(one) ?? one) : one;
  });
}

const WHERE: ReadonlySet<string> = new Set(["versions", "device", "gpu", "fingerprint"]);
