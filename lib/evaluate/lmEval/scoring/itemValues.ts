// What one item is worth, by metric: from log-likelihoods of choices or texts, and from answers that were written.

import { RetemperError } from "../../../errors.js";
import type { Fields, Target } from "../asking/fields.js";
import type { TaskConfig } from "../files/taskConfig.js";
import type { Functions } from "../functions/functions.js";
import type { Document, MetricValue, Outcome } from "../functions/types.js";
import { PythonRegex } from "../python/pythonRegex.js";
import { matcherOf } from "./matching.js";
import type { TaskMetric } from "./metrics.js";

const SPACES = new PythonRegex("\\s+");

export type ItemValues = Readonly<Record<string, MetricValue>>;

export interface ValueSettings {
  readonly config: TaskConfig;
  readonly functions: Functions;
  readonly fields: Fields;
  readonly metrics: readonly TaskMetric[];
  /** Whether each choice is a context of its own. */
  readonly choicesAsk: boolean;
  /** Whether there are several right answers. */
  readonly severalTargets: boolean;
}

/** @throws RetemperError BAD_INPUT for rows whose answer cannot be compared */
export function itemValuesOf(settings: ValueSettings): (document: Document, outcome: Outcome) => ItemValues {
  const { config, functions } = settings;
  if (config.processResults) {
    const own = functions.results(config.processResults, "process_results");
    return own;
  }
  switch (config.outputType) {
    case "multiple_choice":
      return (document, outcome) => ofChoices(settings, document, outcome);
    case "loglikelihood":
      return (_, { logLikelihoods: [sum = Number.NaN], greedy: [greedy = false] }) => ({
        perplexity: sum,
        acc: Number(greedy),
      });
    case "loglikelihood_rolling":
      return (document, { logLikelihoods: [sum = Number.NaN] }) => {
        const text = String(settings.fields.target(document));
        const bytes = Buffer.byteLength(text);
        // as many pieces as white space cuts a text into, an empty one before or behind it counted
        const words = SPACES.findAll(text).length + 1;
        return { word_perplexity: [sum, words], byte_perplexity: [sum, bytes], bits_per_byte: [sum, bytes] };
      };
    case "generate_until": {
      const matches = settings.metrics
        .filter(({ name }) => name === "exact_match")
        .map(({ name, config: { settings: own } }) => ({ name, match: matcherOf(own, config) }));
      return (document, outcome) => {
        const right = rightAnswers(settings, document);
        return Object.fromEntries(matches.map(({ name, match }) => [name, Number(match(outcome.response, right))]));
      };
    }
  }
}

function ofChoices(
  { config, fields, choicesAsk, severalTargets, metrics }: ValueSettings,
  document: Document,
  outcome: Outcome,
): ItemValues {
  const choices = fields.choices(document);
  const likely = outcome.logLikelihoods.slice(0, choices.length);
  const best = (of: (likelihood: number, at: number) => number) => largest(likely.map(of));
  const guesses = {
    acc: best((sum) => sum),
    acc_norm: best((sum, at) => sum / [...(choices[at] as string)].length),
    acc_bytes: best((sum, at) => sum / Buffer.byteLength(choices[at] as string)),
    acc_mutual_info: best((sum, at) => sum - (outcome.logLikelihoods[choices.length + at] ?? 0)),
  };
  const target: Target = choicesAsk ? fields.text(document) : fields.target(document);
  const places = (Array.isArray(target) ? target : [target]).map((one) => placeOf(one, choices));
  if (!severalTargets && places.length > 1) {
    throw new RetemperError("BAD_INPUT", `${config.name}: a row has several right choices, and the first row has one`, {
      file: config.file,
    });
  }
  const [right = -1] = places;
  const shares = softmax(likely);
  const values: Record<string, MetricValue> = Object.fromEntries(
    Object.entries(guesses).map(([name, guess]) => [name, Number(places.includes(guess))]),
  );
  values.exact_match = Number(places.some((place) => outcome.greedy[place] === true));
  values.f1 = [right, guesses.acc];
  values.mcc = [right, guesses.acc];
  values.brier_score = shares.reduce((sum, share, at) => sum + (share - Number(at === right)) ** 2, 0);
  return Object.fromEntries(
    metrics.flatMap(({ name }) => (name in values ? [[name, values[name] as MetricValue]] : [])),
  );
}

/** -1 for what is none of the choices: then no guess is right. */
function placeOf(target: unknown, choices: readonly string[]): number {
  if (typeof target === "string") return choices.indexOf(target);
  const place = Number(target);
  return Number.isInteger(place) && place < choices.length ? place : -1;
}

/** The right answers as texts. */
function rightAnswers({ config, fields, severalTargets }: ValueSettings, document: Document): string[] {
  const target = fields.target(document);
  if (config.docToChoice !== undefined) {
    const choice = typeof target === "number" ? fields.choices(document)[target] : undefined;
    if (choice !== undefined) return [choice];
    throw new RetemperError("BAD_INPUT", `${config.name}: ${JSON.stringify(target)} is the place of no choice`, {
      file: config.file,
    });
  }
  if (severalTargets && Array.isArray(target)) return target.map((one) => fields.string(one));
  return [fields.string(target)];
}

/** The first of the largest. */
function largest(values: readonly number[]): number {
  return values.reduce((best, value, at) => (value > (values[best] as number) ? at : best), 0);
}

function softmax(values: readonly number[]): number[] {
  const most = Math.max(...values);
  const parts = values.map((value) => Math.exp(value - most));
  const sum = parts.reduce((all, part) => all + part, 0);
  return parts.map((part) => part / sum);
}
