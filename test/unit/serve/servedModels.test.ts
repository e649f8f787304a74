// Names of models, and of the lambdas of a virtual merge.

import { describe, expect, it } from "vitest";
import type { GenerateOptions, Model } from "../../../lib/generate/types.js";
import { ApiError } from "../../../lib/serve/apiError.js";
import { type RequestWeights, ServedModels } from "../../../lib/serve/servedModels.js";
import { clientOf, golden, served } from "./servers.js";

const lambdas = [0, 0.2, 0.1 + 0.2, 1];
const models = new ServedModels("demo", { lambdas });

/** Status, field and message. */
function refusal(of: ServedModels, name: string | undefined, fields?: RequestWeights): unknown[] {
  try {
    return [of.find(name, fields)];
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return [error.status, error.param, error.message];
  }
}

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
      expect(one.find(name)).toMatchObject({ id: "demo@lambda=0.6", lambda: 0.6 });
    }
  });

  it("takes one of its lambdas as a field, with its name or without any", () => {
    for (const name of ["demo", undefined, "demo@lambda=.3"]) {
      expect(models.find(name, { lambda: 0.3 })).toMatchObject({ id: `demo@lambda=${0.1 + 0.2}`, lambda: 0.1 + 0.2 });
    }
    expect(refusal(models, "demo", { lambda: 0.25 })).toEqual([
      400,
      "lambda",
      expect.stringContaining("one of 0, 0.2, "),
    ]);
  });
});

describe("a virtual merge whose lambda has a range", () => {
  const any = new ServedModels("demo", { lambdas: [0.1 + 0.2, 0.6], lambdaRange: [0, 1] });

  it("is a model at every lambda of it, and those that were named are listed", () => {
    expect(any.list.map(({ id }) => id)).toEqual([`demo@lambda=${0.1 + 0.2}`, "demo@lambda=0.6"]);
    for (const lambda of [0, 0.37, 1]) {
      const wanted = { id: `demo@lambda=${lambda}`, lambda };
      expect(any.find(`demo@lambda=${lambda}`)).toMatchObject(wanted);
      expect(any.find("demo", { lambda })).toMatchObject(wanted);
      expect(any.find(`demo@lambda=${lambda}`, { lambda, weights: null })).toMatchObject(wanted);
    }
    expect(any.find("demo@lambda=3.7e-1").id).toBe("demo@lambda=0.37");
    expect(Object.is(any.find("demo", { lambda: -0 }).lambda, 0)).toBe(true);
    expect(any.find("demo", { lambda: 0.3 }).lambda).toBe(0.1 + 0.2);
  });

  it("has none beyond it, and none that contradicts the name", () => {
    for (const lambda of [-0.001, 1.001, 1e300]) {
      expect(refusal(any, "demo", { lambda })).toEqual([400, "lambda", expect.stringContaining("from 0 to 1")]);
      const named = refusal(any, `demo@lambda=${lambda}`);
      expect(named).toEqual([404, "model", expect.stringContaining("demo@lambda= from 0 to 1")]);
    }
    const both = refusal(any, "demo@lambda=0.37", { lambda: 0.38 });
    expect(both).toEqual([400, "lambda", expect.stringContaining("demo@lambda=0.37")]);
  });

  it("has in metrics no more names than are listed, and one for the rest", () => {
    const counted = [0.6, 0.37, 0.371].map((lambda) => any.find("demo", { lambda }).counted);
    expect(counted).toEqual(["demo@lambda=0.6", "demo", "demo"]);
  });

  it("answers at the recipe's own lambda where none was named at the start and none is asked for", () => {
    const own = new ServedModels("demo", { lambdaRange: [0, 1] });
    expect(own.list.map(({ id }) => id)).toEqual(["demo"]);
    expect(own.find("demo").lambda).toBeUndefined();
    expect(own.find(undefined, { lambda: 0.37 })).toMatchObject({ id: "demo@lambda=0.37", lambda: 0.37 });
  });
});

describe("weights of several models", () => {
  const two = new ServedModels("demo", { weightNames: ["law", "code"] });

  it("are taken by their names", () => {
    const weights = { law: 0.3, code: 0.2 };
    expect(two.find("demo", { weights })).toMatchObject({ id: "demo", weights });
    expect(two.find(undefined, { weights: { law: 0.3 } })).toMatchObject({ id: "demo", weights: { law: 0.3 } });
  });

  it("are refused for a model that is not there, for none, beside a lambda, and where there are none", () => {
    const there = expect.stringContaining("law, code");
    expect(refusal(two, "demo", { weights: { law: 0.3, physics: 1 } })).toEqual([400, "weights", there]);
    expect(refusal(two, "demo", { weights: {} })).toEqual([400, "weights", there]);
    expect(refusal(two, "demo", { lambda: 0.3 }).slice(0, 2)).toEqual([400, "lambda"]);
    const both = new ServedModels("demo", { lambdaRange: [0, 1], weightNames: ["law"] });
    expect(refusal(both, "demo", { lambda: 0.3, weights: { law: 0.3 } }).slice(0, 2)).toEqual([400, "weights"]);
    expect(refusal(both, "demo@lambda=0.3", { weights: { law: 0.3 } }).slice(0, 2)).toEqual([400, "weights"]);
    expect(refusal(models, "demo", { weights: { law: 0.3 } }).slice(0, 2)).toEqual([400, "weights"]);
    expect(refusal(new ServedModels("plain", {}), "plain", { lambda: 0.3 }).slice(0, 2)).toEqual([400, "lambda"]);
  });
});

describe("a server of lambdas", () => {
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
