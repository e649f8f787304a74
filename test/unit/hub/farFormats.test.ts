// Models of the hub in other formats than safetensors that are only looked at: GGUF files and what torch.save wrote, of which those
// parts are read that say which tensors there are.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { FarFile } from "../../../lib/checkpoint/farFile.js";
import { bringGgufHeader } from "../../../lib/checkpoint/formats/gguf/farHeader.js";
import { readGgufHeader } from "../../../lib/checkpoint/formats/gguf/readHeader.js";
import { convert } from "../../../lib/merge/convert.js";
import { inspect } from "../../../lib/merge/inspect.js";
import { merge } from "../../../lib/merge/merge.js";
import { plan } from "../../../lib/merge/plan.js";
import { pull } from "../../../lib/merge/pull.js";
import { dict, storage, tensor, torchLegacy, torchZip } from "../../hostile/pickles.js";
import { startHub } from "../../hub/hubServer.js";
import { singleModel, tensorsOf } from "../../hub/models.js";
import { ggufBytes } from "../checkpoint/gguf/ggufBytes.js";

const hub = await startHub();
const root = mkdtempSync(join(tmpdir(), "retemper-far-test-"));
afterAll(async () => {
  await hub.close();
  rmSync(root, { recursive: true, force: true });
});
const demo = join(import.meta.dirname, "../../../demo/model");

let transformersCache = "";
beforeEach(() => {
  transformersCache = mkdtempSync(join(root, "cache-"));
  hub.clear();
});
const here = () => ({
  transformersCache,
  hub: { env: { HF_HOME: root }, endpoint: hub.endpoint, retryDelayMs: 1, onNote: () => {} },
});
const alone = (model: string) => ({ merge_method: "passthrough", models: [{ model }] });
const sent = () => hub.seen.reduce((sum, one) => sum + one.sent, 0);

/** The weights of `singleModel`, with a large matrix, as torch.save writes them. */
function pickledModel(save: typeof torchZip, more = 200_000) {
  const all = { ...tensorsOf(1), "model.norm.weight": { shape: [more] } };
  const entries = Object.entries(all).map(([name, { shape }], at) => {
    const count = shape.reduce((product, length) => product * length, 1);
    const strides = shape.map((_, side) => shape.slice(side + 1).reduce((product, length) => product * length, 1));
    return { name, key: `k${at}`, count, pickled: tensor(storage(`k${at}`, count), 0, shape, strides) };
  });
  const { "model.safetensors": _, ...others } = singleModel();
  const pickled = dict(Object.fromEntries(entries.map(({ name, pickled: one }) => [name, one])));
  const storages = Object.fromEntries(entries.map(({ key, count }) => [key, count]));
  return { ...others, "pytorch_model.bin": save(pickled, storages) };
}

/** The plan from afar, and the plan of what was downloaded after it. */
async function both(model: string) {
  const afar = await plan(alone(model), here());
  expect(readdirSync(transformersCache)).toEqual([]);
  const bytes = sent();
  await pull(model, here());
  return { afar, bytes, near: await plan(alone(model), here()) };
}

describe("a plan of a model that is not here", () => {
  it.each([
    ["zip", torchZip],
    ["older", torchLegacy],
  ] as const)("is that of the downloaded one, of torch's %s format", async (name, save) => {
    const files = pickledModel(save);
    hub.put(`org/${name}`, files);
    const { afar, bytes, near } = await both(`org/${name}`);
    expect(afar).toEqual(near);
    expect(afar.tensors).toHaveLength(6);
    expect(bytes).toBeLessThan((files["pytorch_model.bin"] as Buffer).length);
  });

  it("reads no tensor of a .bin file that is large", async () => {
    const files = pickledModel(torchZip, 1_000_000);
    hub.put("org/large", files);
    await plan(alone("org/large"), here());
    expect((files["pytorch_model.bin"] as Buffer).length).toBeGreaterThan(4_000_000);
    expect(sent()).toBeLessThan(80_000);
  });

  it("is that of the downloaded one, of a GGUF file among several", async () => {
    const out = join(root, "gguf");
    await convert(demo, out, { format: "gguf", quantise: "f32" });
    const file = readFileSync(join(out, "model-F32.gguf"));
    hub.put("org/files", { "model-F32.gguf": file, "model-Q8_0.gguf": Buffer.from("GGUF"), "README.md": "x" });
    const { afar, bytes, near } = await both("org/files/model-F32.gguf");
    expect(afar).toEqual(near);
    expect(afar.tensors).toHaveLength(38);
    expect(bytes).toBeLessThan(file.length / 8);
    const facts = await inspect("org/files/model-F32.gguf", { ...here(), transformersCache: join(root, "none") });
    expect(facts).toMatchObject({ layers: 4, family: "LlamaForCausalLM (llama)" });
    expect(facts.folder).toMatch(/^http:.*org\/files\/tree\/[0-9a-f]{40}/);
  });

  it("is refused by the address for what is no model, and nothing of it is run", async () => {
    const { "model.safetensors": _, ...others } = singleModel();
    hub.put("org/old", others);
    hub.put("org/none", { "config.json": "{}", "model.gguf": "GGUF, but no header that could be read as one" });
    for (const [id, file] of [
      ["org/old", "pytorch_model.bin"],
      ["org/none", "model.gguf"],
    ] as const) {
      const error = await plan(alone(id), here()).catch((failure: Error) => failure);
      expect(error).toMatchObject({ code: "BAD_INPUT" });
      expect((error as Error).message).toMatch(new RegExp(`^http:.*${id}/tree/[0-9a-f]{40}/${file}`));
    }
  });

  it("says where a server sends no parts that it has to be downloaded; a merge does so by itself", async () => {
    const files = pickledModel(torchZip);
    hub.put("org/whole", files);
    const body = files["pytorch_model.bin"] as Buffer;
    hub.faults.push({ host: "storage", times: 2, answer: { status: 200, body } });
    await expect(plan(alone("org/whole"), here())).rejects.toMatchObject({
      code: "NETWORK",
      message: expect.stringMatching(/does not send parts of pytorch_model\.bin/),
      hint: expect.stringMatching(/retemper pull/),
    });
    const report = await merge(alone("org/whole"), join(root, "merged"), here());
    expect(report.tensors.tensors).toBe(6);
  });
});

describe("a GGUF header that is brought from afar", () => {
  it("is brought as far as it goes, with the factors of positions, and no further", async () => {
    const factors = Float32Array.from({ length: 16 }, (_, at) => 1 + at);
    const f32 = (name: string, values: Float32Array) => ({
      ...{ name, dims: [values.length], type: 0, bytes: new Uint8Array(values.buffer) },
    });
    const bytes = ggufBytes({
      metadata: [
        ["general.architecture", ["text", "llama"]],
        ["general.description", ["text", "x".repeat(700_000)]],
        ["llama.block_count", ["u32", 1]],
      ],
      tensors: [f32("blk.0.attn_norm.weight", new Float32Array(500_000)), f32("rope_freqs.weight", factors)],
    });
    writeFileSync(join(root, "near.gguf"), bytes);
    const near = readGgufHeader(join(root, "near.gguf"));
    const asked: number[] = [];
    const bring = async ({ offset, length }: { offset: number; length: number }) => {
      asked.push(length);
      return bytes.subarray(offset, offset + length);
    };
    const path = join(root, "far.gguf");
    await FarFile.with(path, bytes.length, bring, (file) => bringGgufHeader(file));
    const far = readGgufHeader(path);
    expect(far.tensors).toEqual(near.tensors);
    expect(far.metadata).toEqual(near.metadata);
    const rope = far.tensors.find(({ name }) => name === "rope_freqs.weight");
    const read = readFileSync(path).subarray(rope?.offset, (rope?.offset ?? 0) + 64);
    expect(read.equals(Buffer.from(factors.buffer))).toBe(true);
    expect(asked.at(-1)).toBe(64);
    expect(asked.reduce((sum, length) => sum + length, 0)).toBeLessThan(1_500_000);
  });
});
