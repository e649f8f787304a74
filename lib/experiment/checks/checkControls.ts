// What is wrong with the controls of an experiment that models and tunings tell.

import { loadAddon } from "../../addon/load.js";
import { elementsOf } from "../../checkpoint/elementsOf.js";
import { openCheckpoint } from "../../checkpoint/open.js";
import type { TuningPlan } from "../../tune/planTuning.js";
import { settingsOf } from "../../tune/settings.js";
import type { TunedModel } from "../candidates/merges.js";
import { layersOfOneShape } from "../controls/deltaControl.js";
import { rankOf } from "../controls/truncatedAdapter.js";
import { wantedControls } from "../settings/controlEntry.js";
import { ABSENT } from "../settings/mend.js";
import type { Problems } from "../settings/problems.js";
import type { ExperimentSettings } from "../settings/schema.js";
import { withCheckpoints } from "../settings/withCheckpoints.js";

/** @returns bytes that controls need at once while they are asked */
export async function checkControls(
  settings: ExperimentSettings,
  given: readonly TunedModel[],
  tunings: ReadonlyMap<string, TuningPlan>,
  problems: Problems,
): Promise<number> {
  let bytes = 0;
  for (const [at, { kind, values }] of wantedControls(settings).entries()) {
    const path = ["controls", at];
    const say = (text: string, hint: string) => problems.add(text, "BAD_RECIPE", { path, hint });
    if (kind === "lower_rank") {
      const rank = await lowestRank(settings, given, problems, path);
      if (rank === undefined) continue;
      if (settings.tune?.options?.dora)
        say("lower_rank is of LoRA adapters, and the tuning makes one of DoRA", "leave it out");
      if ((values ?? [1]).every((value) => value >= rank)) {
        say(
          `lower_rank has no rank below the tuning's, which is ${rank}`,
          rank > 1 ? "write lower values" : "leave it out",
        );
      }
    }
    if (kind === "early_stopping") {
      const steps = Math.min(...[...tunings.values()].map((plan) => plan.steps));
      const { saveSteps = 0 } = withCheckpoints(settings, tunings).tune?.options ?? {};
      if (tunings.size > 0 && !(saveSteps > 0 && saveSteps < steps)) {
        say(
          `early_stopping has no checkpoint before the end: the tuning has ${steps} steps, and tune.options.saveSteps is ${saveSteps}`,
          "write a lower one, or leave it out: then a fifth of the steps is taken",
        );
      }
    }
    if (kind === "random" || kind === "shuffled_entries" || kind === "shuffled_layers") {
      const size = await deltaSize(settings, kind === "shuffled_layers", problems, path);
      // of all seeds, and a change while one is made
      bytes = Math.max(bytes, size * ((settings.tune?.seeds.length ?? given.length) + 1));
    }
  }
  return bytes;
}

async function lowestRank(
  { tune }: ExperimentSettings,
  given: readonly TunedModel[],
  problems: Problems,
  path: readonly PropertyKey[],
): Promise<number | undefined> {
  if (!tune) {
    const ranks = [];
    for (const { model } of given) ranks.push(await problems.attempt(() => rankOf(model), path));
    return ranks.some((rank) => rank === undefined) ? undefined : Math.min(...(ranks as number[]));
  }
  return problems.attempt(async () => settingsOf(tune.options ?? {}).rank, ["tune", "options"]);
}

/** Bytes of the aligned model in float32; 0 where it cannot be read, which is told elsewhere. */
async function deltaSize(
  { aligned }: ExperimentSettings,
  layers: boolean,
  problems: Problems,
  path: readonly PropertyKey[],
): Promise<number> {
  if (aligned === ABSENT) return 0;
  const checkpoint = await openCheckpoint(aligned, { addon: loadAddon() }).catch(() => undefined);
  const tensors = [...(checkpoint?.tensors.values() ?? [])];
  if (checkpoint && layers && layersOfOneShape(tensors).every((group) => group.length < 2)) {
    problems.add(
      "shuffled_layers: no two layers of the model have tensors of the same names and shapes",
      "BAD_RECIPE",
      {
        ...{ path, hint: "leave it out" },
      },
    );
  }
  return tensors.reduce((sum, tensor) => sum + 4 * elementsOf(tensor), 0);
}
