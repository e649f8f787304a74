// What becomes of answers before they are compared: lm-evaluation-harness's filters.

import { RetemperError } from "../../../errors.js";
import { strip } from "../../metrics/pythonText.js";
import { FunctionName } from "../files/readTaskFile.js";
import { type FilterConfig, type TaskConfig, unsupported } from "../files/taskConfig.js";
import type { Functions } from "../functions/functions.js";
import type { Document } from "../functions/types.js";
import type { PythonRegex } from "../python/pythonRegex.js";
import { taskPattern } from "./taskPattern.js";

/** An item's answers, or what an earlier step left of them. */
type Step = (responses: readonly unknown[], document: Document) => unknown;

export interface Filter {
  readonly name: string;
  /** What is compared with the right answer: one text, or a list where no step takes one. */
  apply(answers: readonly string[], document: Document): unknown;
}

/** @throws RetemperError INCOMPATIBLE for a filter that is not known here */
export function filtersOf(config: TaskConfig, functions: Functions): Filter[] {
  return config.filters.map(({ name, steps }) => {
    const made = steps.map((step) => stepOf(step, config, functions));
    return {
      name,
      apply: (answers, document) =>
        made.reduce<unknown>((responses, step) => {
          if (Array.isArray(responses)) return step(responses, document);
          throw unsupported(config, "filter_list", `${name} with a step behind the one that takes one answer`);
        }, answers),
    };
  });
}

function stepOf(step: FilterConfig["steps"][number], config: TaskConfig, functions: Functions): Step {
  const { function: name, ...settings } = step;
  const each = (of: (response: unknown, document: Document) => unknown): Step => {
    return (responses, document) => responses.map((response) => of(response, document));
  };
  const pattern = (text: unknown) => taskPattern(text, config, "regex_pattern");
  switch (name) {
    case "take_first":
      return (responses) => responses[0];
    case "take_first_k":
      return (responses) => {
        const k = Number(settings.k);
        if (responses.length >= k) return responses.slice(0, k);
        throw new RetemperError(
          "USAGE",
          `${config.name} takes ${k} answers of each item, and ${responses.length} are made`,
          {
            hint: `--samples ${k}`,
          },
        );
      };
    case "majority_vote":
      return (responses) => [mostOften(responses)];
    case "lowercase":
      return each((response) => asText(response).toLowerCase());
    case "uppercase":
      return each((response) => asText(response).toUpperCase());
    case "remove_whitespace":
      return each((response) => strip(asText(response)));
    case "map": {
      const { mapping_dict = {}, default_value = null } = settings;
      const known = mapping_dict as Readonly<Record<string, unknown>>;
      return each((response) => (Object.hasOwn(known, String(response)) ? known[String(response)] : default_value));
    }
    case "regex": {
      const { expression, select, fallback } = searchOf(settings, pattern);
      return each((response) => firstFound(expression, asText(response), select) ?? fallback);
    }
    case "multi_choice_regex":
      return multiChoice(settings, pattern);
    case "custom": {
      const { filter_fn } = settings;
      if (!(filter_fn instanceof FunctionName)) throw unsupported(config, "filter_list", "custom without filter_fn");
      const own = functions.filter(filter_fn, "filter_fn");
      return (responses, document) => own(responses.map(asText), document);
    }
    default:
      throw unsupported(config, "filter_list", name instanceof FunctionName ? `!function ${name.name}` : String(name));
  }
}

function asText(response: unknown): string {
  return typeof response === "string" ? response : "";
}

/** What the filters by patterns look for, which match of it counts, and what stands for none. */
function searchOf(settings: Readonly<Record<string, unknown>>, pattern: (text: unknown) => PythonRegex) {
  const { regex_pattern = "#### (\\-?[0-9\\.\\,]+)", group_select = 0, fallback = "[invalid]" } = settings;
  return { expression: pattern(regex_pattern), select: Number(group_select), fallback };
}

/** The match of that number (from the end where it is negative), trimmed; of several groups the first that is not empty. */
function firstFound(expression: PythonRegex, text: string, select: number): string | undefined {
  const found = expression.findAll(text);
  if (found.length === 0) return undefined;
  const one = found.at(select);
  if (one === undefined)
    throw new RetemperError("BAD_INPUT", `the pattern ${expression.pattern} has no match ${select}`);
  const group = typeof one === "string" ? one : one.find((part) => part !== "");
  return group === undefined ? undefined : strip(group);
}

/** The first of those that occur most often. */
function mostOften(responses: readonly unknown[]): unknown {
  const counts = new Map<unknown, number>();
  for (const response of responses) counts.set(response, (counts.get(response) ?? 0) + 1);
  let best: unknown;
  for (const [response, count] of counts) if (count > (counts.get(best) ?? 0)) best = response;
  return best;
}

/** The letter of a choice: by the pattern, else by the choice's own text, else by a letter behind a colon. */
function multiChoice(settings: Readonly<Record<string, unknown>>, pattern: (text: unknown) => PythonRegex): Step {
  const ignored = ((settings.regexes_to_ignore ?? []) as readonly unknown[]).map(pattern);
  const { expression, select, fallback } = searchOf(settings, pattern);
  const plain = (text: string) => {
    const left = ignored.reduce((rest, one) => one.replace(rest, ""), text);
    const cased = settings.ignore_case === true ? left.toLowerCase() : left;
    return settings.ignore_punctuation === true ? cased.replace(/\p{P}/gu, "") : cased;
  };
  return (responses, document) => {
    const choices = (document.choices as readonly string[]).map((choice) => plain(strip(choice)));
    const letters = choices.map((_, at) => String.fromCharCode(65 + at));
    const byText = new Map(choices.map((choice, at) => [choice, `(${letters[at]})`]));
    const longest = [...choices].sort((a, b) => [...b].length - [...a].length);
    const texts = pattern(longest.map((choice) => choice.replace(/[^\p{L}\p{N}_]/gu, "\\$&")).join("|"));
    const behindColon = pattern(`:[\\s]*(${letters.join("|")})`);
    return responses.map((response) => {
      const text = asText(response);
      const direct = firstFound(expression, text, select);
      if (direct) return direct;
      const named = firstFound(texts, plain(text), select);
      if (named) return byText.get(named) ?? named;
      const letter = firstFound(behindColon, text, select);
      return letter ? `(${letter})` : fallback;
    });
  };
}
