// Which engine a model runs on, and whether it has the GPU that was asked for: found out before any weight is read.

import { RetemperError } from "../../errors.js";
import type { EngineOptions, LocalEngineName } from "./engineTypes.js";
import { cacheRoot, variantSetUp } from "./tensorflow/libraryFolders.js";
import { loadTensorflow } from "./tensorflow/loadTensorflow.js";
import { findTfjsPackage } from "./tensorflow/tfjsPackage.js";

export interface ChosenEngine {
  readonly engine: LocalEngineName;
  readonly gpu: boolean;
}

const ENGINES: readonly string[] = ["native", "tensorflow", "reference"] satisfies LocalEngineName[];

/**
 * The engine named, else TensorFlow where it drives a GPU, else the native one, which alone runs merges that were not
 * written (`virtual`).
 * @throws RetemperError USAGE for an unknown name; DEVICE where a GPU is required and the engine has none, or TensorFlow is
 * asked for and not set up.
 */
export function chooseEngine({ engine = "auto", requireGpu, threads }: EngineOptions, virtual = false): ChosenEngine {
  if (engine === "auto" && virtual && !requireGpu) return { engine: "native", gpu: false };
  if (engine === "auto") {
    if (tensorflowOnGpu(threads)) return { engine: "tensorflow", gpu: true };
    if (requireGpu) throw noGpu("no engine finds a GPU here: TensorFlow drives one once it is set up with CUDA");
    return { engine: "native", gpu: false };
  }
  if (!ENGINES.includes(engine)) {
    throw new RetemperError("USAGE", `there is no engine ${JSON.stringify(engine)}`, {
      hint: "the engines are auto, native and tensorflow",
    });
  }
  const gpu = engine === "tensorflow" && loadTensorflow({ threads }).gpu;
  if (gpu || !requireGpu) return { engine, gpu };
  throw noGpu(
    engine === "tensorflow"
      ? "TensorFlow finds no GPU that it can use"
      : `the engine ${engine} computes on the processor`,
  );
}

/** Loading CUDA takes seconds, so it is only tried where somebody has set it up. A setup that does not load is none. */
function tensorflowOnGpu(threads: number | undefined): boolean {
  const found = findTfjsPackage();
  if (!found || variantSetUp(cacheRoot(), found.version) !== "cuda") return false;
  try {
    return loadTensorflow({ threads, variant: "cuda" }).gpu;
  } catch {
    return false;
  }
}

function noGpu(why: string): RetemperError {
  return new RetemperError("DEVICE", `a GPU is required, and ${why}`, {
    hint: "check nvidia-smi, run retemper setup-tensorflow --cuda, or leave --require-gpu out",
  });
}
