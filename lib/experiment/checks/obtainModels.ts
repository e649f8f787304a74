// The models of an experiment that are not on this machine are downloaded before any of them is opened.

import { type DownloadOptions, obtain } from "../../checkpoint/obtain.js";
import { judgeSource } from "../../evaluate/judges/namedJudges.js";
import type { Path } from "../../recipe/located.js";
import { type JudgeSettings, judgeModelNamed, judgeWords } from "../settings/judgeParts.js";
import { ABSENT } from "../settings/mend.js";
import { modelParts } from "../settings/modelParts.js";
import type { Problems } from "../settings/problems.js";
import type { ExperimentSettings } from "../settings/schema.js";

export interface ObtainModelsOptions {
  readonly signal?: AbortSignal | undefined;
  readonly hub?: DownloadOptions | undefined;
}

/** What cannot be had is a problem of the setting that names it. Nothing is downloaded for settings that are wrong already. */
export async function obtainModels(
  settings: ExperimentSettings,
  problems: Problems,
  options: ObtainModelsOptions,
): Promise<void> {
  const named = namedModels(settings);
  for (const { model, path } of problems.any ? [] : named) {
    await problems.attempt(async () => {
      const parts = modelParts(model).flatMap((part) => part ?? []);
      await obtain(parts, options);
    }, path);
  }
}

function namedModels({ aligned, unaligned, safeModel, tuned = [], bertScore, safety }: ExperimentSettings) {
  const all: readonly (readonly [string | undefined, Path])[] = [
    [aligned === ABSENT ? undefined : aligned, ["aligned"]],
    [unaligned, ["unaligned"]],
    [safeModel, ["safeModel"]],
    ...tuned.flatMap(({ model, adapter }, at) => [
      [model, ["tuned", at, "model"]] as const,
      [adapter, ["tuned", at, "adapter"]] as const,
    ]),
    [bertScore?.model, ["bertScore"]],
    ...safety.judges.map((judge, at) => [judgeModel(judge), ["safety", "judges", at]] as const),
  ];
  return all.flatMap(([model, path]) => (model === undefined || model === "" ? [] : [{ model, path }]));
}

/** The model that a judge asks; undefined for one that asks none. */
export function judgeModel(judge: JudgeSettings): string | undefined {
  const words = judgeWords(judge);
  return words === undefined ? judgeModelNamed(judge) : judgeSource(words);
}
