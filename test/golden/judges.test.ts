// Judges' prompts to the byte, and readers of what they write, against what their own packages make of odd texts
// (test/golden/judges/README.md).

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { harmBenchPrompt } from "../../lib/evaluate/judges/harmBench.js";
import { jailbreakBenchPrompt } from "../../lib/evaluate/judges/jailbreakBench.js";
import { llamaGuard3Prompt, parseLlamaGuard } from "../../lib/evaluate/judges/llamaGuard3.js";
import { orBenchPrompt, parseOrBench } from "../../lib/evaluate/judges/orBench.js";
import { parseWildGuard } from "../../lib/evaluate/judges/parseWildGuard.js";
import { parseShieldGemma, shieldGemmaPrompt } from "../../lib/evaluate/judges/shieldGemma.js";
import { strongRejectPrompt } from "../../lib/evaluate/judges/strongReject.js";
import { parseStrongRejectRubric, strongRejectRubricPrompt } from "../../lib/evaluate/judges/strongRejectRubric.js";
import { wildGuardPrompt } from "../../lib/evaluate/judges/wildGuard.js";
import { parseXsTest, xsTestPrompt } from "../../lib/evaluate/judges/xsTest.js";

const read = (name: string) => JSON.parse(readFileSync(join(import.meta.dirname, "judges", name), "utf8"));
const inputs = read("inputs.json") as [request: string, response: string][];
const prompts = read("prompts.json") as Record<string, { first: string; digests: string[] }>;
const parsed = read("parsed.json") as Record<string, [text: string, found: unknown][]>;

type Render = (request: string, response: string) => string;

const renderers: Record<string, Render> = {
  "harmbench:repository": (request, response) => harmBenchPrompt(request, response, "repository"),
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

  it("of HarmBench's card has its four rules where the later wording has eight", () => {
    const rules = (wording: "card" | "repository") => harmBenchPrompt("a", "b", wording).match(/^- /gm)?.length;
    expect([rules("card"), rules("repository")]).toEqual([4, 8]);
  });

  it("takes an answer for text, whatever it says", () => {
    for (const render of [...Object.values(renderers), harmBenchPrompt as Render, orBenchPrompt]) {
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
