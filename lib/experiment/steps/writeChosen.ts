// Writes the chosen merges, atomically and with their cards, compares them with what was measured, and tests the files.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { merge } from "../../merge/merge.js";
import type { WrittenModel } from "../../report/types.js";
import { nameOf } from "../../select/select.js";
import type { SeedMerge } from "../candidates/merges.js";
import { measure, type SeedResults } from "../results/measure.js";
import type { TableItems } from "../results/tableItems.js";
import { confirm, readAgreement, writeAgreement } from "./confirm.js";
import type { Evaluated } from "./evaluations.js";
import { unlinkIfAt } from "./linkChosen.js";
import { ALL, type EvaluatedPoint, type RunParts } from "./runParts.js";
import { moduleName } from "./served.js";
import { byDigest } from "./steps.js";

interface Written {
  readonly tested: EvaluatedPoint;
  readonly outputs: readonly WrittenModel[];
}

/** Writes a chosen merge for each seed, with its card, and measures what was written on the test data. */
export async function writeAndTest(parts: RunParts, point: EvaluatedPoint, items: TableItems): Promise<Written> {
  const { series, lambda, measured } = point;
  const seeds: SeedResults[] = [];
  const outputs: WrittenModel[] = [];
  for (const one of series.merges) {
    const { seed } = one;
    const words = `${nameOf(measured)}${seed === undefined ? "" : ` seed ${seed}`}`.replace(" at lambda ", "-");
    const { path, folder, files, digest } = await write(parts, one, lambda, words);
    const agreement = await compare(parts, one, point, { words, folder, digest });
    const served: Evaluated = { served: moduleName(seed ?? ALL, lambda) };
    const what: Evaluated = parts.settings.engine?.endpoint ? served : { folder };
    const { results } = await parts.evaluations.evaluate(words, "test", what, digest);
    seeds.push(...results.map((of) => ({ seed: seed ?? ALL, results: of })));
    // cards and records name places and times, and are as long as these are
    const weights = files.filter((file) => file.path.endsWith(".safetensors"));
    outputs.push({
      name: nameOf(measured),
      ...(seed !== undefined && { seed }),
      path,
      bytes: weights.reduce((sum, file) => sum + file.bytes, 0),
      files: weights.map(({ path: of, sha256 }) => ({ path: of, sha256 })),
      ...(agreement && { agreement }),
    });
  }
  const { method, parameters } = series;
  const of = { method, ...(lambda !== undefined && { lambda }), ...(parameters && { parameters }) };
  return {
    tested: { ...point, seeds, measured: { ...of, ...measure(seeds, items, measured.straightShare) } },
    outputs,
  };
}

async function write(
  { out, steps, digests, contents, signal }: RunParts,
  { recipe, maskSeed }: SeedMerge,
  lambda: number | undefined,
  words: string,
) {
  const path = join("models", words.replace(/[^\w.-]+/g, "-").replace(/-+$/, ""));
  const folder = join(out, path);
  const step = await steps.do(
    `write ${words}`,
    [byDigest(recipe, digests), lambda, maskSeed],
    async () => {
      await unlinkIfAt(out, path);
      const made = await merge(recipe, folder, { lambda, seed: maskSeed, signal, force: existsSync(folder) });
      return { newTokens: 0, bytesWritten: made.bytesWritten, files: made.files };
    },
    // another experiment may have written there since; the card gets the run's numbers afterwards
    ({ files = [] }) =>
      contents.areIn(
        folder,
        files.filter((file) => file.path !== "README.md"),
      ),
  );
  return { path, folder, files: step.files ?? [], digest: await contents.model(folder) };
}

/** Only where the engine that measured the virtual merge is there to be compared with. */
async function compare(
  { settings, steps, evaluations, checked, signal, digests }: RunParts,
  { seed, recipe, maskSeed }: SeedMerge,
  { lambda, seeds }: EvaluatedPoint,
  { words, folder, digest }: { readonly words: string; readonly folder: string; readonly digest: string },
) {
  const answered = seeds.find((one) => one.seed === (seed ?? ALL))?.results;
  if (checked.engine !== "native" || settings.engine?.endpoint || !answered) return undefined;
  const { precision, threads, fidelity } = settings.engine ?? {};
  const tasks = evaluations.tasksOf("validation", seed);
  const virtual = { recipe, maskSeed, ...(lambda !== undefined && { lambdas: [lambda] }) };
  const inputs = [
    digest,
    byDigest(virtual, digests),
    precision,
    fidelity,
    tasks.map(({ name, ask, decoding, items }) => [name, ask, decoding, items.map(({ id, prompt }) => [id, prompt])]),
  ];
  const step = await steps.do(`compare ${words}`, inputs, async (place) => {
    const { newTokens, ...agreement } = await confirm(folder, virtual, tasks, answered, {
      bytes: checked.bytesOfMerge,
      exact: fidelity === "exact",
      options: { precision, threads, signal },
    });
    await writeAgreement(place, agreement);
    return { newTokens, bytesWritten: 0 };
  });
  return readAgreement(step.folder);
}
