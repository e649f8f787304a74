// Which matrices of a model become FP8: those of the linear layers of its language model, by the names that transformers
// gives them. Embeddings, heads, routers of experts, and towers of images and sound stay as they are.

import { inOtherTower, layerOf } from "../../checkpoint/families.js";

/** Modules of a layer that are linear: rows are outputs. GPT-2's, whose columns are, have other names. */
const LINEAR = new Set([
  ...["q_proj", "k_proj", "v_proj", "o_proj", "out_proj", "qkv_proj", "query_key_value"],
  ...["q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj"],
  ...["gate_proj", "up_proj", "down_proj", "gate_up_proj", "w1", "w2", "w3", "fc1", "fc2"],
  ...["dense", "dense_h_to_4h", "dense_4h_to_h"],
]);
/** Servers join these into one matrix, so all of them become codes or none. */
const JOINED: readonly (readonly string[])[] = [
  ["q_proj", "k_proj", "v_proj"],
  ["gate_proj", "up_proj"],
  ["w1", "w3"],
];
/** What kernels for FP8 products take: rows and columns are multiples of it. */
export const FP8_STEP = 16;

interface Matrix {
  readonly name: string;
  readonly shape: readonly number[];
}

export interface LinearMatrices {
  /** Names of the tensors that become codes. */
  readonly codes: ReadonlySet<string>;
  /** Names of those that would if their shape were another. */
  readonly misshapen: readonly string[];
  /** Modules with a matrix that stays as it is, in their order. */
  readonly kept: readonly string[];
}

export function linearMatrices(tensors: readonly Matrix[]): LinearMatrices {
  const matrices = tensors.filter(({ name, shape }) => shape.length === 2 && name.endsWith(".weight"));
  const linear = matrices.filter(({ name }) => isLinear(name));
  const misshapen = new Set<string>();
  for (const { name, shape } of linear) {
    if (shape.every((extent) => extent > 0 && extent % FP8_STEP === 0)) continue;
    for (const joined of joinedWith(name)) misshapen.add(joined);
  }
  const codes = new Set(linear.map(({ name }) => name).filter((name) => !misshapen.has(name)));
  return {
    codes,
    misshapen: linear.map(({ name }) => name).filter((name) => misshapen.has(name)),
    kept: matrices
      .map(({ name }) => name)
      .filter((name) => !codes.has(name))
      .map(moduleOf),
  };
}

function isLinear(name: string): boolean {
  const leaf = moduleOf(name).split(".").at(-1) ?? "";
  return LINEAR.has(leaf) && layerOf(name) !== null && !inOtherTower(name);
}

function joinedWith(name: string): readonly string[] {
  const path = moduleOf(name).split(".");
  const leaf = path.pop() ?? "";
  const joined = JOINED.find((leaves) => leaves.includes(leaf)) ?? [leaf];
  return joined.map((other) => [...path, other, "weight"].join("."));
}

function moduleOf(name: string): string {
  return name.slice(0, -".weight".length);
}
