// exact_match with its settings: what does not count before two texts are compared.

import { type TaskConfig, unsupported } from "../files/taskConfig.js";
import { taskPattern } from "./taskPattern.js";

const SETTINGS = new Set(["ignore_case", "ignore_punctuation", "ignore_numbers", "regexes_to_ignore", "hf_evaluate"]);

/** @throws RetemperError INCOMPATIBLE for a setting that is not known here */
export function matcherOf(
  settings: Readonly<Record<string, unknown>>,
  config: TaskConfig,
): (response: unknown, right: readonly string[]) => boolean {
  const odd = Object.keys(settings).find((key) => !SETTINGS.has(key));
  if (odd !== undefined) throw unsupported(config, `metric_list.${odd}`, "");
  const ignored = ((settings.regexes_to_ignore ?? []) as readonly unknown[]).map((pattern) =>
    taskPattern(pattern, config, "regexes_to_ignore"),
  );
  const plain = (text: string) => {
    let left = ignored.reduce((rest, one) => one.replace(rest, ""), text);
    if (settings.ignore_case === true) left = left.toLowerCase();
    if (settings.ignore_punctuation === true) left = left.replace(/[!-/:-@[-`{-~]/g, "");
    if (settings.ignore_numbers === true) left = left.replace(/[0-9]/g, "");
    return left.replace(/\0+$/, ""); // which the arrays that lm-evaluation-harness compares do not hold
  };
  return (response, right) => {
    if (typeof response !== "string") throw unsupported(config, "filter_list", "exact_match of several answers");
    const given = plain(response);
    return right.some((one) => plain(one) === given);
  };
}
