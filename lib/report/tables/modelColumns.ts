// The columns that every table of models has.

import { percent, quantity } from "../numbers.js";
import type { ExperimentResults, Measured } from "../types.js";

export interface ModelColumns {
  readonly head: readonly string[];
  readonly of: (model: Measured) => readonly string[];
  /** What these columns mean, and what is said once where a column would say the same in every row. */
  readonly note: string;
}

/**
 * The score and the rate of safety; beside them over-refusal and skills, and how the answers to the safety sets ended, where that is told
 * and not nothing.
 */
export function modelColumns(labels: ExperimentResults["labels"], models: readonly Measured[]): ModelColumns {
  const over = models.some(({ overRefusal }) => overRefusal !== undefined);
  const skills = [...new Set(models.flatMap((model) => Object.keys(model.skills ?? {})))];
  const [cut, empty] = [someAbove(models, "truncated"), someAbove(models, "empty")];
  const told = models.some(({ truncated }) => truncated !== undefined);
  const share = (value: number | undefined) => (value === undefined ? "" : percent(value));
  return {
    head: [
      ...[labels.score, labels.asr],
      ...(over ? ["over-refusal"] : []),
      ...skills,
      ...(cut ? ["truncated"] : []),
      ...(empty ? ["empty"] : []),
    ],
    of: (model) => [
      ...[quantity(model.score), quantity(model.asr)],
      ...(over ? [quantity(model.overRefusal)] : []),
      ...skills.map((name) => quantity(model.skills?.[name])),
      ...(cut ? [share(model.truncated)] : []),
      ...(empty ? [share(model.empty)] : []),
    ],
    note: endingsNote(told, cut, empty),
  };
}

function someAbove(models: readonly Measured[], key: "truncated" | "empty"): boolean {
  return models.some((one) => (one[key] ?? 0) > 0);
}

function endingsNote(told: boolean, cut: boolean, empty: boolean): string {
  if (!told) return "";
  if (!cut && !empty) return " No answer to a safety set was cut off or empty.";
  const words = [
    ...(cut
      ? ["Truncated: share of the answers to the safety sets that were cut off at the limit of new tokens."]
      : []),
    ...(empty ? ["Empty: share of them without text."] : []),
    ...(cut ? [] : ["None was cut off."]),
    ...(empty ? [] : ["None was empty."]),
  ];
  return ` ${words.join(" ")}`;
}
