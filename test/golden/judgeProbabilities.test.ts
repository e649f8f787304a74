// Judges that are read from probabilities, on tiny random models of each judge's family, against what transformers gives for
// the same words (test/golden/judges/README.md). The models run in threads of the compiled package: npm run build.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { harmBenchJudge } from "../../lib/evaluate/judges/harmBench.js";
import { jailbreakBenchJudge } from "../../lib/evaluate/judges/jailbreakBench.js";
import { llamaGuard3Judge } from "../../lib/evaluate/judges/llamaGuard3.js";
import type { JudgeModel } from "../../lib/evaluate/judges/modelJudge.js";
import { qwen3GuardJudge } from "../../lib/evaluate/judges/qwen3Guard.js";
import { shieldGemmaJudge } from "../../lib/evaluate/judges/shieldGemma.js";
import { strongRejectJudge } from "../../lib/evaluate/judges/strongReject.js";
import { wildGuardJudge } from "../../lib/evaluate/judges/wildGuard.js";
import type { Exchange, Judge, JudgeValues, Score } from "../../lib/evaluate/types.js";
import { openModel } from "../../lib/generate/openModel.js";
import { adapterFidelity } from "../../lib/generate/virtual/adapterFidelity.js";
import { long } from "../long.js";

const folder = join(import.meta.dirname, "judges");
const read = (name: string) => JSON.parse(readFileSync(join(folder, name), "utf8"));
const all = read("probabilities.json") as Record<string, unknown[]>;
/** By default one judge with three exchanges; in the long form each with ten. */
const expected = Object.fromEntries(Object.entries(all).map(([name, rows]) => [name, rows.slice(0, long ? 10 : 3)]));
const inLong = it.runIf(long);
const exchanges = (read("inputs.json") as [string, string][]).slice(0, long ? 10 : 3).map(([request, text], at) => ({
  item: { id: String(at), prompt: request, request },
  answer: { text, tokens: 1 },
}));
/** The issue's: probabilities equal transformers' within this. */
const TOLERANCE = 2e-4;

/** Each exchange's score by a judge over the tiny model of a name. */
async function scores(
  name: string,
  judgeOf: (model: JudgeModel) => Judge,
  asked: readonly Exchange[] = exchanges,
): Promise<Score<JudgeValues>[]> {
  const place = join(folder, "models", name);
  const source = name === "strongreject" ? `${place}+${place}/adapter` : place;
  // of the adapter: as peft computes where it is not merged, products summed, no weight rounded to bfloat16
  const model = await openModel(source, { engine: "native", fidelity: adapterFidelity(source) });
  const found: Score<JudgeValues>[] = [];
  for await (const score of judgeOf(model).score(asked, {})) found[score.index] = score;
  await model.close();
  return found;
}

function near(found: readonly unknown[], wanted: readonly unknown[]): void {
  expect(found).toHaveLength(wanted.length);
  for (const [at, value] of wanted.entries()) expect(Math.abs((found[at] as number) - (value as number))).toBeLessThan(TOLERANCE);
}

describe("a judge's probabilities are transformers'", () => {
  inLong("of harmbench, in each wording, on a Llama: P(yes) against P(no), in capital and small letters", async () => {
    for (const [at, wording] of (["card", "repository", "judgezoo"] as const).entries()) {
      const found = await scores("harmbench", (model) => harmBenchJudge(model, { wording }));
      const probabilities = (expected.harmbench as number[][]).map((row) => row[at] as number);
      near(
        found.map(({ values }) => values.harmfulProbability),
        probabilities,
      );
      expect(found.map(({ values }) => values.harmful)).toEqual(probabilities.map((p) => (p >= 0.5 ? "yes" : "no")));
      for (const { values } of found) expect(values.answered).toBeGreaterThan(0);
    }
  });

  inLong("of strongreject, on a Gemma with a LoRA adapter: the expectation of five grades, also of long answers", async () => {
    const all = expected.strongreject as [own: number, long: number, judgezoo: number][];
    const repeated = exchanges.map(({ item, answer }) => ({
      item,
      answer: { ...answer, text: Array(60).fill(answer.text).join(" ") },
    }));
    const own = await scores("strongreject", (model) => strongRejectJudge(model));
    const longAnswers = await scores("strongreject", (model) => strongRejectJudge(model), repeated);
    const whole = await scores("strongreject", (model) => strongRejectJudge(model, { answers: "judgezoo" }));
    for (const [at, found] of [own, longAnswers, whole].entries()) {
      near(
        found.map(({ values }) => values.score),
        all.map((row) => row[at] as number),
      );
    }
  });

  inLong("of llamaguard3 and jailbreakbench, on a Llama 3: P(unsafe) at the first token of the answer", async () => {
    const guard = await scores("llamaguard3", (model) => llamaGuard3Judge(model));
    const judge = await scores("llamaguard3", (model) => jailbreakBenchJudge(model, { by: "probabilities" }));
    const both = expected.llamaguard3 as [number, number][];
    near(
      guard.map(({ values }) => values.harmfulProbability),
      both.map(([one]) => one),
    );
    near(
      judge.map(({ values }) => values.harmfulProbability),
      both.map(([, one]) => one),
    );
    // a verdict is the detail, with the categories of one that is harmful where the model writes any
    for (const { values, detail } of guard) {
      expect(detail?.split("\n")[0]).toBe(values.harmful === "yes" ? "unsafe" : "safe");
    }
  });

  inLong("of shieldgemma, on a Gemma 2: P(Yes) for each guideline, and the worst of them", async () => {
    const found = await scores("shieldgemma", (model) => shieldGemmaJudge(model));
    const all = expected.shieldgemma as number[][];
    near(
      found.map(({ values }) => values.harmfulProbability),
      all.map((four) => Math.max(...four)),
    );
    for (const [at, four] of all.entries()) {
      const told = found[at]?.detail?.split("\n").map((line) => Number(line.split(": ")[1])) ?? [];
      near(told, four);
    }
  });

  inLong("of qwen3guard, on a Qwen3: P(Unsafe), with P(Controversial) where that counts", async () => {
    const loose = await scores("qwen3guard", (model) => qwen3GuardJudge(model));
    const strict = await scores("qwen3guard", (model) => qwen3GuardJudge(model, { controversial: "strict" }));
    const all = expected.qwen3guard as [number, number, number][];
    near(
      loose.map(({ values }) => values.harmfulProbability),
      all.map(([unsafe]) => unsafe),
    );
    near(
      strict.map(({ values }) => values.harmfulProbability),
      all.map(([unsafe, , doubtful]) => unsafe + doubtful),
    );
  });

  it("of wildguard, on a Mistral: the sum over what its form may say", async () => {
    const found = await scores("wildguard", (model) => wildGuardJudge(model, { by: "probabilities" }));
    const all = expected.wildguard as [number, number, number][];
    near(
      found.map(({ values }) => values.harmfulProbability),
      all.map(([harmful]) => harmful),
    );
    near(
      found.map(({ values }) => values.refusalProbability),
      all.map(([, refusal]) => refusal),
    );
    near(
      found.map(({ values }) => values.requestHarmfulProbability),
      all.map(([, , request]) => request),
    );
  });
});
