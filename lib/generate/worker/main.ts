// The program of a model's thread: opens the model it is told, then serves requests until it is closed.

import { parentPort, workerData } from "node:worker_threads";
import { toWire } from "../../threads/wireError.js";
import type { FromThread, ThreadRequest, ToThread } from "./messages.js";
import { openThreadModel } from "./openThreadModel.js";
import { ModelService } from "./service.js";

if (parentPort) {
  const port = parentPort;
  const send = (message: FromThread, transfer: readonly ArrayBuffer[] = []) => port.postMessage(message, transfer);
  try {
    const parts = await openThreadModel(workerData as ThreadRequest);
    const service = new ModelService({ ...parts, send });
    port.on("message", (message: ToThread) => service.receive(message));
    const { facts, spec } = parts.decoder;
    const bounds = { stopTokens: spec.stopTokens, contextLength: spec.maxPositions };
    send({ type: "opened", facts, bounds, description: parts.description });
  } catch (error) {
    send({ type: "refused", error: toWire(error) });
  }
}
