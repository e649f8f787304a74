// Shapes of low-rank factors against the weight they adapt: which of them is transposed, and whether they fit.

import type { JsonObject } from "./json.js";
import type { LowRankTerm, StoredTensor } from "./types.js";

type Shaped = Pick<StoredTensor, "name" | "shape">;

/** "plain": W is [out, in] as in nn.Linear; "transposed": [in, out] as in GPT-2's Conv1D, or an embedding [vocabulary, dim]. */
export type Orientation = "plain" | "transposed";

/** Model types whose linear layers are Conv1D: their weights are stored [in, out]. */
const CONV1D_TYPES: ReadonlySet<unknown> = new Set(["gpt2", "openai-gpt", "imagegpt", "decision_transformer"]);
const CONV1D_LAYER = /(^|\.)(c_attn|c_proj|c_fc|q_attn)\.weight$/;

/**
 * How a linear weight lies. PEFT looks at the layer's class and corrects fan_in_fan_out by it; here the shapes decide, and
 * for a square weight the kind of model. `others` is how the adapter's other weights lie.
 */
export function factorOrientation(
  weight: Shaped,
  left: Shaped,
  right: Shaped,
  others: Orientation,
  config: JsonObject,
): Orientation {
  const seen = seenOrientation(weight, left, right);
  if (seen) return seen;
  if (weight.shape.length !== 2) return "plain";
  if (CONV1D_TYPES.has(config.model_type)) return CONV1D_LAYER.test(weight.name) ? "transposed" : "plain";
  return others;
}

/** What the shapes of a pair that is not square show. */
export function seenOrientation(weight: Shaped, left: Shaped, right: Shaped): Orientation | undefined {
  const [rows, cols] = weight.shape;
  const [out] = left.shape;
  const inputs = right.shape[1];
  if (weight.shape.length !== 2 || out === inputs) return undefined;
  return rows === inputs && cols === out ? "transposed" : "plain";
}

/** The term, or a sentence that says what does not fit. */
export function lowRankTerm(o: {
  readonly weight: Shaped;
  /** lora_B [out, r] */
  readonly left: StoredTensor;
  /** lora_A [r, in] */
  readonly right: StoredTensor;
  readonly magnitude: StoredTensor | undefined;
  /** As configured. */
  readonly rank: number;
  readonly scale: number;
  readonly orientation: Orientation;
}): LowRankTerm | string {
  const { weight, left: b, right: a, magnitude, rank, scale, orientation } = o;
  const transposed = orientation === "transposed";
  const pair = `${a.name} ${shapeText(a)} and ${b.name} ${shapeText(b)}`;
  if (a.shape[0] !== rank || b.shape[1] !== rank) {
    return `${pair}: adapter_config.json gives them rank ${rank}`;
  }
  if (a.shape.length !== weight.shape.length || b.shape.length !== weight.shape.length || weight.shape.length < 2) {
    return `${pair} do not fit ${weight.name} ${shapeText(weight)} of the base: different numbers of dimensions`;
  }
  if (b.shape.slice(2).some((size) => size !== 1)) {
    return `${pair}: a convolution with a B of more than 1x1 cannot be merged as a product`;
  }
  const [out, ...rest] = [b.shape[0] as number, ...a.shape.slice(1)];
  const expected = transposed ? [...rest, out] : [out, ...rest];
  if (shapeText({ shape: expected }) !== shapeText(weight)) {
    return `${pair} adapt a weight ${shapeText({ shape: expected })}, but ${weight.name} of the base is ${shapeText(weight)}`;
  }
  if (magnitude && magnitude.shape.reduce((n, size) => n * size, 1) !== out) {
    return `${magnitude.name} ${shapeText(magnitude)} must have ${out} values, one for each output of ${weight.name}`;
  }
  return {
    left: transposed ? a : b,
    leftTransposed: transposed,
    right: transposed ? b : a,
    rightTransposed: transposed,
    rank,
    scale,
    ...(magnitude ? { dora: { magnitude, axis: transposed ? 0 : 1 } as const } : {}),
  };
}

/** "[64, 128]" */
export function shapeText({ shape }: { readonly shape: readonly number[] }): string {
  return `[${shape.join(", ")}]`;
}
