// Names of models, and of the lambdas of a virtual merge.

import { describe, expect, it } from "vitest";
import type { GenerateOptions, Model } from "../../../lib/generate/types.js";
import { ServedModels } from "../../../lib/serve/servedModels.js";
import { clientOf, golden, served } from "./servers.js";

const lambdas = [0, 0.2, 0.1 + 0.2, 1];
const models = new ServedModels("demo", { lambdas });

describe("a virtual merge", () => {
  it("is a model for each of its lambdas, however they are written", () => {
    for (const [text, lambda] of [
      ...[
        ["0", 0],
        ["-0", 0],
        ["0.2", 0.2],
        [".20", 0.2],
        ["2e-1", 0.2],
        ["0.3", 0.1 + 0.2],
        ["1.0", 1],
      ],
    ] as const) {
      expect(models.find(`demo@lambda=${text}`).lambda).toBe(lambda);
    }
  });

  it("has no model without a lambda, at another one, or of another name", () => {
    for (const name of [
      ...["demo", undefined, "demo@lambda=0.25", "demo@lambda=", "demo@lambda= ", "demo@lambda=x", "demo@0.2"],
      ...["other@lambda=0.2", "demo@lambda=0.2@lambda=0.2", "demo@lambda=NaN", "@lambda=0.2"],
    ]) {
      expect(() => models.find(name)).toThrow(/there is: demo@lambda=0, demo@lambda=0\.2, /);
    }
  });

  it("with one lambda may be named without it", () => {
    const one = new ServedModels("demo", { lambdas: [0.6] });
    for (const name of ["demo", "demo@lambda=0.6", undefined]) {
      expect(one.find(name)).toEqual({ id: "demo@lambda=0.6", lambda: 0.6 });
    }
  });

  it("is asked at the lambda that a request names", async () => {
    const asked: unknown[] = [];
    const model = await golden("llama");
    // A real model that says it has lambdas, and is told here which of them are asked for.
    const virtual: Model = Object.assign(Object.create(model) as Model, {
      generate: (prompts: Parameters<Model["generate"]>[0], { lambda, ...options }: GenerateOptions = {}) => {
        asked.push(lambda);
        return model.generate(prompts, options);
      },
      logits: model.logits.bind(model),
      logprobs: model.logprobs.bind(model),
    });
    Object.defineProperty(virtual, "facts", { value: { ...model.facts, lambdas: [0.4, 0.6] } });
    const client = clientOf(await served(virtual));
    const reply = await client.completions.create({ model: "tiny@lambda=.6", prompt: "x", max_tokens: 2 });
    expect(reply.model).toBe("tiny@lambda=0.6");
    await client.completions.create({ model: "tiny@lambda=0.4", prompt: "x", max_tokens: 2 });
    expect(asked).toEqual([0.6, 0.4]);
    const { data } = await client.models.list();
    expect(data.map(({ id }) => id)).toEqual(["tiny@lambda=0.4", "tiny@lambda=0.6"]);
    expect(await client.models.retrieve("tiny@lambda=0.60")).toEqual(data[1]);
    await expect(client.completions.create({ model: "tiny", prompt: "x" })).rejects.toMatchObject({ status: 404 });
  });
});
