// Writes the tensors of an adapter out of a merge: what the engine makes of the models, joined, cut and put into one file.

import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { NativeMergeReport } from "../../addon/nativePlan.js";
import type { Addon } from "../../addon/surface.js";
import { elementsOf } from "../../checkpoint/elementsOf.js";
import { RetemperError } from "../../errors.js";
import { ioError } from "../../files/ioError.js";
import type { MergeOptions } from "../options.js";
import type { Prepared } from "../prepare.js";
import type { ProgressReporter } from "../progress.js";
import { type AdapterReport, adapterReport, type Remainder } from "./adapterReport.js";
import type { AdapterWork } from "./adapterWork.js";
import { approximateAll } from "./approximateAll.js";
import { joinAll } from "./joinAll.js";
import { keepWhole } from "./keepWhole.js";
import type { AdapterPlan } from "./plannedAdapter.js";
import { putTogether } from "./putTogether.js";
import { ScratchFile } from "./scratchFile.js";

export interface WrittenAdapter {
  readonly prepared: Prepared;
  readonly native: NativeMergeReport;
  readonly adapter: AdapterReport;
}

/** @param folder the staging folder */
export async function writeAdapter(
  prepared: Prepared,
  folder: string,
  options: MergeOptions,
  addon: Addon,
  progress: ProgressReporter,
): Promise<WrittenAdapter> {
  const plan = prepared.adapterPlan as AdapterPlan;
  const started = performance.now();
  const workplace = join(folder, "adapter-work");
  await mkdir(workplace).catch((error: unknown) => {
    throw ioError(error, workplace, "cannot make a folder");
  });
  const scratch = await ScratchFile.open(join(workplace, "factors"));
  let done = 0;
  const total = workBytes(plan);
  progress.start("merge", total);
  const made = (bytes: number) => {
    done += bytes;
    progress.update({ done: Math.min(done, total), total });
  };
  try {
    const work: AdapterWork = { plan, folder: workplace, files: plan.files, options, addon, scratch, made };
    const steps = [await joinAll(work), await approximateAll(work), await keepWhole(work)];
    const remainders = steps.flatMap((step) => step.remainders);
    refuseNothing(remainders, plan);
    const { config, layout, sha256, facts } = await putTogether(folder, plan.base, steps, options.signal);
    const { target, threads } = addon.describe();
    return {
      prepared: { ...prepared, built: { ...prepared.built, tensors: [], layout }, adapterConfig: config },
      native: {
        sha256: [sha256],
        facts,
        bytesRead: steps.reduce((sum, { bytesRead }) => sum + bytesRead, 0),
        bytesWritten: layout.shards.reduce((sum, { size }) => sum + size, 0),
        seconds: (performance.now() - started) / 1000,
        threads: options.threads || threads,
        target,
      },
      adapter: adapterReport(
        plan.base.reference.text,
        remainders,
        steps.flatMap(({ whole }) => whole),
      ),
    };
  } finally {
    await scratch.close().catch(() => {});
    await rm(workplace, { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
  }
}

/** What the engine and the factoring go through, roughly: a matrix that is approximated counts for its values. */
function workBytes({ lowRank, whole }: AdapterPlan): number {
  const factors = lowRank.flatMap(({ terms }) => terms ?? []).flatMap(({ a, b }) => [a, b]);
  const matrices = lowRank.flatMap(({ terms, shape }) => (terms ? [] : [{ shape }]));
  return [...factors, ...matrices, ...whole.map(({ draft }) => draft)].reduce(
    (sum, tensor) => sum + 4 * elementsOf(tensor),
    0,
  );
}

function refuseNothing(remainders: readonly Remainder[], { base }: AdapterPlan): void {
  if (remainders.length > 0) return;
  throw new RetemperError(
    "USAGE",
    `no matrix of a layer differs from ${base.reference.text}: there is nothing to adapt`,
    {
      hint: "an adapter of PEFT needs one at least; leave --format adapter (format) out to write a whole checkpoint",
    },
  );
}
