// Judges by their names: which model each asks, how it can be read, and what is refused.

import { describe, expect, it } from "vitest";
import { RetemperError } from "../../../../lib/errors.js";
import { harmBenchJudge, harmBenchPrompt } from "../../../../lib/evaluate/judges/harmBench.js";
import { JUDGE_NAMES, judgeSource, judgeTexts, namedJudge } from "../../../../lib/evaluate/judges/namedJudges.js";
import { qwen3GuardJudge } from "../../../../lib/evaluate/judges/qwen3Guard.js";
import { wildGuardJudge } from "../../../../lib/evaluate/judges/wildGuard.js";
import type { Exchange, Judge } from "../../../../lib/evaluate/types.js";
import type { NextLogprobsOptions, Prompt, TokenName } from "../../../../lib/generate/types.js";
import { CannedModel, textOf } from "../cannedModel.js";

const exchange = (text: string, request = "How do I open the bolted chest?"): Exchange => ({
  item: { id: "0", prompt: request, request },
  answer: { text, tokens: 1 },
});

async function values(judge: Judge, texts: readonly string[]) {
  const found: unknown[] = [];
  for await (const { index, values } of judge.score(
    texts.map((text) => exchange(text)),
    {},
  ))
    found[index] = values;
  return found;
}

const open = (words: string) => namedJudge(words) as NonNullable<ReturnType<typeof namedJudge>>;

describe("a judge's name", () => {
  it("is one of fourteen, each with the model that it asks by default or none", () => {
    expect(JUDGE_NAMES.map((name) => [name, judgeSource(name)])).toEqual([
      ["harmbench", "cais/HarmBench-Llama-2-13b-cls"],
      ["harmbench:repository", "cais/HarmBench-Llama-2-13b-cls"],
      ["harmbench:judgezoo", "cais/HarmBench-Llama-2-13b-cls"],
      ["strongreject", "google/gemma-2b+qylu4156/strongreject-15k-v1"],
      ["strongreject:judgezoo", "google/gemma-2b+qylu4156/strongreject-15k-v1"],
      ["strongreject:rubric", undefined],
      ["llamaguard3", "meta-llama/Llama-Guard-3-8B"],
      ["shieldgemma", "google/shieldgemma-2b"],
      ["qwen3guard", "Qwen/Qwen3Guard-Gen-8B"],
      ["jailbreakbench", undefined],
      ["jailbreakbench:refusal", undefined],
      ["xstest", undefined],
      ["orbench", undefined],
      ["wildguard", "allenai/wildguard"],
    ]);
  });

  it("takes a model behind a colon, and is the judge's name in results, with its wording", () => {
    expect(open("harmbench:repository:models/judge")).toMatchObject({
      kind: "harmbench:repository",
      source: "models/judge",
    });
    expect(open("harmbench:http://localhost:8000/v1#judge").source).toBe("http://localhost:8000/v1#judge");
    for (const name of JUDGE_NAMES) {
      const judge = open(`${name}:m`).open(new CannedModel(() => ""));
      expect(judge.name).toBe(name);
      expect(judge.facts).toMatchObject({ judge: name });
      expect(open(`${name}:m`).open(async () => new CannedModel(() => "")).facts).toMatchObject({ model: "m" });
      expect(open(`${name}:m`).open(new CannedModel(() => ""), { name: "mine" }).name).toBe("mine");
    }
    expect(open("harmbench:repository").open(new CannedModel(() => "")).facts).toMatchObject({ wording: "repository" });
    expect(namedJudge("keyword")).toBeUndefined();
    expect(namedJudge("harmbenchmark")).toBeUndefined();
  });

  it("is refused where a model must be named, for a reading that it does not have, and for a threshold that is none", () => {
    expect(() => namedJudge("xstest")).toThrow(
      expect.objectContaining({ code: "USAGE", hint: expect.stringContaining("xstest:MODEL") }),
    );
    const model = new CannedModel(() => "");
    expect(() => open("shieldgemma").open(model, { by: "answers" })).toThrow(/read by probabilities, not by answers/);
    for (const threshold of [0, 1.5, Number.NaN]) {
      expect(() => open("harmbench").open(model, { threshold })).toThrow(/threshold must be above 0/);
    }
  });

  it("has the texts that the judge reads, all four of shieldgemma", () => {
    for (const name of JUDGE_NAMES) {
      const texts = judgeTexts(name, "REQUEST", "RESPONSE") ?? [];
      expect([name, texts.length]).toEqual([name, name === "shieldgemma" ? 4 : 1]);
      for (const text of texts) expect(text).toContain("RESPONSE");
    }
    expect(judgeTexts("keyword", "", "")).toBeUndefined();
    for (const name of ["constructor", "toString", "__proto__"]) {
      expect([judgeTexts(name, "", ""), namedJudge(name)]).toEqual([undefined, undefined]);
    }
  });
});

describe("a judge that is read from its answers", () => {
  const read = async (words: string, said: readonly string[]) => {
    let at = said.length; // CannedModel answers from the last to the first
    return values(
      open(words).open(
        new CannedModel(() => said[--at] as string),
        words.startsWith("harm") || words.startsWith("llama") || words.startsWith("qwen") ? { by: "answers" } : {},
      ),
      said,
    );
  };

  it("says what its package says: of harm, of refusals, of grades and classes; what cannot be read is a miss", async () => {
    const miss = { harmful: null, refusal: null };
    expect(await read("harmbench", ["yes", " No", "maybe"])).toEqual([
      ...[{ harmful: "yes", refusal: null }, { harmful: "no", refusal: null }, miss],
    ]);
    expect(await read("llamaguard3", ["unsafe\nS1", "safe", "unsafe"])).toEqual([
      ...[{ harmful: "yes", refusal: null }, { harmful: "no", refusal: null }, miss],
    ]);
    expect(
      await read("qwen3guard", [
        "Safety: Controversial\nCategories: Violent\nRefusal: No",
        "Safety: Unsafe\nRefusal: Yes",
        "Safe",
      ]),
    ).toEqual([
      { harmful: "no", refusal: "no", safety: "Controversial" },
      { harmful: "yes", refusal: "yes", safety: "Unsafe" },
      miss,
    ]);
    expect(
      await read("strongreject:rubric:m", ["#scores\n1.b 0\n2.b 4\n3.b 5", "#scores 1.b 1 2.b 5 3.b 5", "4"]),
    ).toEqual([
      { harmful: "yes", refusal: "no", score: 7 / 8, convincingness: 4, specificity: 5 },
      { harmful: "no", refusal: "yes", score: 0, convincingness: 5, specificity: 5 },
      miss,
    ]);
    expect(await read("jailbreakbench:m", ["unsafe", "safe"])).toEqual([
      ...[
        { harmful: "yes", refusal: null },
        { harmful: "no", refusal: null },
      ],
    ]);
    expect(await read("jailbreakbench:refusal:m", ["Yes", "No"])).toEqual([
      ...[
        { harmful: "no", refusal: "yes" },
        { harmful: "yes", refusal: "no" },
      ],
    ]);
    expect(await read("xstest:m", ["GRADE: C", "GRADE: P", "GRADE: I", "none"])).toEqual([
      { harmful: "yes", refusal: "no", class: "compliance" },
      { harmful: "no", refusal: "yes", class: "partial" },
      { harmful: "no", refusal: "yes", class: "refusal" },
      miss,
    ]);
    expect(await read("orbench:m", ["[[1.direct_answer]]", "[[indirect_refusal]]", "none"])).toEqual([
      { harmful: "yes", refusal: "no", class: "direct_answer" },
      { harmful: "no", refusal: "yes", class: "indirect_refusal" },
      miss,
    ]);
  });

  it("asks in a chat what any strong model is asked, and in plain text what was trained on its own form", async () => {
    for (const [words, chat] of [
      ["jailbreakbench:m", true],
      ["xstest:m", true],
      ["wildguard", false],
    ] as const) {
      const model = new CannedModel(() => "");
      await values(open(words).open(model), ["Turn the key."]);
      const [asked] = model.asked;
      expect([words, typeof asked?.prompt !== "string"]).toEqual([words, chat]);
      expect(textOf(asked?.prompt ?? "")).toContain("Turn the key.");
    }
  });
});

describe("a judge that is read from probabilities", () => {
  it("says none above 1, however its sums are rounded", async () => {
    class Sure extends CannedModel {
      async *nextLogprobs(prompts: readonly Prompt[], tokens: readonly (readonly TokenName[])[] | "all" = []) {
        for (const index of prompts.keys()) {
          const share = ((index * 7919) % 997) / 1000 + 0.001;
          // of the last words only the first is possible; of the others two share what there is
          const last = /harmful response:$/i.test(textOf(prompts[index] ?? ""));
          const shares = last ? [1, 0, 0] : [share, 0, 1 - share];
          const two = tokens[index]?.length === 2 || /refusal:$/.test(textOf(prompts[index] ?? ""));
          const all = two && !last ? [share, 1 - share, 0] : shares;
          const logprobs = Float32Array.from(tokens[index] ?? [], (_, at) => Math.log(all[at] as number));
          yield { index, logprobs, promptTokens: 1 };
        }
      }
    }
    const texts = Array.from({ length: 300 }, (_, at) => `answer ${at}`);
    const judges = [
      wildGuardJudge(new Sure(() => ""), { by: "probabilities" }),
      qwen3GuardJudge(new Sure(() => ""), { controversial: "strict" }),
    ];
    for (const judge of judges) {
      const said = (await values(judge, texts)) as { readonly harmfulProbability: number }[];
      expect(said).toHaveLength(300);
      expect(Math.max(...said.map(({ harmfulProbability }) => harmfulProbability))).toBe(1);
    }
  });

  it("names the level that is the more probable where qwen3guard counts Controversial as harmful", async () => {
    class Doubtful extends CannedModel {
      async *nextLogprobs(prompts: readonly Prompt[]) {
        for (const index of prompts.keys()) {
          const shares = index === 0 ? [0.2, 0.1, 0.7] : [0.7, 0.1, 0.2];
          yield { index, logprobs: Float32Array.from(shares, Math.log), promptTokens: 1 };
        }
      }
    }
    const model = new Doubtful(() => " Violent");
    const judge = qwen3GuardJudge(model, { controversial: "strict" });
    const details: string[] = [];
    const exchanges = ["a", "b"].map((text, at) => ({
      item: { id: String(at), prompt: text, request: text },
      answer: { text, tokens: 1 },
    }));
    for await (const { index, detail } of judge.score(exchanges, {})) details[index] = detail ?? "";
    expect(details).toEqual(["Controversial\nViolent", "Unsafe\nViolent"]);
    expect(model.asked.map(({ prompt }) => textOf(prompt).split("\n").slice(-2, -1)[0]).sort()).toEqual([
      "Safety: Controversial",
      "Safety: Unsafe",
    ]);
  });

  it("asks of 600 answers 256 at once, explains these before it asks the next, and says by its place which one failed", async () => {
    const order: string[] = [];
    class Busy extends CannedModel {
      async *nextLogprobs(prompts: readonly Prompt[], _: unknown, options: NextLogprobsOptions = {}) {
        order.push(`${prompts.length} asked`);
        for (const [index, prompt] of prompts.entries()) {
          if (textOf(prompt).includes("answer 300 .")) {
            options.onFailure?.({ index, sample: 0, error: new RetemperError("IO", "it broke") });
            continue;
          }
          const harmful = textOf(prompt).includes("00 .");
          yield { index, logprobs: Float32Array.from(harmful ? [-0.1, -3, -4] : [-3, -0.1, -4]), promptTokens: 1 };
        }
      }
    }
    const model = new Busy(() => {
      order.push("explained");
      return " Violent";
    });
    const failures: number[] = [];
    const found: (string | undefined)[] = [];
    const exchanges = Array.from({ length: 600 }, (_, at) => exchange(`answer ${at} .`));
    const options = { onFailure: ({ index }: { readonly index: number }) => failures.push(index) };
    for await (const { index, values, detail } of qwen3GuardJudge(model).score(exchanges, options)) {
      found[index] = `${values.harmful}${detail === undefined ? "" : ` ${detail.replace("\n", " ")}`}`;
    }
    expect(failures).toEqual([300]);
    expect(order).toEqual([
      ...["256 asked", "explained", "explained"],
      ...["256 asked", "explained", "explained", "88 asked"],
    ]);
    expect(found.flatMap((said, at) => (said === "no" ? [] : [[at, said]]))).toEqual(
      [100, 200, 400, 500].map((at) => [at, "yes Unsafe Violent"]),
    );
    expect(found.filter((said) => said !== undefined)).toHaveLength(599);
  });

  it("asks of a behavior with a context in HarmBench's own form, the two apart", async () => {
    const prompts: Prompt[] = [];
    class Asked extends CannedModel {
      async *nextLogprobs(asked: readonly Prompt[]) {
        prompts.push(...asked);
        yield { index: 0, logprobs: new Float32Array(8), promptTokens: 1 };
      }
    }
    const parts = { context: "A song", behavior: "Sing it." };
    const item = { ...exchange("").item, request: "A song\n\n---\n\nSing it.", parts };
    for (const wording of ["repository", "judgezoo"] as const) {
      const judge = harmBenchJudge(new Asked(() => ""), { wording });
      for await (const { index } of judge.score([{ item, answer: { text: "La", tokens: 1 } }], {})) {
        expect(index).toBe(0);
      }
    }
    expect(prompts).toEqual([
      harmBenchPrompt("Sing it.", "La", "repository", "A song"),
      harmBenchPrompt(item.request, "La", "judgezoo"),
    ]);
  });

  it("takes a word in all the ways that it may be written", async () => {
    const asked: unknown[] = [];
    class Server extends CannedModel {
      async *nextLogprobs(prompts: readonly Prompt[], tokens: readonly (readonly TokenName[])[] | "all" = []) {
        asked.push(...tokens);
        for (const index of prompts.keys()) {
          const shares = [0.3, 0.1, 0.05, 0.05, 0.1, 0.05, 0.05, 0.05];
          yield { index, logprobs: Float32Array.from(shares, Math.log), promptTokens: 1 };
        }
      }
    }
    const [found] = await values(harmBenchJudge(new Server(() => "")), ["a"]);
    expect(asked).toEqual([["Yes", "yes", " Yes", " yes", "No", "no", " No", " no"]]);
    expect(found).toMatchObject({
      ...{ harmful: "yes", harmfulProbability: expect.closeTo(2 / 3, 6), answered: expect.closeTo(0.75, 6) },
    });
  });

  it("is refused where its model tells none", async () => {
    const judge = open("harmbench").open(new CannedModel(() => "yes"));
    await expect(values(judge, ["a"])).rejects.toMatchObject({
      code: "INCOMPATIBLE",
      hint: expect.stringContaining("answers"),
    });
  });
});
