// A merge that was measured without being written is the one that is written afterwards.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { evaluateLambdas } from "../../../lib/evaluate/run/evaluate.js";
import { loadSuite } from "../../../lib/evaluate/run/loadSuite.js";
import type { Task } from "../../../lib/evaluate/types.js";
import { openVirtual, straightShareOf } from "../../../lib/experiment/candidates/openVirtual.js";
import { confirm } from "../../../lib/experiment/steps/confirm.js";
import { openModel } from "../../../lib/generate/openModel.js";
import { merge } from "../../../lib/merge/merge.js";
import type { Recipe } from "../../../lib/recipe/types.js";
import { casesOf, long } from "../../long.js";

const demo = join(import.meta.dirname, "..", "..", "..", "demo");
const [aligned, tuned] = [join(demo, "model"), `${demo}/model+${demo}/adapters/seed-42`];
const folder = mkdtempSync(join(tmpdir(), "retemper-confirm-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const linear = { merge_method: "linear", models: [{ model: aligned }, { model: tuned }] } as Recipe;
const slerp = { merge_method: "slerp", base_model: aligned, models: [{ model: aligned }, { model: tuned }] } as Recipe;
const ties = {
  merge_method: "ties",
  base_model: aligned,
  models: [{ model: tuned }],
  parameters: { density: 0.5, normalize: false },
} as Recipe;
const BYTES = 2_000_000;

async function tasks(): Promise<Task[]> {
  const model = await openModel(aligned);
  // answers that have begun are compared whole
  const words = [`safety+prefill:${demo}/unsafe.jsonl`, `exact:${demo}/task_valid.jsonl`];
  const loaded = await loadSuite(model, words, { limit: 30, decoding: { maxNewTokens: 24 }, opener: "Sure" });
  await model.close();
  return loaded;
}

// Sums are rounded once, a written merge's weights to bfloat16: the last digits differ, and with them few answers.
const CASES = [
  ["linear", linear, 0.01, 0.95],
  ["slerp", slerp, 0.01, 0.95],
  // weights that are held are rounded as they are written
  ["ties", ties, 0, 1],
] as const;
it.each(casesOf(CASES, CASES.slice(1, 2)))(
  "%s at a lambda answers alike written and virtual",
  { timeout: 60_000 },
  async (name, recipe, most, least) => {
    const suite = await tasks();
    const lambdas = [0.2, 0.4, 0.7];
    const virtual = { recipe, lambdas, maskSeed: 0 };
    const answered: Awaited<ReturnType<typeof evaluateLambdas>>[number][] = [];
    for await (const open of openVirtual(virtual, BYTES, {}, false)) {
      answered.push(...(await evaluateLambdas(open.model, suite, lambdas)));
      // 9 norms and the embedding are as the adapter found them, and 28 matrices are not
      expect(straightShareOf(open.model)).toBe(name === "slerp" ? 10 / 38 : undefined);
    }
    const written = join(folder, name);
    await merge(recipe, written, { lambda: 0.4 });
    const one = { ...virtual, lambdas: [0.4] };
    const of = (results: (typeof answered)[number] | undefined) =>
      confirm(written, one, suite, results as never, { bytes: BYTES, exact: false, options: {} });
    const { questions, same, logits } = await of(answered[1]);
    expect(questions).toBe(60);
    expect(same / questions).toBeGreaterThanOrEqual(least);
    expect(logits.relative).toBeLessThanOrEqual(most);
    // answers of another lambda are not taken for these
    const other = await of(answered[2]);
    expect(other.same / other.questions).toBeLessThan(0.9);
  },
);

it.runIf(long)("names the cause where the written files are not the merge that was measured", async () => {
  const model = await openModel(aligned);
  const suite = await loadSuite(model, [`exact:${demo}/task_valid.jsonl`], { limit: 1, decoding: { maxNewTokens: 2 } });
  await model.close();
  const at = async (lambda: number) => {
    const written = join(folder, `linear-${lambda}`);
    await merge(linear, written, { lambda });
    const virtual = { recipe: linear, lambdas: [0.4], maskSeed: 0 };
    const { causes } = await confirm(written, virtual, suite, { tasks: [] } as never, {
      ...{ bytes: BYTES, exact: false, options: {} },
    });
    return causes?.map(({ name }) => name);
  };
  expect(await at(0.4)).toBeUndefined();
  expect(await at(0.6)).toEqual(["other-lambda"]);
});

it("evaluates a method whose weights are made once for as many lambdas at once as there is room for", async () => {
  const opened: (readonly number[] | undefined)[] = [];
  for await (const { lambdas, model } of openVirtual(
    { recipe: ties, lambdas: [0.2, 0.5], maskSeed: 0 },
    2 ** 50,
    {},
    false,
  )) {
    opened.push(lambdas);
    expect(model.describe().tensors.filter(({ how }) => how === "held")).toHaveLength(29);
  }
  expect(opened).toEqual([[0.2], [0.5]]);
});
