// The folder of a run: to itself, or shared with others that work on the same experiment.

import { createHash } from "node:crypto";
import type { Partition } from "../../output/partition.js";
import type { ExperimentSettings } from "../settings/schema.js";
import { joinWorkers } from "./joinWorkers.js";
import { lockAlone } from "./lockAlone.js";
import { soleWorker, type Workers } from "./workers.js";

export interface EnterOptions {
  /** Shares the folder, and begins with this share of the steps. */
  readonly partition?: Partition | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onNote?: ((text: string) => void) | undefined;
}

export interface Entered {
  readonly workers: Workers;
  leave(): Promise<void>;
}

/** @throws RetemperError OUTPUT_EXISTS where others are there that it may not be with; IO, NO_SPACE */
export async function enterFolder(
  out: string,
  settings: ExperimentSettings,
  { partition, signal, onNote }: EnterOptions,
): Promise<Entered> {
  if (!partition) {
    const lock = await lockAlone(out, { signal, onWait: onNote });
    return { workers: soleWorker, leave: async () => lock.release() };
  }
  const experiment = createHash("sha256").update(JSON.stringify(settings)).digest("hex");
  const workers = await joinWorkers(out, partition, { experiment, signal, onWait: onNote });
  return { workers, leave: () => workers.close() };
}
