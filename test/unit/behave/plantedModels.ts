// The demo's model and adapter, whole and with one fault planted each: what goes wrong between the model that was tested and the
// one that people get.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { loadAddon } from "../../../lib/addon/load.js";
import { merge } from "../../../lib/merge/merge.js";
import type { MergeOptions } from "../../../lib/merge/options.js";
import type { Recipe } from "../../../lib/recipe/types.js";

const demo = join(import.meta.dirname, "../../../demo");
export const BASE = join(demo, "model");
export const ADAPTER = join(demo, "adapters/seed-42");
export const OTHER_ADAPTER = join(demo, "adapters/seed-1024");
/** The model that was tested: a base with its adapter. */
export const TESTED = `${BASE}+${ADAPTER}`;

type Json = Record<string, unknown>;
type EditJson = (value: Json) => Json;

const root = mkdtempSync(join(tmpdir(), "retemper-behave-test-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let count = 0;

function place(): string {
  count += 1;
  return join(root, `model-${count}`);
}

/** A copy of a model's folder with changed files. */
export function copyOf(folder: string, edits: Readonly<Record<string, EditJson>> = {}): string {
  const copy = place();
  cpSync(folder, copy, { recursive: true });
  for (const [name, edit] of Object.entries(edits)) {
    const path = join(copy, name);
    writeFileSync(path, JSON.stringify(edit(JSON.parse(readFileSync(path, "utf8")) as Json)));
  }
  return copy;
}

/** A folder that the merge of a recipe was written to. */
export async function written(recipe: Recipe): Promise<string> {
  return inForm(recipe, {});
}

/** The same in another format, or at a lambda. */
export async function inForm(recipe: Recipe, options: MergeOptions): Promise<string> {
  return (await merge(recipe, place(), { ...options, writeModelCard: false })).out;
}

/** The adapter's change times a number, in the weights. */
export async function scaled(weight: number, base = BASE): Promise<string> {
  const models = [{ model: `${base}+${ADAPTER}`, parameters: { weight } }];
  return written({ merge_method: "task_arithmetic", base_model: base, models });
}

export interface TensorEdit {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** A copy whose tensors were changed; stored as F32. `edit` gives what becomes of each. */
export function withTensors(folder: string, edit: (tensor: TensorEdit) => readonly TensorEdit[]): string {
  const copy = copyOf(folder);
  writeTensors(copy, tensorsOf(folder).flatMap(edit));
  return copy;
}

/** Those that are of 16 or 32 bits, as F32. */
function tensorsOf(folder: string): TensorEdit[] {
  const path = join(folder, "model.safetensors");
  const bytes = readFileSync(path);
  const { names, dtypes, shapes, begins, ends } = loadAddon().readHeader(path);
  return names.map((name, at) => {
    const raw = bytes.subarray(begins[at], ends[at]);
    const values = dtypes[at] === "BF16" ? fromBfloat16(raw) : new Float32Array(Uint8Array.from(raw).buffer);
    return { name, shape: shapes[at] as readonly number[], values };
  });
}

interface StoredEdit extends Omit<TensorEdit, "values"> {
  readonly values: Float32Array | Int8Array;
}

function writeTensors(folder: string, tensors: readonly StoredEdit[]): void {
  const header: Json = { __metadata__: { format: "pt" } };
  let offset = 0;
  for (const { name, shape, values } of tensors) {
    const dtype = values instanceof Int8Array ? "I8" : "F32";
    header[name] = { dtype, shape, data_offsets: [offset, offset + values.byteLength] };
    offset += values.byteLength;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const data = tensors.map(({ values }) => Buffer.from(values.buffer, values.byteOffset, values.byteLength));
  writeFileSync(join(folder, "model.safetensors"), Buffer.concat([length, json, ...data]));
}

function fromBfloat16(raw: Buffer): Float32Array {
  const bits = new Uint32Array(raw.length / 2);
  for (let i = 0; i < bits.length; i++) bits[i] = raw.readUInt16LE(2 * i) << 16;
  return new Float32Array(bits.buffer);
}

/** Each block of 32 on 16 levels around its largest value, as q4_0 has them. */
export function fourBits(values: Float32Array): Float32Array {
  const out = new Float32Array(values.length);
  for (let at = 0; at < values.length; at += 32) {
    const block = values.subarray(at, at + 32);
    const largest = block.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
    const step = Math.fround(largest / -8);
    for (const [i, value] of block.entries()) {
      out[at + i] = step === 0 ? 0 : step * (Math.max(0, Math.min(15, Math.round(value / step + 8))) - 8);
    }
  }
  return out;
}

/** Noise from a fixed sequence, of this size beside the tensor's own values. */
export function perturbed(values: Float32Array, share: number): Float32Array {
  let state = 12345;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  const size = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
  return values.map((value) => value + share * size * random());
}

/** The demo's chat template. */
export const TEMPLATE =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
/** Turns end with a line more. */
export const OTHER_TEMPLATE = TEMPLATE.replaceAll("<|im_end|>\\n", "<|im_end|>\\n\\n");
export const WITHOUT_SYSTEM = TEMPLATE.replace("%}{{", "%}{% if message['role'] != 'system' %}{{").replace(
  "}}{% endfor",
  "}}{% endif %}{% endfor",
);
export const WITH_BOS = `{{ '<|endoftext|>' }}${TEMPLATE}`;
export const WITH_TWO_BOS = `{{ '<|endoftext|><|endoftext|>' }}${TEMPLATE}`;

export function withTemplate(chat_template: string, folder = BASE): string {
  return copyOf(folder, { "tokenizer_config.json": (config) => ({ ...config, chat_template }) });
}

export function withConfig(config: Json, folder = BASE): string {
  return copyOf(folder, { "config.json": (before) => ({ ...before, ...config }) });
}

export function withGeneration(settings: Json): string {
  return copyOf(BASE, { "generation_config.json": (before) => ({ ...before, ...settings }) });
}

/** A token before every text, by the post_processor of tokenizer.json. */
export function withAddedBos(folder = BASE): string {
  const token = { id: "<|endoftext|>", type_id: 0 };
  return copyOf(folder, {
    "tokenizer.json": (json) => ({
      ...json,
      post_processor: {
        type: "TemplateProcessing",
        single: [{ SpecialToken: token }, { Sequence: { id: "A", type_id: 0 } }],
        pair: [],
        special_tokens: { "<|endoftext|>": { id: "<|endoftext|>", ids: [0], tokens: ["<|endoftext|>"] } },
      },
    }),
  });
}

/** The model in another number format. */
export async function asDtype(dtype: "float32" | "float16" | "bfloat16", model: string): Promise<string> {
  return written({ merge_method: "passthrough", dtype, models: [{ model }] });
}

/** A base that is not the adapter's: every tensor a little different. */
export async function otherBase(): Promise<string> {
  return asDtype(
    "bfloat16",
    withTensors(BASE, (tensor) => [{ ...tensor, values: perturbed(tensor.values, 0.3) }]),
  );
}

/** The matrices of all layers on 16 levels a block. */
export function inFourBits(folder: string): string {
  return withTensors(folder, (tensor) => {
    const matrix = tensor.shape.length === 2 && !tensor.name.includes("embed");
    return [matrix ? { ...tensor, values: fourBits(tensor.values) } : tensor];
  });
}

const EMBEDDING = "model.embed_tokens.weight";

/** A model with a head of its own, and the same after its head was lost. */
export function withHead(): { readonly untied: string; readonly tied: string } {
  const untied = withTensors(withConfig({ tie_word_embeddings: false }), (tensor) => {
    const head = { ...tensor, name: "lm_head.weight", values: perturbed(tensor.values, 0.5) };
    return tensor.name === EMBEDDING ? [tensor, head] : [tensor];
  });
  const tied = withTensors(withConfig({ tie_word_embeddings: true }, untied), (tensor) => {
    return tensor.name === "lm_head.weight" ? [] : [tensor];
  });
  return { untied, tied };
}

/** The matrices of all layers as codes of eight bits with a scale for each row, as compressed-tensors stores them. */
export function inEightBits(folder: string): string {
  const weights = { num_bits: 8, type: "int", strategy: "channel", symmetric: true };
  const quantization_config = {
    ...{ quant_method: "compressed-tensors", format: "int-quantized", ignore: ["lm_head"] },
    config_groups: { group_0: { targets: ["Linear"], weights } },
  };
  const copy = withConfig({ quantization_config }, folder);
  const tensors = tensorsOf(folder).flatMap((tensor): StoredEdit[] => {
    const [rows = 0, columns = 0, ...more] = tensor.shape;
    if (columns === 0 || more.length > 0 || tensor.name.includes("embed")) return [tensor];
    const codes = new Int8Array(rows * columns);
    const scales = new Float32Array(rows);
    for (let row = 0; row < rows; row++) {
      const own = tensor.values.subarray(row * columns, (row + 1) * columns);
      const scale = Math.fround(own.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127);
      scales[row] = scale;
      for (const [at, value] of own.entries()) codes[row * columns + at] = scale === 0 ? 0 : Math.round(value / scale);
    }
    return [
      { ...tensor, values: codes },
      { name: `${tensor.name}_scale`, shape: [rows, 1], values: scales },
    ];
  });
  writeTensors(copy, tensors);
  return copy;
}
