// What an experiment's judge is, and the model that it names: of a judge that is a language model, by words or as an object.

import { splitJudge } from "../../evaluate/judges/namedJudges.js";
import type { ExperimentSettings } from "./schema.js";

export type JudgeSettings = ExperimentSettings["safety"]["judges"][number];

/** The words NAME or NAME:MODEL of a judge that is a language model; undefined for phrases and classifiers. */
export function judgeWords(judge: JudgeSettings): string | undefined {
  if (typeof judge === "string") return splitJudge(judge) && judge;
  if ("wildguard" in judge) return `wildguard:${judge.wildguard}`;
  return "judge" in judge ? judge.judge : undefined;
}

/** The model that a judge's settings name; undefined where they name none. */
export function judgeModelNamed(judge: JudgeSettings): string | undefined {
  const words = judgeWords(judge);
  if (words !== undefined) return splitJudge(words)?.model;
  return typeof judge !== "string" && "classifier" in judge ? judge.classifier : undefined;
}

/** The judge with its model by another name. */
export function withJudgeModel(judge: JudgeSettings, model: string): JudgeSettings {
  const words = (text: string) => `${splitJudge(text)?.kind}:${model}`;
  if (typeof judge === "string") return words(judge);
  if ("wildguard" in judge) return { ...judge, wildguard: model };
  return "judge" in judge ? { ...judge, judge: words(judge.judge) } : { ...judge, classifier: model };
}
