// What follows the tensors of an output before it gets its name: side files, the record of the merge, verification.

import type { NativeMergeReport } from "../addon/nativePlan.js";
import type { Addon } from "../addon/surface.js";
import { RetemperError } from "../errors.js";
import { namedModels } from "../recipe/references.js";
import type { AdapterReport } from "./adapter/adapterReport.js";
import type { InputFile } from "./inputs.js";
import type { MergeOptions } from "./options.js";
import type { Prepared } from "./prepare.js";
import type { ProgressReporter } from "./progress.js";
import { type Origin, originOf, RECORD_FILE, recordedOptions, recordText } from "./record.js";
import type { OutputFile } from "./report.js";
import { sideFiles, writeSideFiles } from "./sideFiles.js";
import { compareFiles } from "./verify.js";

export interface FinishContext {
  readonly options: MergeOptions;
  readonly inputs: readonly InputFile[];
  /** By path of an input file. */
  readonly digests: ReadonlyMap<string, string>;
  readonly addon: Addon;
  readonly progress: ProgressReporter;
}

/** What the engine says of the tensor files of one output. */
export type WrittenTensors = Pick<NativeMergeReport, "sha256" | "facts"> & {
  /** Of an adapter: what it keeps of the merge. */
  readonly adapter?: AdapterReport | undefined;
};

/**
 * Completes a folder that holds its tensor files; afterwards it is durable and can be published.
 * @param name what the model card calls the output
 * @returns every file but the record itself
 */
export async function finishFolder(
  folder: string,
  name: string,
  prepared: Prepared,
  written: WrittenTensors,
  { options, inputs, digests, addon, progress }: FinishContext,
): Promise<OutputFile[]> {
  const { signal } = options;
  if (options.failOnNonfinite) refuseNonFinite(written);
  progress.start("finish");
  const { version } = addon.describe();
  const side = await sideFiles(prepared, name, options, version, written.adapter);
  const files = [...tensorFiles(prepared, written), ...(await writeSideFiles(folder, side, signal))];
  const record = recordText({
    version,
    method: prepared.recipe.method,
    seed: options.seed ?? 0,
    options: {
      ...recordedOptions(options),
      ...(prepared.adapterConfig && !prepared.adapterPlan && { outAdapter: true }),
    },
    recipe: prepared.recipe.text,
    files,
    inputs,
    digests,
    sideInputs: prepared.sideInputs,
    stages: await stageOrigins(prepared, options.models),
    facts: written.facts,
    adapter: written.adapter,
    gates: prepared.gates,
  });
  await writeSideFiles(folder, new Map([[RECORD_FILE, record]]), signal);
  if (options.verify) await refuseCorrupt(folder, files, addon, signal, progress);
  return files;
}

/** What the models with a name were made from, where they are outputs themselves: they may be gone when it is asked. */
async function stageOrigins(
  { recipe }: Prepared,
  named: Readonly<Record<string, string>> = {},
): Promise<Record<string, Origin>> {
  const paths = namedModels(recipe).flatMap(({ path, lora }) => (lora ? [path, lora.path] : [path]));
  const origins: Record<string, Origin> = {};
  for (const name of new Set(paths)) {
    const folder = Object.hasOwn(named, name) ? named[name] : undefined;
    const origin = folder === undefined ? undefined : await originOf(folder);
    if (origin) origins[name] = origin;
  }
  return origins;
}

function tensorFiles({ built }: Prepared, { sha256 }: WrittenTensors): OutputFile[] {
  return built.layout.shards.map(({ fileName, size }, at) => ({
    path: fileName,
    bytes: size,
    sha256: sha256[at] ?? "",
  }));
}

function refuseNonFinite({ facts }: WrittenTensors): void {
  const bad = facts.filter(({ nonFinite }) => nonFinite > 0);
  const [first] = bad;
  if (!first) return;
  const list = bad.map(({ name, nonFinite }) => `  ${name}: ${nonFinite} values`).join("\n");
  throw new RetemperError("BAD_INPUT", `the result has NaN or infinite values in ${bad.length} tensors:\n${list}`, {
    tensor: first.name,
    hint: "check the inputs, choose smaller weights or a wider out_dtype, or leave --fail-on-nonfinite out",
  });
}

async function refuseCorrupt(
  folder: string,
  files: readonly OutputFile[],
  addon: Addon,
  signal: AbortSignal | undefined,
  progress: ProgressReporter,
): Promise<void> {
  const wrong = (await compareFiles(folder, files, addon, signal, progress)).filter(({ ok }) => !ok);
  if (wrong.length === 0) return;
  const list = wrong.map(({ path, problem }) => `${path} ${problem}`).join("; ");
  throw new RetemperError("IO", `the output does not read back as it was written: ${list}`, {
    file: folder,
    hint: "suspect the disk or its driver; choose another disk",
  });
}

/** Names the unfinished outputs that were kept; the reason of an abort stays what the caller gave. */
export function keptError(error: unknown, folders: readonly string[]): unknown {
  if (!(error instanceof RetemperError)) return error;
  const { message, hint } = error;
  const kept = `the unfinished output is kept in ${folders.join(", ")}`;
  return error.retold(message, { hint: hint === undefined ? kept : `${hint}; ${kept}` });
}
