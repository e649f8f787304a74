// Activation functions as ordinary ops.

import { add, erf, mul, relu, sigmoid, square, type Tensor2D, tanh } from "../tensorflowCore.js";
import type { Activation } from "./specs.js";

/**
 * silu: x sigmoid(x). gelu: x/2 (1 + erf(x / sqrt 2)). gelu_tanh: x/2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), both of
 * Hendrycks and Gimpel 2016.
 */
export function activate(x: Tensor2D, activation: Activation): Tensor2D {
  switch (activation) {
    case "silu":
      return mul(x, sigmoid(x));
    case "gelu":
      return mul(mul(x, 0.5), add(erf(mul(x, Math.SQRT1_2)), 1));
    case "gelu_tanh": {
      const inner = mul(mul(x, Math.sqrt(2 / Math.PI)), add(mul(square(x), 0.044715), 1));
      return mul(mul(x, 0.5), add(tanh(inner), 1));
    }
    case "relu":
      return relu(x);
  }
}
