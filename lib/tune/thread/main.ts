// The program of a training's thread: one training, then it ends.

import { parentPort, workerData } from "node:worker_threads";
import { toWire } from "../../threads/wireError.js";
import { runTuning } from "../runTuning.js";
import type { FromTuning, TuneRequest } from "./messages.js";

if (parentPort) {
  const port = parentPort;
  const send = (message: FromTuning) => port.postMessage(message);
  try {
    const request = workerData as TuneRequest;
    const stop = new Int32Array(request.stop);
    const report = await runTuning(request, {
      isStopped: () => Atomics.load(stop, 0) !== 0,
      onProgress: (progress) => send({ type: "progress", progress }),
    });
    send({ type: "done", report });
  } catch (error) {
    send({ type: "failed", error: toWire(error) });
  }
}
