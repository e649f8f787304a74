// What results say of the files of a written model: the weights. Cards and records name places and times, and are as long as these are.

import type { WrittenModel } from "../../report/types.js";
import type { StepRecord } from "./step.js";

const WEIGHTS = /\.(safetensors|gguf)$/;

export function weightsOf({ files = [] }: Pick<StepRecord, "files">): Pick<WrittenModel, "bytes" | "files"> {
  const weights = files.filter(({ path }) => WEIGHTS.test(path));
  return {
    bytes: weights.reduce((sum, { bytes }) => sum + bytes, 0),
    files: weights.map(({ path, sha256 }) => ({ path, sha256 })),
  };
}
