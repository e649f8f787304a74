// A batch through an encoder: ordinary ops around the engine's products with stored weights.

import type { RunningEngine } from "../engines/runningEngine.js";
import { activate } from "../ops/activate.js";
import { normalise } from "../ops/norm.js";
import type { Runtime } from "../ops/runtime.js";
import { useBackend } from "../ops/useBackend.js";
import {
  add,
  gather,
  matMul,
  mul,
  reshape,
  slice,
  softmax,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
  tensor1d,
  tensor4d,
  tidy,
  tile,
  transpose,
} from "../tensorflowCore.js";
import type { EncoderLayerSpec, EncoderSpec } from "./encoderSpec.js";

/** Inputs side by side, and the rectangle [inputs, longest] that attention sees. */
interface Batch {
  readonly inputs: readonly (readonly number[])[];
  readonly longest: number;
  /** Whether every input is as long as the longest. */
  readonly isFull: boolean;
  /** Of each place of the rectangle, its row; of each row, its place. */
  readonly rows: Int32Array;
  readonly places: Int32Array;
}

/** What all layers of a batch share. */
interface Shared {
  readonly spec: EncoderSpec;
  readonly runtime: Runtime;
  readonly batch: Batch;
  /** Added to scores, [inputs, 1, 1, longest]. */
  readonly mask: Tensor4D | undefined;
  /** Where products with distances lie, for each pair of query and key: distancesOf. */
  readonly ofQuery: Tensor1D | undefined;
  readonly ofKey: Tensor1D | undefined;
}

/** Added to scores of padding. */
const UNSEEN = -1e30;

export interface EncodeOptions {
  /** Called between layers: lets other work of the thread come in, and throws to end this. */
  readonly turn: () => Promise<void>;
}

/**
 * The hidden states after `layer` layers (0: the embeddings) of inputs of similar length, none of them empty: one array an
 * input, [length x hidden].
 */
export async function encode(
  spec: EncoderSpec,
  { runtime, backend }: Pick<RunningEngine, "runtime" | "backend">,
  inputs: readonly (readonly number[])[],
  layer: number,
  { turn }: EncodeOptions,
): Promise<Float32Array[]> {
  useBackend(backend);
  const shared = share(spec, runtime, batchOf(inputs));
  let x = embed(shared);
  try {
    for (const each of spec.layers.slice(0, layer)) {
      await turn();
      useBackend(backend); // others of this thread may have used theirs meanwhile
      const before = x;
      x = tidy(() => encodeLayer(before, each, shared));
      before.dispose();
    }
    return split(x.dataSync<"float32">(), inputs, spec.hidden);
  } finally {
    x.dispose();
    for (const tensor of [shared.mask, shared.ofQuery, shared.ofKey]) tensor?.dispose();
  }
}

function split(values: Float32Array, inputs: Batch["inputs"], hidden: number): Float32Array[] {
  let begin = 0;
  return inputs.map(({ length }) => {
    const own = values.slice(begin, begin + length * hidden);
    begin += own.length;
    return own;
  });
}

function share(spec: EncoderSpec, runtime: Runtime, batch: Batch): Shared {
  const span = spec.disentangled?.span;
  const index = (own: "query" | "key") => {
    if (span === undefined) return undefined;
    return tensor1d(distancesOf(batch.longest, Math.min(batch.longest, span), own), "int32");
  };
  const mask = batch.isFull ? undefined : maskOf(batch);
  return { spec, runtime, batch, mask, ofQuery: index("query"), ofKey: index("key") };
}

function batchOf(inputs: Batch["inputs"]): Batch {
  const longest = inputs.reduce((most, { length }) => Math.max(most, length), 0);
  const total = inputs.reduce((sum, { length }) => sum + length, 0);
  const rows = new Int32Array(inputs.length * longest);
  const places = new Int32Array(total);
  let row = 0;
  inputs.forEach(({ length }, input) => {
    for (let i = 0; i < length; i++, row++) {
      rows[input * longest + i] = row;
      places[row] = input * longest + i;
    }
  });
  return { inputs, longest, isFull: total === rows.length, rows, places };
}

/** [inputs, 1, 1, longest] */
function maskOf({ inputs, longest }: Batch): Tensor4D {
  const values = new Float32Array(inputs.length * longest);
  inputs.forEach(({ length }, input) => {
    values.fill(UNSEEN, input * longest + length, (input + 1) * longest);
  });
  return tensor4d(values, [inputs.length, 1, 1, longest]);
}

/** -> [rows, hidden] */
function embed({ spec, runtime, batch: { inputs } }: Shared): Tensor2D {
  return tidy(() => {
    let x = runtime.gather(spec.words, Int32Array.from(inputs.flat()));
    if (spec.types) x = add(x, runtime.gather(spec.types, Int32Array.of(0)));
    if (spec.positions) x = add(x, runtime.gather(spec.positions, positionsOf(spec, inputs)));
    const widened = spec.widen ? runtime.linear(x, spec.widen) : x;
    return normalise(widened, spec.norm, runtime);
  });
}

/** RoBERTa counts what is no padding, from the place after padding's own. */
function positionsOf({ firstPosition, paddingId }: EncoderSpec, inputs: Batch["inputs"]): Int32Array {
  const positions = inputs.map((ids) => {
    let next = firstPosition;
    return ids.map((id) => (id === paddingId ? firstPosition - 1 : next++));
  });
  return Int32Array.from(positions.flat());
}

function encodeLayer(x: Tensor2D, layer: EncoderLayerSpec, shared: Shared): Tensor2D {
  const { spec, runtime } = shared;
  const attended = runtime.linear(attend(x, layer, shared), layer.output);
  const y = normalise(add<Tensor2D>(attended, x), layer.attentionNorm, runtime);
  const inner = activate(runtime.linear(y, layer.up), spec.activation);
  return normalise(add<Tensor2D>(runtime.linear(inner, layer.down), y), layer.mlpNorm, runtime);
}

/** x [rows, hidden] -> [rows, hidden]: softmax(q k / sqrt(d n) + positions) v, n = 1 + the kinds of position terms. */
function attend(x: Tensor2D, layer: EncoderLayerSpec, shared: Shared): Tensor2D {
  const { spec, runtime, batch, mask } = shared;
  const { inputs, longest } = batch;
  const { heads, hidden } = spec;
  const headDim = hidden / heads;
  const { contentToPosition, positionToContent } = layer;
  const kinds = 1 + (contentToPosition ? 1 : 0) + (positionToContent ? 1 : 0);
  const scale = 1 / Math.sqrt(headDim * kinds);
  const [q, k, v] = queriesKeysValues(x, layer, spec, runtime).map((part) => byHead(part, batch));
  const queries = mul<Tensor4D>(q as Tensor4D, scale);
  const keys = k as Tensor4D;
  let scores: Tensor4D = matMul(queries, keys, false, true);

  if (spec.disentangled && kinds > 1) {
    const { table, span } = spec.disentangled;
    const reach = Math.min(longest, span);
    const near = runtime.gather(
      table,
      Int32Array.from({ length: 2 * reach }, (_, i) => span - reach + i),
    );
    // one matrix a head, for every input: TensorFlow's batched product reads beyond operands that it should broadcast
    const project = (matrix: NonNullable<typeof contentToPosition>) => {
      const perHead = reshape(runtime.linear(near, matrix), [1, 2 * reach, heads, headDim]);
      return tile(transpose(perHead, [0, 2, 1, 3]), [inputs.length, 1, 1, 1]) as Tensor4D;
    };
    const among = (products: Tensor4D, index: Tensor1D | undefined) => {
      const flat = reshape(products, [inputs.length * heads, longest * 2 * reach]);
      return reshape(gather(flat, index as Tensor1D, 1), [inputs.length, heads, longest, longest]) as Tensor4D;
    };
    if (contentToPosition) {
      scores = add(scores, among(matMul(queries, project(contentToPosition), false, true), shared.ofQuery));
    }
    if (positionToContent) {
      const positions = mul<Tensor4D>(project(positionToContent), scale);
      scores = add(scores, among(matMul(keys, positions, false, true), shared.ofKey));
    }
  }

  const weights: Tensor4D = softmax(mask ? add(scores, mask) : scores);
  const result = transpose(matMul(weights, v as Tensor4D), [0, 2, 1, 3]);
  const rectangle: Tensor2D = reshape(result, [inputs.length * longest, hidden]);
  return batch.isFull ? rectangle : gather(rectangle, tensor1d(batch.places, "int32"));
}

/** [rows, heads, headDim] each. */
function queriesKeysValues(x: Tensor2D, layer: EncoderLayerSpec, spec: EncoderSpec, runtime: Runtime): Tensor3D[] {
  const { heads, hidden } = spec;
  const rows = x.shape[0];
  const headDim = hidden / heads;
  const [first, ...others] = layer.projections.map((matrix) => runtime.linear(x, matrix));
  if (others.length > 0) return [first as Tensor2D, ...others].map((part) => reshape(part, [rows, heads, headDim]));
  const fused: Tensor3D = reshape(first as Tensor2D, [rows, heads, 3 * headDim]);
  return [layer.queryBias, undefined, layer.valueBias].map((bias, i) => {
    const part = slice(fused, [0, 0, i * headDim], [rows, heads, headDim]);
    return bias ? add<Tensor3D>(part, reshape(runtime.vector(bias), [1, heads, headDim])) : part;
  });
}

/** [rows, heads, headDim] -> [inputs, heads, longest, headDim] */
function byHead(x: Tensor3D, { inputs, longest, isFull, rows }: Batch): Tensor4D {
  const [, heads, headDim] = x.shape;
  const rectangle = isFull ? x : gather(x, tensor1d(rows, "int32"));
  return transpose(reshape(rectangle, [inputs.length, longest, heads, headDim]), [0, 2, 1, 3]) as Tensor4D;
}

/**
 * For each pair of query i and key j, where the product of one of them (`own`) with the distance i - j lies in
 * [longest, 2 * reach], flattened.
 */
function distancesOf(longest: number, reach: number, own: "query" | "key"): Int32Array {
  const index = new Int32Array(longest * longest);
  for (let i = 0; i < longest; i++) {
    for (let j = 0; j < longest; j++) {
      const distance = Math.min(Math.max(i - j + reach, 0), 2 * reach - 1);
      index[i * longest + j] = (own === "query" ? i : j) * 2 * reach + distance;
    }
  }
  return index;
}
