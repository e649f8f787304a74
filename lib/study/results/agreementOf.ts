// What of an experiment's settings must be the same where its numbers are pooled with those of another one: all but paths, names,
// seeds, the number of items, and what is written. Models count by their digests, sets by their names and kinds.

import { basename } from "node:path";
import { type JudgeSettings, judgeModelNamed, withJudgeModel } from "../../experiment/settings/judgeParts.js";
import type { ExperimentSettings } from "../../experiment/settings/schema.js";
import { withSets } from "../../experiment/settings/sideSets.js";
import type { ExperimentResults } from "../../report/types.js";

export function agreementOf(
  settings: ExperimentSettings,
  { provenance }: Pick<ExperimentResults, "provenance">,
): Record<string, unknown> {
  const {
    name,
    aligned,
    unaligned,
    tuned,
    tune,
    task,
    safety,
    limit,
    data,
    engine,
    bertScore,
    write,
    ship,
    ...others
  } = settings;
  const { skills, overRefusal, ...rest } = others;
  const digestOf = (role: string) => provenance.models.find((one) => one.role === role)?.digest;
  const { sets, test, judges, calibration, ...asked } = safety;
  const { endpoint, threads, ...computed } = engine ?? {};
  const names = (words: readonly string[]) => words.map(withoutSource);
  const found: Record<string, unknown> = {
    "aligned model": digestOf("aligned"),
    "unaligned model": digestOf("unaligned"),
    tuning: tune ? { ...tune.options, initFrom: tune.options?.initFrom === undefined ? undefined : true } : undefined,
    "safety.sets": sets.map(withoutSource),
    "safety.test": test?.map(withoutSource),
    "safety.judges": judges.map(judgeName),
    safety: { ...asked, calibrated: calibration !== undefined },
    "task.validation": task.validation.map(withoutSource),
    "task.test": task.test.map(withoutSource),
    ...(skills && { skills: withSets(skills, names) }),
    ...(overRefusal && { overRefusal: withSets(overRefusal, names) }),
    bertScore: bertScore && { ...bertScore, model: basename(bertScore.model) },
    engine: { ...computed, served: endpoint !== undefined },
    ...rest,
  };
  // as JSON has it, so that what was read from a file compares with what was just made
  return JSON.parse(JSON.stringify(found));
}

/**
 * `unsafe=safety:data/unsafe.jsonl` is the set unsafe of the kind safety, wherever its file is; a task of lm-evaluation-harness is
 * the one of its name, or of its file's.
 */
function withoutSource(word: string): string {
  const [, task, name] = /^((?:[\w.-]+=)?lm-eval:)(?:.*\/)?([^/]*)$/s.exec(word) ?? [];
  return task === undefined ? word.replace(/^([^:/]+):.+$/s, "$1") : `${task}${name}`;
}

function judgeName(judge: JudgeSettings): unknown {
  const model = judgeModelNamed(judge);
  return model === undefined ? judge : withJudgeModel(judge, basename(model));
}
