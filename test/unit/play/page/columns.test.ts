import { describe, expect, it } from "vitest";
import { besides, evenly, firstPoints, nextPoint, ninePoints } from "../../../../lib/play/page/columns.js";
import { percent, pointWords, tokenName, tokenWords } from "../../../../lib/play/page/words.js";
import type { PlayFacts } from "../../../../lib/play/types.js";

const facts: PlayFacts = {
  ...{ model: "town", judge: "keyword", recipe: true, chat: true, prompts: [] },
  ...{ contextLength: 512, maxNewTokens: 64, lambdaRange: [0, 1] },
};
const { lambdaRange: _, ...without } = facts;
const lambdasOf = (points: readonly { readonly lambda?: number | undefined }[]) => points.map(({ lambda }) => lambda);

describe("the columns of the page", () => {
  it("begin at the ends and at .4, or where lambdas were named", () => {
    expect(lambdasOf(firstPoints(facts))).toEqual([0, 0.4, 1]);
    expect(lambdasOf(firstPoints({ ...facts, lambdas: [0.2, 0.6] }))).toEqual([0.2, 0.6]);
    expect(lambdasOf(firstPoints({ ...facts, lambdas: [0, 0.2, 0.4, 0.6, 0.8] }))).toEqual([0, 0.4, 1]);
  });

  it("begin with each weight alone and all together, and are one where there is neither weight nor lambda", () => {
    expect(firstPoints({ ...without, weightNames: ["math", "style"] })).toEqual([
      { weights: { math: 1, style: 0 } },
      { weights: { math: 0, style: 1 } },
      { weights: { math: 0.5, style: 0.5 } },
    ]);
    expect(firstPoints(without)).toEqual([{}]);
  });

  it("are nine over the whole range", () => {
    expect(lambdasOf(ninePoints([0, 2]))).toEqual([0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2]);
  });

  it("stay in a range whose ends have more decimals than are shown", () => {
    const range = [-0.12345, 1.23456] as const;
    const nine = lambdasOf(ninePoints(range));
    expect([nine[0], nine[8]]).toEqual(range);
    expect(lambdasOf(firstPoints({ ...facts, lambdaRange: range, lambdas: range }))).toEqual(range);
    expect(lambdasOf(firstPoints({ ...facts, lambdaRange: range }))).toEqual([-0.12345, 0.4198, 1.23456]);
    const strip = evenly(range, 21);
    expect(strip).toHaveLength(21);
    expect([Math.min(...strip), Math.max(...strip)]).toEqual(range);
  });

  it("come where the widest gap is", () => {
    const addedTo = (lambdas: readonly number[]) =>
      nextPoint(
        lambdas.map((lambda) => ({ lambda })),
        facts,
      ).lambda;
    expect(addedTo([0, 0.4, 1])).toBe(0.7);
    expect(addedTo([0.4])).toBe(0);
    expect(addedTo([0, 0.4])).toBe(1);
    expect(addedTo([0, 1, 1])).toBe(0.5);
  });

  it("of a candidate stand between the aligned and the fine-tuned model, each once", () => {
    const [aligned, chosen, tuned] = ["aligned", "linear 0.4", "fine-tuned"].map((label, at) => ({
      ...{ label, point: { lambda: at / 2 }, chosen: false },
    }));
    if (!aligned || !chosen || !tuned) throw new Error("three candidates");
    expect(besides(chosen, [aligned, tuned]).map(({ label }) => label)).toEqual([
      "aligned",
      "linear 0.4",
      "fine-tuned",
    ]);
    expect(besides(aligned, [aligned, undefined]).map(({ label }) => label)).toEqual(["aligned"]);
  });
});

describe("words of the page", () => {
  it("say small and great probabilities as what they are, and never more than is so", () => {
    const said = [0, 0.0004, 0.004, 0.0449, 0.62, 0.994, 0.9996, 1].map((value) =>
      percent(value).replace("\u00a0", " "),
    );
    expect(said).toEqual(["0 %", "< 0.1 %", "0.4 %", "4.5 %", "62 %", "99.4 %", "> 99.9 %", "100 %"]);
  });

  it("name white space, and points", () => {
    expect(["a", " a", " ", "\n", ""].map(tokenWords)).toEqual([
      "“a”",
      "“\u00a0a”",
      "(space)",
      "(line break)",
      "(no text)",
    ]);
    expect([{ lambda: 0.1 + 0.2 }, { weights: { math: 0.3, style: 1 } }, {}].map(pointWords)).toEqual([
      ...["lambda 0.3", "math 0.3, style 1", "the model"],
    ]);
  });

  it("name a token without a text as the vocabulary does", () => {
    const top = [
      { text: "<|user|>", logprob: -0.1 },
      { text: "I", logprob: -3 },
    ];
    expect(tokenName({ id: 1, text: "", logprob: -0.1, top })).toBe("“<|user|>”");
    expect(tokenName({ id: 2, text: "", logprob: -9, top })).toBe("(no text)");
    expect(tokenName({ id: 3, text: " I", logprob: -3, top })).toBe("“\u00a0I”");
  });
});
