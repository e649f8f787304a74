// Finds the tensors that a model's operations need, and tells everything that is wrong with them at once.

import { listing } from "../../checkpoint/listing.js";
import { nearestNames } from "../../checkpoint/nearestNames.js";
import type { Checkpoint, StoredTensor } from "../../checkpoint/types.js";
import { RetemperError } from "../../errors.js";
import type { Matrix, Weight } from "../ops/specs.js";

const DTYPES: readonly string[] = ["F32", "F16", "BF16"];

export class WeightFinder {
  private readonly checkpoint: Checkpoint;
  /** What the names of this model's tensors start with. */
  private readonly prefix: string;
  private readonly missing: string[] = [];
  private readonly wrong: string[] = [];

  constructor(checkpoint: Checkpoint, prefix: string) {
    this.checkpoint = checkpoint;
    this.prefix = prefix;
  }

  /** A tensor by its name after the prefix. What is not there is noted; nothing of it may be used before `report`. */
  weight(name: string, shape: readonly number[]): Weight {
    return this.named(this.prefix + name, shape);
  }

  /** A tensor by its whole name. */
  named(name: string, shape: readonly number[]): Weight {
    const stored = this.checkpoint.tensors.get(name);
    if (!stored) this.missing.push(name);
    else if (stored.shape.length !== shape.length || stored.shape.some((size, i) => size !== shape[i])) {
      this.wrong.push(`${name} is [${stored.shape.join(", ")}]; by config.json it is [${shape.join(", ")}]`);
    } else if (!DTYPES.includes(stored.dtype)) {
      this.wrong.push(`${name} is ${stored.dtype}, not ${DTYPES.join(", ")}`);
    }
    return { name, shape, stored: stored as StoredTensor };
  }

  /** `${name}.weight` of a product [in] -> [out], with `${name}.bias` where asked for. */
  matrix(name: string, out: number, inputs: number, layout: Matrix["layout"], hasBias: boolean): Matrix {
    const shape = layout === "out-in" ? [out, inputs] : [inputs, out];
    const weight = this.weight(`${name}.weight`, shape);
    return { weight, layout, out, in: inputs, bias: hasBias ? this.weight(`${name}.bias`, [out]) : undefined };
  }

  /** @throws RetemperError BAD_INPUT that names every tensor that is missing or wrong. */
  report(family: string): void {
    const { missing, wrong, checkpoint } = this;
    const parts: string[] = [];
    if (missing.length > 0) {
      const lines = nearestNames(missing, checkpoint.tensors.keys());
      parts.push(`The checkpoint lacks tensors of a ${family} model:${listing(lines)}`);
    }
    if (wrong.length > 0) parts.push(`Tensors differ from what config.json says:${listing(wrong)}`);
    if (parts.length === 0) return;
    throw new RetemperError("BAD_INPUT", parts.join("\n"), {
      file: checkpoint.folder,
      hint:
        missing.length > 0
          ? "Check that all shards were downloaded, and that config.json belongs to these weights."
          : "config.json belongs to another model, or the weights are of a dtype to be converted to bfloat16 first.",
    });
  }
}

/** Rows [begin, end) of a [out, in] matrix without a bias. */
export function rowsOf(matrix: Matrix, begin: number, end: number): Matrix {
  const weight = { ...matrix.weight, shape: [end - begin, matrix.in], rows: [begin, end] as const };
  return { ...matrix, weight, out: end - begin };
}
