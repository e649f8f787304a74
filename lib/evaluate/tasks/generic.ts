// Tasks from a user's own file: exact match, the parsed call, ROUGE-L, BERTScore, multiple choice, perplexity.

import { RetemperError } from "../../errors.js";
import { CATEGORY_COLUMNS, findColumn, findOptionalColumn, PROMPT_COLUMNS, textOf } from "../data/columns.js";
import { loadRows } from "../data/loadRows.js";
import type { Row } from "../data/rows.js";
import { multipleChoice } from "../metrics/likelihood.js";
import type { Item, MetricOfItem, ScoredItem, Scorer, Task } from "../types.js";
import { chatPrompt, decodingOf, type TaskContext } from "./context.js";
import { bertScoreScorer, callScorer, exactMatchScorer, rougeScorer } from "./scorers.js";
import { bertMetric } from "./toolCalls.js";

const REFERENCES = ["reference", "response", "answer", "target", "output", "completion", "label", "references"];
const CHOICES = ["choices", "options", "endings"];
const RIGHT = ["answer", "label", "gold", "answer_index", "correct", "target"];
const TEXTS = ["text", "prompt", "content", "document"];

export const GENERIC_KINDS = ["exact", "call", "rouge", "bertscore", "choice", "perplexity"] as const;
export type GenericKind = (typeof GENERIC_KINDS)[number];

/**
 * A task of a file's rows. Texts are answered in the model's chat template unless the context says otherwise; choices and
 * texts to score are taken as they are.
 * @throws RetemperError BAD_INPUT for missing columns and rows that cannot be used; USAGE where an encoder is missing
 */
export async function loadGeneric(
  kind: GenericKind,
  reference: string,
  context: TaskContext,
  name: string,
): Promise<Task> {
  const { facts, files } = await loadRows(reference, { hub: context.hub });
  const items: Item[] = [];
  for (const { name: file, path, rows } of files) {
    const make = makerOf(kind, rows, path, context);
    const categories = findOptionalColumn(rows, CATEGORY_COLUMNS);
    for (const [index, row] of rows.entries()) {
      items.push({
        id: files.length > 1 ? `${file}/${index}` : String(index),
        ...(categories !== undefined && { category: textOf(row, categories, path, index) }),
        ...make(row, index),
      });
    }
  }
  const likelihood = kind === "choice" || kind === "perplexity";
  return {
    name,
    kind: "task",
    data: [facts],
    warnings: [],
    items: items.slice(0, context.limit),
    ask: likelihood ? "likelihood" : "generate",
    decoding: likelihood ? {} : decodingOf({ maxNewTokens: 256, temperature: 0 }, context),
    ...scoring(kind, context),
  };
}

type Made = Omit<Item, "id" | "category">;

function makerOf(
  kind: GenericKind,
  rows: readonly Row[],
  path: string,
  context: TaskContext,
): (row: Row, index: number) => Made {
  if (kind === "perplexity") {
    const texts = findColumn(rows, TEXTS, "the texts", path);
    return (row, index) => ({ prompt: "", request: textOf(row, texts, path, index) });
  }
  const prompts = findColumn(rows, PROMPT_COLUMNS, "the prompts", path);
  if (kind === "choice") return choiceMaker(rows, prompts, path);
  const answers = findColumn(
    rows,
    REFERENCES.filter((column) => column !== prompts),
    "the right answers",
    path,
  );
  return (row, index) => {
    const request = textOf(row, prompts, path, index);
    const references = Array.isArray(row[answers]) ? row[answers].map(String) : [textOf(row, answers, path, index)];
    const prompt = context.chat === false ? request : chatPrompt(request, undefined, context);
    return { prompt, request, references };
  };
}

/** The choices are continuations of the prompt; a space is put between them where neither has one. */
function choiceMaker(rows: readonly Row[], prompts: string, path: string): (row: Row, index: number) => Made {
  const choicesColumn = findColumn(rows, CHOICES, "the choices", path);
  const right = findColumn(rows, RIGHT, "the right choice (its place from 0, its letter, or its text)", path);
  return (row, index) => {
    const request = textOf(row, prompts, path, index);
    const cell = row[choicesColumn];
    // "choices": ["…"] or {"text": ["…"], "label": ["A", …]}, as ARC has them
    const list = Array.isArray(cell) ? cell : (cell as { text?: unknown } | null)?.text;
    const labels = (cell as { label?: unknown } | null)?.label;
    const texts = Array.isArray(list) ? list.map(String) : [];
    const answer = row[right];
    const place = placeOf(answer, texts, Array.isArray(labels) ? labels.map(String) : undefined);
    if (texts.length < 2 || place === undefined) {
      const what =
        texts.length < 2 ? "there are not two choices" : `${JSON.stringify(String(answer))} is none of the choices`;
      throw new RetemperError("BAD_INPUT", `row ${index + 1}: ${what}`, { file: path });
    }
    const joined = texts.map((text) => (/\s$/.test(request) || /^\s/.test(text) ? text : ` ${text}`));
    return { prompt: request, request, choices: joined, references: [joined[place] as string] };
  };
}

function placeOf(answer: unknown, texts: readonly string[], labels: readonly string[] | undefined): number | undefined {
  const place = typeof answer === "number" || typeof answer === "bigint" ? Number(answer) : undefined;
  if (place !== undefined) return place in texts ? place : undefined;
  if (typeof answer !== "string") return undefined;
  const byText = texts.indexOf(answer);
  if (byText >= 0) return byText;
  const byLabel = labels?.indexOf(answer) ?? -1;
  if (byLabel >= 0) return byLabel;
  const letter = /^[A-Z]$/.test(answer) ? answer.charCodeAt(0) - 65 : /^\d+$/.test(answer) ? Number(answer) : -1;
  return letter in texts ? letter : undefined;
}

function scoring(kind: GenericKind, context: TaskContext): Pick<Task, "scorers" | "metrics"> {
  switch (kind) {
    case "exact":
      return { scorers: [exactMatchScorer()], metrics: [valueMetric("exact_match", "exact_match", "match")] };
    case "call":
      return { scorers: [callScorer()], metrics: [valueMetric("call_match", "call", "match")] };
    case "rouge":
      return { scorers: [rougeScorer()], metrics: [valueMetric("rouge_l", "rouge", "f1")] };
    case "bertscore": {
      if (!context.encoder) {
        throw new RetemperError("USAGE", "BERTScore needs an encoder.", {
          hint: "--bertscore-model microsoft/deberta-xlarge-mnli (layer 40)",
        });
      }
      return { scorers: [bertScoreScorer(context.encoder)], metrics: [bertMetric] };
    }
    case "choice":
      return {
        scorers: [choiceScorer()],
        metrics: [
          valueMetric("accuracy", "choice", "right"),
          valueMetric("accuracy_by_length", "choice", "rightByLength"),
        ],
      };
    case "perplexity":
      return { scorers: [], metrics: [perplexityMetric] };
  }
}

function choiceScorer(): Scorer {
  return {
    name: "choice",
    facts: {},
    async *score(exchanges) {
      for (const [index, { item, answer }] of exchanges.entries()) {
        const { choices = [], references = [] } = item;
        // one "token" a choice that carries its whole log-likelihood
        const { best, bestByLength } = multipleChoice(
          choices,
          (answer.logLikelihoods ?? []).map((sum) => [sum]),
        );
        const right = choices.indexOf(references[0] as string);
        yield { index, values: { right: best === right, rightByLength: bestByLength === right, best } };
      }
    },
  };
}

function valueMetric(name: string, scorer: string, value: string): MetricOfItem {
  return {
    name,
    better: "high",
    of: ({ values }: ScoredItem) => {
      const one = values[scorer]?.[0]?.[value];
      return typeof one === "boolean" ? Number(one) : typeof one === "number" ? one : null;
    },
  };
}

/** Of each text by itself, and of all together: exp of the mean over all of their tokens. */
const perplexityMetric: MetricOfItem = {
  name: "perplexity",
  better: "low",
  of: (record) => perplexityOf([record]),
  total: perplexityOf,
};

function perplexityOf(records: readonly ScoredItem[]): number | null {
  let [sum, tokens] = [0, 0];
  for (const { answers } of records) {
    sum += answers[0]?.logLikelihoods?.[0] ?? 0;
    tokens += answers[0]?.logLikelihoods ? answers[0].tokens : 0;
  }
  return tokens === 0 ? null : Math.exp(-sum / tokens);
}
