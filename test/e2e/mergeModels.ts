// Tiny models for tests: written from plain numbers, read back to plain numbers, independent of the library.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface TestTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly values: readonly number[];
  /** Raw 16-bit patterns of F16 and BF16. */
  readonly bits?: Uint16Array;
}

export type TestModel = Readonly<
  Record<string, { dtype?: string; shape: readonly number[]; values: readonly number[] }>
>;

/** Writes model.safetensors and config.json into `folder`. */
export function writeModel(folder: string, tensors: TestModel, config: object = {}): string {
  mkdirSync(folder, { recursive: true });
  const header: Record<string, unknown> = {};
  const chunks: Buffer[] = [];
  let end = 0;
  for (const [name, { dtype = "F32", shape, values }] of Object.entries(tensors)) {
    const bytes = encode(dtype, values);
    header[name] = { dtype, shape, data_offsets: [end, end + bytes.length] };
    chunks.push(bytes);
    end += bytes.length;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  writeFileSync(join(folder, "model.safetensors"), Buffer.concat([length, json, ...chunks]));
  const whole = { model_type: "llama", architectures: ["LlamaForCausalLM"], torch_dtype: "float32", ...config };
  writeFileSync(join(folder, "config.json"), JSON.stringify(whole));
  return folder;
}

/** A small language model whose values depend on `seed`. */
export function languageModel(seed: number, { layers = 2, rows = 6, head = true } = {}): TestModel {
  const fill = (count: number, salt: number) =>
    Array.from({ length: count }, (_, i) => Math.fround(Math.sin(seed * 1.7 + salt * 0.9 + i * 0.37)));
  const model: Record<string, { shape: number[]; values: number[] }> = {
    "model.embed_tokens.weight": { shape: [rows, 4], values: fill(rows * 4, 1) },
  };
  for (let layer = 0; layer < layers; layer++) {
    model[`model.layers.${layer}.mlp.up_proj.weight`] = { shape: [3, 4], values: fill(12, layer + 2) };
    model[`model.layers.${layer}.input_layernorm.weight`] = { shape: [4], values: fill(4, layer + 20) };
  }
  model["model.norm.weight"] = { shape: [4], values: fill(4, 40) };
  if (head) model["lm_head.weight"] = { shape: [rows, 4], values: fill(rows * 4, 50) };
  return model;
}

/** All tensors of a folder's shards, or of one file of it. */
export function readCheckpoint(folder: string, file?: string): Map<string, TestTensor> {
  const index = join(folder, "model.safetensors.index.json");
  const files = file
    ? [file]
    : existsSync(index)
      ? [...new Set(Object.values(JSON.parse(readFileSync(index, "utf8")).weight_map as Record<string, string>))]
      : ["model.safetensors"];
  return new Map(files.flatMap((name) => [...readTensors(join(folder, name))]));
}

function readTensors(path: string): Map<string, TestTensor> {
  const data = readFileSync(path);
  const body = 8 + Number(data.readBigUInt64LE());
  const header = JSON.parse(data.toString("utf8", 8, body)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = new Map<string, TestTensor>();
  for (const [name, { dtype, shape, data_offsets: at }] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    tensors.set(name, { dtype, shape, ...decode(dtype, data.subarray(body + at[0], body + at[1])) });
  }
  return tensors;
}

function encode(dtype: string, values: readonly number[]): Buffer {
  if (dtype === "F32") return Buffer.from(Float32Array.from(values).buffer);
  if (dtype === "F64") return Buffer.from(Float64Array.from(values).buffer);
  if (dtype === "I64") return Buffer.from(BigInt64Array.from(values.map(BigInt)).buffer);
  if (dtype === "BF16") {
    // Test values are chosen so that they are exact in 16 bits.
    return Buffer.from(
      Uint16Array.from(values, (x) => (new Uint32Array(Float32Array.of(x).buffer)[0] ?? 0) >>> 16).buffer,
    );
  }
  throw new Error(`no test writes ${dtype}`);
}

function decode(dtype: string, bytes: Buffer): Pick<TestTensor, "values" | "bits"> {
  const copy = new Uint8Array(bytes).buffer;
  if (dtype === "F32") return { values: [...new Float32Array(copy)] };
  if (dtype === "F64") return { values: [...new Float64Array(copy)] };
  if (dtype === "I64") return { values: [...new BigInt64Array(copy)].map(Number) };
  const bits = new Uint16Array(copy);
  if (dtype === "BF16") {
    return {
      bits,
      values: [...bits].map((bit) => new Float32Array(Uint32Array.of(bit << 16).buffer)[0] ?? Number.NaN),
    };
  }
  if (dtype === "F16") return { bits, values: [...bits].map(half) };
  throw new Error(`no test reads ${dtype}`);
}

function half(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const magnitude =
    exponent === 31
      ? fraction
        ? Number.NaN
        : Number.POSITIVE_INFINITY
      : exponent === 0
        ? fraction * 2 ** -24
        : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return bits & 0x8000 ? -magnitude : magnitude;
}
