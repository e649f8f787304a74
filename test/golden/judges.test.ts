// Judges' prompts to the byte, and readers of what they write, against what their own packages make of odd texts
// (test/golden/judges/README.md).

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type HarmBenchWording, harmBenchJudge, harmBenchPrompt } from "../../lib/evaluate/judges/harmBench.js";
import { jailbreakBenchPrompt } from "../../lib/evaluate/judges/jailbreakBench.js";
import { llamaGuard3Prompt, parseLlamaGuard } from "../../lib/evaluate/judges/llamaGuard3.js";
import { orBenchPrompt, parseOrBench } from "../../lib/evaluate/judges/orBench.js";
import { parseWildGuard } from "../../lib/evaluate/judges/parseWildGuard.js";
import { qwen3GuardPrompt } from "../../lib/evaluate/judges/qwen3Guard.js";
import { parseShieldGemma, shieldGemmaPrompt } from "../../lib/evaluate/judges/shieldGemma.js";
import { strongRejectJudge, strongRejectPrompt } from "../../lib/evaluate/judges/strongReject.js";
import { parseStrongRejectRubric, strongRejectRubricPrompt } from "../../lib/evaluate/judges/strongRejectRubric.js";
import { wildGuardPrompt } from "../../lib/evaluate/judges/wildGuard.js";
import { parseXsTest, xsTestPrompt } from "../../lib/evaluate/judges/xsTest.js";
import type { Judge } from "../../lib/evaluate/types.js";
import type { TextGenerator } from "../../lib/generate/types.js";
import { openTokenizer } from "../../lib/tokenizer/openTokenizer.js";
import type { Tokenizer } from "../../lib/tokenizer/types.js";

const read = (name: string) => JSON.parse(readFileSync(join(import.meta.dirname, "judges", name), "utf8"));
const inputs = read("inputs.json") as [request: string, response: string][];
const prompts = read("prompts.json") as Record<string, { first: string; digests: string[] }>;
const parsed = read("parsed.json") as Record<string, [text: string, found: unknown][]>;

type Render = (request: string, response: string) => string;

const renderers: Record<string, Render> = {
  harmbench: harmBenchPrompt,
  "harmbench:repository": (request, response) => harmBenchPrompt(request, response, "repository"),
  "harmbench:judgezoo": (request, response) => harmBenchPrompt(request, response, "judgezoo"),
  "harmbench with a context": (request, response) => harmBenchPrompt(request, response, "card", `Of ${request}`),
  "harmbench:repository with a context": (request, response) =>
    harmBenchPrompt(request, response, "repository", `Of ${request}`),
  qwen3guard: qwen3GuardPrompt,
  strongreject: strongRejectPrompt,
  "strongreject:rubric": strongRejectRubricPrompt,
  llamaguard3: llamaGuard3Prompt,
  "shieldgemma 0": (_, response) => shieldGemmaPrompt(response, 0),
  "shieldgemma 1": (_, response) => shieldGemmaPrompt(response, 1),
  "shieldgemma 2": (_, response) => shieldGemmaPrompt(response, 2),
  "shieldgemma 3": (_, response) => shieldGemmaPrompt(response, 3),
  jailbreakbench: (request, response) => jailbreakBenchPrompt(request, response, "jailbreak"),
  "jailbreakbench:refusal": (request, response) => jailbreakBenchPrompt(request, response, "refusal"),
  xstest: xsTestPrompt,
  // the package mended a slip of the repository, and left its spaces before line feeds out
  orbench: (request, response) => {
    const [before, after] = orBenchPrompt("REQUEST", "RESPONSE").split('"REQUEST" \n\n\nRESPONSE: "RESPONSE" \n') as [
      string,
      string,
    ];
    const mended = before.replace("The respons states", "The response states");
    return `${mended}"${request}"\n\n\nRESPONSE: "${response}"\n${after.trimEnd()}`;
  },
  wildguard: wildGuardPrompt,
};

describe("a judge's prompt", () => {
  it.each(Object.keys(prompts))("of %s is its package's, to the byte, on 200 odd exchanges", (name) => {
    const render = renderers[name] as Render;
    const { first, digests } = prompts[name] as (typeof prompts)[string];
    expect(render(...(inputs[0] as [string, string]))).toBe(first);
    const own = inputs.map((input) => createHash("sha256").update(render(...input)).digest("hex").slice(0, 16));
    expect(digests).toHaveLength(200);
    expect(inputs.filter((_, at) => own[at] !== digests[at])).toEqual([]);
  });

  it("of HarmBench's card has four rules, of its repository seven, and of judgezoo eight", () => {
    const rules = (wording: HarmBenchWording) => harmBenchPrompt("a", "b", wording).match(/^- /gm)?.length;
    expect([rules("card"), rules("repository"), rules("judgezoo")]).toEqual([4, 7, 8]);
  });

  it("of HarmBench's repository is LLAMA2_CLS_PROMPT of its eval_utils.py, by its digest", () => {
    const template = harmBenchPrompt("{behavior}", "{generation}", "repository");
    const digest = createHash("sha256").update(template).digest("hex");
    expect(digest).toBe("788f4f6aa1491c433c4da76c9140cfc30966cea3ff3875c4d0fcb336d92f60e0");
  });

  it.each<[name: string, judge: (model: TextGenerator) => Judge]>([
    ["strongreject", strongRejectJudge],
    ["harmbench:repository", (model) => harmBenchJudge(model, { wording: "repository" })],
    ["harmbench:repository", (model) => harmBenchJudge(model, { wording: "repository", by: "answers" })],
  ])("of %s has the 512 tokens of an answer that its authors' code leaves", async (name, judge) => {
    const tokenizer = await openTokenizer(join(import.meta.dirname, "judges/models", name.replace(":repository", "")));
    const parts = (read("parts.json") as Record<string, [once: string, sixty: string][]>)[name] ?? [];
    const asked: string[] = [];
    const model: TextGenerator & { tokenizer: Tokenizer } = {
      ...{ tokenizer, facts: { engine: "native", model: "m", versions: {}, device: "", gpu: false } },
      async *generate(prompts) {
        asked.push(...(prompts as string[]));
      },
      async *nextLogprobs(prompts) {
        asked.push(...(prompts as string[]));
      },
      close: async () => {},
    };
    const answers = inputs.slice(0, 50).flatMap(([, answer]) => [answer, Array(60).fill(answer).join(" ")]);
    const exchanges = answers.map((text, at) => ({
      item: { id: String(at), prompt: "", request: "R" },
      answer: { text, tokens: 1 },
    }));
    for await (const _ of judge(model).score(exchanges, {})) expect.fail("it has no verdict");
    const [before, after] = (renderers[name] as Render)("R", "\u{f0000}").split("\u{f0000}") as [string, string];
    const digests = asked.map((prompt) => {
      expect(prompt.startsWith(before) && prompt.endsWith(after)).toBe(true);
      const part = prompt.slice(before.length, prompt.length - after.length);
      return createHash("sha256").update(part).digest("hex").slice(0, 16);
    });
    expect(digests).toEqual(parts.flat());
  });

  it("takes an answer for text, whatever it says", () => {
    const plain = Object.entries(renderers).filter(([name]) => !name.endsWith("with a context"));
    for (const render of [...plain.map(([, one]) => one), orBenchPrompt]) {
      const answer = "{request} {response} {generation} {goal} $& $1 {{ x }} ${y}";
      expect(render("{response}", answer).split(answer)).toHaveLength(2);
    }
  });
});

const WORDS = { harmful: "yes", unharmful: "no", refusal: "yes", compliance: "no" } as Record<string, string>;
const readers: Record<string, (text: string) => unknown> = {
  wildguard: (text) => {
    const found = parseWildGuard(text);
    return found && [found.requestHarmful, found.responseRefusal, found.responseHarmful];
  },
  llamaguard3: (text) => {
    const found = parseLlamaGuard(text);
    return found && [found.unsafe, found.categories];
  },
  "strongreject:rubric": (text) => {
    const found = parseStrongRejectRubric(text);
    return found && [found.refusal, found.convincingness, found.specificity];
  },
  shieldgemma: (text) => {
    const found = parseShieldGemma(text);
    return found && found === "yes";
  },
  xstest: (text) => {
    const found = parseXsTest(text);
    return found && { compliance: "C", partial: "P", refusal: "I" }[found];
  },
  orbench: parseOrBench,
};

describe("a judgement", () => {
  it.each(Object.keys(parsed))("of %s is read as its package reads it, on 300 that were changed at random", (name) => {
    const rows = parsed[name] as (typeof parsed)[string];
    expect(rows.length).toBeGreaterThanOrEqual(300);
    const differ = rows.flatMap(([text, found]) => {
      const theirs =
        name === "wildguard" && Array.isArray(found) ? found.map((word) => (word === null ? "n/a" : WORDS[word])) : found;
      const ours = readers[name]?.(text);
      return JSON.stringify(ours) === JSON.stringify(theirs) ? [] : [{ text, theirs, ours }];
    });
    expect(differ).toEqual([]);
  });
});
