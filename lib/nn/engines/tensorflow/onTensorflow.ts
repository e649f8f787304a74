// Runs something with TensorFlow as TensorFlow.js's current backend, and puts the one before back.

import * as tf from "../../tensorflowCore.js";
import { BACKEND } from "./loadTensorflow.js";

/** `work` must be synchronous: TensorFlow.js has one current backend a thread. TensorFlow must be loaded. */
export function onTensorflow<T>(work: () => T): T {
  const { backendName } = tf.engine();
  if (backendName === BACKEND) return work();
  use(BACKEND);
  try {
    return work();
  } finally {
    if (backendName) use(backendName);
  }
}

/** Takes effect at once for backends that start synchronously, as both of ours and the reference do. */
function use(name: string): void {
  void tf.setBackend(name);
}
