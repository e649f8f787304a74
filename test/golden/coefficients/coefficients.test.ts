// Derivatives of a loss by one coefficient a tensor, against torch autograd in float64 (make.py).

import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadAddon } from "../../../lib/addon/load.js";
import { coefficientGradients } from "../../../lib/attribute/coefficientGradients.js";
import { encodeTensors, readTensors } from "../../../lib/checkpoint/tensorFile.js";
import { widen } from "../../../lib/nn/engines/reference/widen.js";
import type { TuneRow } from "../../../lib/tune/types.js";
import { openAdapterGradients } from "../../../lib/tune/coefficients/openAdapterGradients.js";
import { long } from "../../long.js";

interface Expected {
  readonly rows: readonly TuneRow[];
  readonly loss: number;
  readonly tokens: number;
  readonly gradients: Readonly<Record<string, number>>;
}

const expected = JSON.parse(readFileSync(join(import.meta.dirname, "expected.json"), "utf8")) as Record<
  string,
  Record<string, Expected>
>;
const demo = new URL("../../../demo/", import.meta.url).pathname;
const models = new URL("../models/", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "retemper-coefficients-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The model with every tensor changed by make.py's formula. */
function tunedOf(model: string): string {
  const place = join(folder, model);
  mkdirSync(place);
  const tensors = readTensors(join(models, model, "model.safetensors"), loadAddon(), widen);
  for (const [at, name] of [...tensors.keys()].sort().entries()) {
    const { values } = tensors.get(name) as { readonly values: Float32Array };
    for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) + 0.02 * Math.cos(0.37 * i + at);
  }
  writeFileSync(join(place, "model.safetensors"), Buffer.concat(encodeTensors(tensors)));
  for (const file of ["config.json", "generation_config.json"]) copyFileSync(join(models, model, file), join(place, file));
  return place;
}

function exampleOf(row: TuneRow) {
  if (!("inputIds" in row)) throw new Error("rows of ids");
  const { inputIds: ids, promptLength } = row;
  return { ids, learned: ids.map((_, i) => i >= promptLength) };
}

async function check(aligned: string, tuned: string, at: number, { rows, loss, tokens, gradients }: Expected) {
  const found = await coefficientGradients(aligned, tuned, rows, { at, threads: 1 });
  expect(found.tokens).toBe(tokens);
  expect(Math.abs(found.loss / loss - 1)).toBeLessThan(1e-5);
  expect(found.tensors.map(({ name }) => name).sort()).toEqual(Object.keys(gradients).sort());
  // of the sizes of all: a derivative near 0 is a difference of large numbers
  const size = Math.hypot(...Object.values(gradients)) / Math.sqrt(Object.keys(gradients).length);
  for (const { name, gradient } of found.tensors) {
    const wanted = gradients[name] as number;
    expect(Math.abs(gradient - wanted) / Math.max(Math.abs(wanted), 0.1 * size), name).toBeLessThan(1e-4);
  }
}

describe.runIf(long)("derivatives by coefficients", () => {
  it.each(["0.5"])("are autograd's on the demo's model and tuning, at %s", async (at) => {
    const tuned = `${demo}model+${demo}adapters/seed-42`;
    await check(`${demo}model`, tuned, Number(at), expected.demo?.[at] as Expected);
  });

  it.each(["qwen2", "qwen3", "gemma2", "phi3", "gpt2"])(
    "are autograd's of every tensor of a %s model: products, biases, norms, tables",
    async (family) => {
      await check(join(models, family), tunedOf(family), 1, expected[family]?.["1"] as Expected);
    },
  );
});

describe("derivatives by coefficients of an adapter's terms, by the kernels that train", () => {
  it.each([
    ["float64's", 1e-4, "float32"],
    ["float64's as nearly as bfloat16 is", 0.1, "bfloat16"],
  ] as const)("are %s", async (_, most, precision) => {
    const [path, lora] = [`${demo}model`, { path: `${demo}adapters/seed-42` }];
    const { rows, loss, tokens, gradients } = expected.demo?.["0.5"] as Expected;
    const reference = { text: "the demo", path, lora };
    const open = await openAdapterGradients(reference, { addon: loadAddon(), threads: 1, precision });
    try {
      const found = await open.at(() => 0.5, rows.map(exampleOf));
      expect([...open.tensors].sort()).toEqual(
        Object.keys(gradients)
          .filter((name) => gradients[name] !== 0)
          .sort(),
      );
      expect(found.tokens).toBe(tokens);
      expect(Math.abs(found.loss / tokens / loss - 1)).toBeLessThan(0.1 * most);
      const size = Math.hypot(...Object.values(gradients)) / Math.sqrt(open.tensors.length);
      for (const [name, sum] of found.byTensor) {
        const wanted = gradients[name] as number;
        expect(Math.abs(sum / tokens - wanted) / Math.max(Math.abs(wanted), 0.1 * size), name).toBeLessThan(most);
      }
    } finally {
      open.close();
    }
  });

  it("are the same to the bit for any number of threads, and at any point that was not looked at first", async () => {
    const reference = { text: "the demo", path: `${demo}model`, lora: { path: `${demo}adapters/seed-42` } };
    const { rows } = expected.demo?.["0.5"] as Expected;
    const found = [];
    for (const threads of [1, 3]) {
      const open = await openAdapterGradients(reference, { addon: loadAddon(), threads });
      if (threads === 3) await open.at(() => 1, rows.map(exampleOf));
      found.push(await open.at((name) => (name.includes("mlp") ? 0 : 0.7), rows.map(exampleOf)));
      open.close();
    }
    expect(found[1]).toEqual(found[0]);
    expect([...(found[0]?.byTensor.values() ?? [])].every((one) => one !== 0)).toBe(true); // also where a coefficient is 0
  });

  it("start their engine with the first point, not before, and again after an end", async () => {
    const reference = { text: "the demo", path: `${demo}model`, lora: { path: `${demo}adapters/seed-42` } };
    const rows = (expected.demo?.["0.5"] as Expected).rows.map(exampleOf);
    const refused = await openAdapterGradients(reference, { addon: loadAddon(), threads: -1 }); // no engine takes it
    await expect(refused.at(() => 0.5, rows)).rejects.toThrow(/thread/);
    refused.close();
    const open = await openAdapterGradients(reference, { addon: loadAddon(), threads: 1 });
    const first = await open.at(() => 0.5, rows);
    open.close();
    expect(await open.at(() => 0.5, rows)).toEqual(first);
    open.close();
  });

  it("are refused of whole models, and of adapters with more than low-rank terms", async () => {
    const open = (lora?: { path: string }) =>
      openAdapterGradients({ text: "the demo", path: `${demo}model`, lora }, { addon: loadAddon(), threads: 1 });
    await expect(open()).rejects.toThrow(/the demo is a whole model/);
    const whole = join(folder, "whole head");
    mkdirSync(whole);
    const config = JSON.parse(readFileSync(`${demo}adapters/seed-42/adapter_config.json`, "utf8"));
    writeFileSync(join(whole, "adapter_config.json"), JSON.stringify({ ...config, modules_to_save: ["lm_head"] }));
    const tensors = readTensors(`${demo}adapters/seed-42/adapter_model.safetensors`, loadAddon(), widen);
    const head = readTensors(`${demo}model/model.safetensors`, loadAddon(), widen).get("model.embed_tokens.weight");
    tensors.set("base_model.model.lm_head.weight", head as NonNullable<typeof head>);
    writeFileSync(join(whole, "adapter_model.safetensors"), Buffer.concat(encodeTensors(tensors)));
    await expect(open({ path: whole })).rejects.toThrow(/low-rank terms alone, and this one/);
  });
});
