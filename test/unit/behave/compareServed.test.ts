// Faults of a model behind a server, of which only answers are seen: `retemper serve` with the fault in its model.

import { afterAll, describe, expect, it } from "vitest";
import { compareBehaviour } from "../../../lib/behave/compareBehaviour.js";
import { BUILT_IN_PROMPTS } from "../../../lib/behave/prompts.js";
import { concluded } from "../../../lib/behave/served/drawsByDefault.js";
import { lengthCauses } from "../../../lib/behave/served/lengthCauses.js";
import type { BehaviourReport, BehaviourSource, CauseName } from "../../../lib/behave/types.js";
import { openModel } from "../../../lib/generate/openModel.js";
import { wordStream } from "../../../lib/random/wordStream.js";
import { serve } from "../../../lib/serve/serve.js";
import type { ServeDefaults } from "../../../lib/serve/serveDefaults.js";
import { casesOf, long } from "../../long.js";
import {
  ADAPTER,
  asDtype,
  BASE,
  inFourBits,
  OTHER_TEMPLATE,
  otherBase,
  scaled,
  TESTED,
  WITH_BOS,
  WITH_TWO_BOS,
  WITHOUT_SYSTEM,
  withConfig,
  withGeneration,
  withHead,
  withTemplate,
  written,
} from "./plantedModels.js";

const names = ["fact", "sum", "system", "system-turns", "text"];
const prompts = BUILT_IN_PROMPTS.filter(({ id }) => names.includes(String(id)));

/** A server of a model; answers are greedy where a request says nothing, as the demo's generation_config.json has it. */
async function served(source: string, defaults: ServeDefaults = { temperature: 0 }): Promise<string> {
  const model = await openModel(source, { engine: "native", threads: 1 });
  const server = await serve(model, { port: 0, name: "tiny", graceMs: 0, defaults });
  afterAll(async () => {
    await server.close();
    await model.close();
  });
  return `${server.url}/v1#tiny`;
}

function compared(a: BehaviourSource, b: BehaviourSource): Promise<BehaviourReport> {
  return compareBehaviour(a, b, { prompts, maxNewTokens: 12, engine: "native", threads: 1 });
}

type Fault = readonly [
  what: string,
  cause: CauseName,
  sure: string,
  a: () => Promise<string> | string,
  b: () => Promise<string> | string,
];

const FAULTS: readonly Fault[] = [
  ["a template of its own", "chat-template", "likely", () => BASE, () => withTemplate(OTHER_TEMPLATE)],
  [
    "a template that is known by name",
    "chat-template",
    "certain",
    () => BASE,
    () => written({ merge_method: "passthrough", models: [{ model: BASE }], chat_template: "alpaca" }),
  ],
  ["dropped system text", "system-text-dropped", "certain", () => BASE, () => withTemplate(WITHOUT_SYSTEM)],
  ["a token before every conversation", "bos", "certain", () => BASE, () => withTemplate(WITH_BOS)],
  ["a doubled token", "doubled-bos", "certain", () => withTemplate(WITH_BOS), () => withTemplate(WITH_TWO_BOS)],
  ["a missing adapter", "adapter-not-applied", "certain", () => TESTED, () => BASE],
  ["an adapter twice", "adapter-applied-twice", "certain", () => TESTED, () => scaled(2)],
  ["another base", "other-base", "possible", () => TESTED, async () => `${await otherBase()}+${ADAPTER}`],
  ["weights in bfloat16", "dtype", "certain", () => asDtype("float32", TESTED), () => asDtype("bfloat16", TESTED)],
  ["weights in four bits", "quantisation", "possible", () => BASE, () => inFourBits(BASE)],
  ["a lost head", "tied-head", "certain", () => withHead().untied, () => withHead().tied],
  ["other angles of positions", "rope", "certain", () => withConfig({ rope_theta: 500_000 }), () => BASE],
  ["another stop token", "stop-tokens", "certain", () => BASE, () => withGeneration({ eos_token_id: 0 })],
];

describe("a server's fault is named by its answers", () => {
  const few = FAULTS.filter(([, cause]) => cause === "adapter-not-applied");
  it.each(casesOf(FAULTS, few))("%s: %s", async (_what, cause, sure, a, b) => {
    const { causes } = await compared(await a(), await served(await b()));
    expect(causes.map((one) => [one.name, one.sure])).toEqual([[cause, sure]]);
  });

  it.runIf(long)(
    "drawing by default: sampling-defaults, against files and against a server that does not",
    async () => {
      const drawing = await served(BASE, {});
      for (const other of [BASE, await served(BASE)]) {
        const { causes } = await compared(other, drawing);
        expect(causes.map(({ name }) => name)).toEqual(["sampling-defaults"]);
      }
    },
  );

  it.runIf(long)("a token that ends answers early: stop-tokens", async () => {
    const model = await openModel(BASE, { engine: "native" });
    const [first] = prompts;
    let early = 0;
    for await (const { ids } of model.generate([first?.prompt ?? ""], { maxNewTokens: 8 })) early = ids[3] as number;
    await model.close();
    const { causes } = await compared(BASE, await served(withGeneration({ eos_token_id: [2, early] })));
    expect(causes.map(({ name }) => name)).toEqual(["stop-tokens"]);
  });
});

describe("a server without a fault", () => {
  it.runIf(long)("is the same as its model, from either end, and as itself", async () => {
    const server = await served(TESTED);
    const ends: [string, string][] = [
      [TESTED, server],
      [server, TESTED],
      [server, server],
    ];
    for (const [a, b] of ends) {
      const report = await compared(a, b);
      expect(report).toMatchObject({ verdict: "same", causes: [] });
      expect(report.answers.same).toBe(prompts.length);
    }
  });
});

describe("whether a server draws where nothing is said", () => {
  it("is concluded wrongly for at most one in a hundred that draw at temperature 1", () => {
    // Answers of three tokens, each the greedy one with this probability, 12 times; what is concluded greedy is wrong.
    const words = wordStream("draws by default");
    const uniform = () => (words() >>> 0) / 2 ** 32;
    for (const p of [0.5, 0.9, 0.95, 0.99]) {
      let wrong = 0;
      const runs = 4000;
      for (let run = 0; run < runs; run++) {
        let others = 0;
        for (let answer = 0; answer < 12; answer++) {
          if (uniform() > p || uniform() > p || uniform() > p) others += 1;
        }
        if (concluded({ answers: 12, others, logChance: 36 * Math.log(p) }).draws === false) wrong += 1;
      }
      expect(wrong / runs).toBeLessThanOrEqual(0.013);
    }
  });

  it("is left open where greedy answers are nearly certain anyway", () => {
    expect(concluded({ answers: 12, others: 0, logChance: -0.5 }).draws).toBeUndefined();
    expect(concluded({ answers: 12, others: 1, logChance: -50 }).draws).toBeUndefined();
    expect(concluded({ answers: 12, others: 8, logChance: -50 }).draws).toBe(true);
  });
});

describe("counts of prompt tokens", () => {
  const count = (change: (hasSystem: boolean, isText: boolean) => number) =>
    prompts.map(({ prompt }) => 20 + change(JSON.stringify(prompt).includes('"system"'), typeof prompt === "string"));
  const same = count(() => 0);

  it.each([
    ["one more in each prompt", "bos", count(() => 1)],
    ["fewer where there is a system message", "system-text-dropped", count((hasSystem) => (hasSystem ? -9 : 0))],
    ["other numbers", "chat-template", count((hasSystem, isText) => (isText ? 0 : hasSystem ? 7 : 4))],
  ])("that are %s: %s", (_what, cause, counts) => {
    expect(lengthCauses(same, counts, prompts).map(({ name }) => name)).toEqual([cause]);
  });

  it("that are the same, or not told, say nothing", () => {
    expect(lengthCauses(same, same, prompts)).toEqual([]);
    expect(
      lengthCauses(
        same,
        same.map(() => 0),
        prompts,
      ),
    ).toEqual([]);
  });
});
