// A worker of loadTensorflow.test.ts: multiplies matrices with TensorFlow, so often as it is told, and says what came out.

import { parentPort, workerData } from "node:worker_threads";
import * as tf from "@tensorflow/tfjs-core";
import { BACKEND, loadTensorflow } from "../../../../../dist/nn/engines/tensorflow/loadTensorflow.js";

const { binding } = loadTensorflow();
await tf.setBackend(BACKEND);
let sum = 0;
for (let step = 0; step < workerData.steps; step++) {
  tf.tidy(() => {
    const ones = tf.ones([8, 8]);
    sum += tf.sum(tf.matMul(ones, ones)).dataSync()[0];
  });
  if (step === 100 && workerData.steps === Number.POSITIVE_INFINITY) parentPort.postMessage("at work");
}
parentPort.postMessage({ sum, left: binding.getNumOfTensors() });
