// The computing part of `coefficientGradients`: both models of a point are opened, and the way back is taken. What it brings along takes
// longer to load than most commands to run.

import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { layerOf } from "../checkpoint/families.js";
import type { Checkpoint } from "../checkpoint/types.js";
import { makeFolder } from "../files/makeFolder.js";
import { type VirtualMerge, virtualMerge } from "../merge/virtualMerge.js";
import { weightsOf } from "../nn/engines/runningEngine.js";
import { startEngine } from "../nn/engines/startEngine.js";
import { decoderSpec } from "../nn/families/decoderSpec.js";
import { stopTokensOf } from "../nn/families/stopTokens.js";
import type { DecoderSpec } from "../nn/ops/specs.js";
import { mergedCheckpoint } from "../nn/virtual/virtualCheckpoint.js";
import { ownedFolder } from "../output/ownedFolder.js";
import type { Recipe } from "../recipe/types.js";
import { gradientsOfCoefficients } from "../tune/coefficients/gradientsOfCoefficients.js";
import { encodeRows } from "../tune/data/encodeRows.js";
import { settingsOf } from "../tune/settings.js";
import type { TuneRow } from "../tune/types.js";
import type { CoefficientGradient, CoefficientGradients, CoefficientOptions } from "./coefficientTypes.js";

/** As `coefficientGradients` says. */
export async function derivatives(
  aligned: string,
  tuned: string,
  rows: readonly TuneRow[] | string,
  options: CoefficientOptions,
): Promise<CoefficientGradients> {
  const { at = 1, batchSize = 4, cutoff, system, signal, onProgress } = options;
  const checkStop = () => signal?.throwIfAborted();
  checkStop();
  const folder = await ownedFolder("retemper-coefficients-");
  const closing: (() => void)[] = [];
  try {
    const recipe = (ofTuned: number, ofAligned: number): Recipe => ({
      merge_method: "linear",
      parameters: { normalize: false },
      dtype: "float32",
      models: [
        { model: aligned, parameters: { weight: ofAligned } },
        { model: tuned, parameters: { weight: ofTuned } },
      ],
    });
    const point = await openPoint(recipe(at, 1 - at), join(folder.path, "point"), true, options);
    closing.unshift(() => point.engine.runtime.dispose());
    const delta = await openPoint(recipe(1, -1), join(folder.path, "delta"), false, options);
    closing.unshift(() => delta.engine.runtime.dispose());
    const settings = settingsOf({ ...(cutoff !== undefined && { cutoff }), system }, point.spec.family);
    const { examples } = await encodeRows(rows, point.checkpoint.folder, point.spec, settings);
    const { loss, tokens, byTensor } = await gradientsOfCoefficients(
      { spec: point.spec, base: point.engine, delta: delta.engine, tensors: delta.checkpoint.tensors },
      examples,
      batchSize,
      checkStop,
      async (done) => {
        onProgress?.({ done, total: examples.length });
        await setImmediate(); // lets a signal be heard
      },
    );
    const tensors = [...byTensor].map(([name, sum]): CoefficientGradient => {
      const layer = layerOf(name);
      return {
        name,
        ...(layer && { layer: layer.index, module: layer.suffix.replace(/\.weight$/, "") }),
        gradient: sum / tokens,
      };
    });
    return { loss: loss / tokens, tokens, tensors };
  } finally {
    for (const close of closing) close();
    await folder.remove();
  }
}

interface Point {
  readonly checkpoint: Checkpoint;
  readonly spec: DecoderSpec;
  readonly engine: Awaited<ReturnType<typeof startEngine>>;
}

async function openPoint(
  recipe: Recipe,
  folder: string,
  hold: boolean,
  { threads, signal, hub }: CoefficientOptions,
): Promise<Point> {
  await makeFolder(folder);
  const merge: VirtualMerge = await virtualMerge(recipe, folder, { fidelity: "exact", threads, signal, hub });
  const checkpoint = await mergedCheckpoint("the merge", merge);
  const spec = decoderSpec(checkpoint, await stopTokensOf(checkpoint));
  const engine = await startEngine("native", checkpoint, weightsOf(spec), { threads, hold, merge });
  return { checkpoint, spec, engine };
}
