// The models of an experiment that are not on this machine are downloaded before any of them is opened.

import { type DownloadOptions, obtain } from "../../checkpoint/obtain.js";
import type { Path } from "../../recipe/located.js";
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

function namedModels({ aligned, unaligned, tuned = [], bertScore, safety }: ExperimentSettings) {
  const all: readonly (readonly [string | undefined, Path])[] = [
    [aligned === ABSENT ? undefined : aligned, ["aligned"]],
    [unaligned, ["unaligned"]],
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
export function judgeModel(judge: ExperimentSettings["safety"]["judges"][number]): string | undefined {
  if (typeof judge !== "string") {
    if ("wildguard" in judge) return judge.wildguard;
    return "classifier" in judge ? judge.classifier : undefined;
  }
  const [, kind, model] = /^(wildguard)(?::(.+))?$/s.exec(judge) ?? [];
  return kind === undefined ? undefined : (model ?? WILDGUARD);
}

/** The judge that is meant where none is named. */
export const WILDGUARD = "allenai/wildguard";
