// The slow, obvious reference: one function for every op whose result is one definite tensor.

import type { NativeParams } from "../../../lib/addon/nativePlan.js";
import { arceeFusion } from "./arceeFusion.js";
import { karcher } from "./karcher.js";
import { linear } from "./linear.js";
import { modelStock } from "./modelStock.js";
import { multislerp } from "./multislerp.js";
import { nearswap } from "./nearswap.js";
import { nuslerp } from "./nuslerp.js";
import { type Expected, elements, type Operands, source } from "./operands.js";
import { ram } from "./ram.js";
import { sce } from "./sce.js";
import { slerp } from "./slerp.js";
import { taskArithmetic } from "./taskArithmetic.js";

/** What the op makes of the operands, in double precision. */
export function expected(operands: Operands, params: NativeParams): Expected {
  if (elements(operands) === 0) return { values: new Float64Array(0) };
  switch (params.op) {
    case "copy":
      return { values: source(operands, 0) };
    case "linear":
      return linear(operands, params.weights, params.normalize);
    case "slerp":
      return slerp(operands, params.t, params.threshold);
    case "nuslerp":
      return nuslerp(operands, params.weights, params.hasBase, params.axis);
    case "multislerp":
      return multislerp(operands, params);
    case "karcher":
      return karcher(operands, params.maxIter, params.tol);
    case "nearswap":
      return nearswap(operands, params.t);
    case "arcee_fusion":
      return arceeFusion(operands);
    case "task_arithmetic":
      return taskArithmetic(operands, params);
    case "model_stock":
      return modelStock(operands, params.filterWise);
    case "sce":
      return sce(operands, params.selectTopk);
    case "ram":
      return ram(operands, params);
  }
}
