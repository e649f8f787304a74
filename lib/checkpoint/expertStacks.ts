// Experts as PEFT adapts them: the running model holds those of a layer as one parameter (gate_up_proj, down_proj), which a
// checkpoint stores as that, or as matrices of each expert.

import { isDeepStrictEqual } from "node:util";
import { checkpointNames } from "./adapterKeys.js";
import type { StoredTensor } from "./types.js";

/** Rows of one expert's matrix, which the base stores as a tensor of its own. */
export interface ExpertSlice {
  readonly tensor: StoredTensor;
  readonly expert: number;
  /** Of the parameter's rows for this expert, the first that this tensor has. */
  readonly firstRow: number;
}

/** A parameter of experts: [experts, rows, columns]. */
export interface ExpertStack {
  readonly experts: number;
  readonly rows: number;
  readonly columns: number;
  /** The one tensor that stores it, or those of each expert. */
  readonly stored: StoredTensor | readonly ExpertSlice[];
}

/** Matrices of one expert that transformers puts into a parameter, one below the other, as families call them. */
const PARTS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  gate_up_proj: [
    ["gate_proj", "up_proj"],
    ["w1", "w3"],
  ],
  down_proj: [["down_proj"], ["w2"]],
};

/**
 * The parameter of a module of the running model in its checkpoint.
 * @param module as `model.layers.0.mlp.experts`
 * @param parameter as `gate_up_proj`
 */
export function expertStack(
  module: string,
  parameter: string,
  tensors: ReadonlyMap<string, StoredTensor>,
): ExpertStack | undefined {
  for (const name of checkpointNames(`${module}.${parameter}`)) {
    const stored = tensors.get(name);
    if (stored?.shape.length === 2) {
      const [rows, columns] = stored.shape as readonly [number, number];
      return { experts: 1, rows, columns, stored: [{ tensor: stored, expert: 0, firstRow: 0 }] };
    }
    if (stored?.shape.length !== 3) continue;
    const [experts, rows, columns] = stored.shape as readonly [number, number, number];
    return { experts, rows, columns, stored };
  }
  const modules = [module, module.replace(/\bmlp\.experts$/, "block_sparse_moe.experts")].flatMap(checkpointNames);
  for (const parts of PARTS[parameter] ?? []) {
    const found = modules.find((name) => tensors.has(`${name}.0.${parts[0]}.weight`));
    if (found !== undefined) return stackOf(found, parts, tensors);
  }
  return undefined;
}

/** Undefined where experts lack a matrix, or theirs have different shapes. */
function stackOf(
  module: string,
  parts: readonly string[],
  tensors: ReadonlyMap<string, StoredTensor>,
): ExpertStack | undefined {
  const matricesOf = (expert: number) =>
    parts.flatMap((part) => tensors.get(`${module}.${expert}.${part}.weight`) ?? []);
  const shapesOf = (matrices: readonly StoredTensor[]) => matrices.map(({ shape }) => shape);
  const shapes = shapesOf(matricesOf(0));
  const columns = shapes[0]?.[1] ?? 0;
  const fits = shapes.length === parts.length && shapes.every((shape) => shape.length === 2 && shape[1] === columns);
  if (!fits) return undefined;
  const slices: ExpertSlice[] = [];
  let [experts, rows] = [0, 0];
  for (; tensors.has(`${module}.${experts}.${parts[0]}.weight`); experts++) {
    const own = matricesOf(experts);
    if (!isDeepStrictEqual(shapesOf(own), shapes)) return undefined;
    rows = 0;
    for (const tensor of own) {
      slices.push({ tensor, expert: experts, firstRow: rows });
      rows += tensor.shape[0] as number;
    }
  }
  return { experts, rows, columns, stored: slices };
}
