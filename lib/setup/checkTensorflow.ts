// The check at the end of a setup: TensorFlow multiplies two matrices, and says what it is and where it ran.

import { RetemperError } from "../errors.js";
import type { Tensorflow } from "../nn/engines/tensorflow/loadTensorflow.js";
import { onTensorflow } from "../nn/engines/tensorflow/onTensorflow.js";
import * as tf from "../nn/tensorflowCore.js";
import type { TensorflowFacts } from "./tensorflowFacts.js";

const SIZE = 64;

/** @throws RetemperError INTERNAL where a product of small whole numbers, which float32 holds exactly, is wrong */
export function checkTensorflow(tensorflow: Tensorflow): TensorflowFacts {
  const [left, right] = [7, 5].map((period) => Float32Array.from({ length: SIZE * SIZE }, (_, i) => (i % period) - 2));
  const product = onTensorflow(() =>
    tf.tidy(() =>
      tf
        .matMul(tf.tensor2d(left as Float32Array, [SIZE, SIZE]), tf.tensor2d(right as Float32Array, [SIZE, SIZE]))
        .dataSync(),
    ),
  );
  for (let row = 0; row < SIZE; row += 1) {
    for (let column = 0; column < SIZE; column += 1) {
      let sum = 0;
      for (let k = 0; k < SIZE; k += 1) sum += (((row * SIZE + k) % 7) - 2) * (((k * SIZE + column) % 5) - 2);
      if (product[row * SIZE + column] === sum) continue;
      const found = `${product[row * SIZE + column]} instead of ${sum}`;
      throw new RetemperError("INTERNAL", `TensorFlow computes wrongly here: ${found} in a product of two matrices`, {
        hint: "use --engine native",
      });
    }
  }
  return { gpu: tensorflow.gpu, versions: tensorflow.versions };
}
