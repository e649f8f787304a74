// Tasks from a user's own file: exact match, the parsed call, ROUGE-L, BERTScore, multiple choice, perplexity, and the loss on
// answers.

import { RetemperError } from "../../errors.js";
import type { ChatMessage, Prompt } from "../../generate/types.js";
import { CATEGORY_COLUMNS, findColumn, findOptionalColumn, PROMPT_COLUMNS, textOf } from "../data/columns.js";
import { conversationOf, isConversation, type Place } from "../data/conversation.js";
import { loadRows } from "../data/loadRows.js";
import { lineOf, type Row } from "../data/rows.js";
import { multipleChoice } from "../metrics/likelihood.js";
import type { Item, MetricOfItem, ScoredItem, Scorer, Task } from "../types.js";
import { chatTurns, decodingOf, type TaskContext } from "./context.js";
import { bertScoreScorer, callScorer, exactMatchScorer, rougeScorer } from "./scorers.js";
import { bertMetric } from "./toolCalls.js";

const REFERENCES = ["reference", "response", "answer", "target", "output", "completion", "label", "references"];
const CHOICES = ["choices", "options", "endings"];
const RIGHT = ["answer", "label", "gold", "answer_index", "correct", "target"];
const TEXTS = ["text", "content", "document"];

export const GENERIC_KINDS = ["exact", "call", "rouge", "bertscore", "choice", "perplexity", "loss"] as const;
export type GenericKind = (typeof GENERIC_KINDS)[number];

/**
 * A task of a file's rows. Requests are answered in the model's chat template unless the context says otherwise, with the row's
 * own system text; choices and texts to score are taken as they are; of conversations the answers are scored, as training learns
 * them.
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
  const likelihood = kind === "choice" || kind === "perplexity" || kind === "loss";
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
  if (kind === "loss") return (row, index) => answersOf(row, placeOfRow(row, path, index), context);
  if (kind === "perplexity") {
    // rows with a prompt and an answer to it are no texts: as in training, the prompt is given and not scored
    if (findOptionalColumn(rows, TEXTS) === undefined && rows.some(isConversation)) {
      return makerOf("loss", rows, path, context);
    }
    const texts = findColumn(rows, [...TEXTS, "prompt"], "the texts", path);
    return (row, index) => ({ prompt: "", request: textOf(row, texts, path, index) });
  }
  if (kind !== "choice" && findOptionalColumn(rows, PROMPT_COLUMNS) === undefined && rows.some(isConversation)) {
    return (row, index) => lastTurnOf(row, placeOfRow(row, path, index), context);
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
    // Alpaca's rows have what the instruction is about in a column of its own
    const more =
      prompts === "instruction" && typeof row.input === "string" && row.input.trim() !== "" ? `\n${row.input}` : "";
    const request = textOf(row, prompts, path, index) + more;
    const references = Array.isArray(row[answers]) ? row[answers].map(String) : [textOf(row, answers, path, index)];
    const system = typeof row.system === "string" && row.system !== "" ? row.system : undefined;
    return { prompt: asked([{ role: "user", content: request }], system, context), request, references };
  };
}

/** Where a template has no system role, the row's text is put before the first question, with an empty line, as in training. */
function asked(turns: readonly ChatMessage[], system: string | undefined, context: TaskContext): Prompt {
  const model = context.chat === false ? { chatTemplate: false, systemRole: false } : context.model;
  const text = system === undefined ? undefined : { text: system, joint: "\n\n" };
  return chatTurns(turns, text, { ...context, model });
}

/** A conversation up to its last answer, which is the right one. */
function lastTurnOf(row: Row, place: Place, context: TaskContext): Made {
  const all = conversationOf(row, place);
  const last = all.findLastIndex(({ role, content }, at) => role === "assistant" && at > 0 && content.trim() !== "");
  const before = all.slice(0, last);
  const [first] = before;
  const system = first?.role === "system" ? first.content : undefined;
  const turns = system === undefined ? before : before.slice(1);
  const references = [all[last]?.content as string];
  return { prompt: asked(turns, system, context), request: requestOf(turns), references };
}

/** A conversation whose answers are scored. The system text that the user wants comes before the row's own. */
function answersOf(row: Row, place: Place, { system }: TaskContext): Made {
  const all = conversationOf(row, place);
  const turns = system !== undefined && all[0]?.role === "system" ? all.slice(1) : all;
  const prompt = typeof system === "string" ? [{ role: "system", content: system }, ...turns] : turns;
  return { prompt, request: requestOf(turns) };
}

/** What was asked last. */
function requestOf(turns: readonly ChatMessage[]): string {
  return turns.findLast(({ role }) => role === "user")?.content ?? "";
}

function placeOfRow(row: Row, file: string, index: number): Place {
  const line = lineOf(row);
  return { what: line === undefined ? `row ${index + 1}` : "this row", file, line };
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
    case "loss":
      return { scorers: [], metrics: [lossMetric, tokenLossMetric] };
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
  const loss = lossOf(records);
  return loss === null ? null : Math.exp(loss);
}

/** Of each row the mean over the tokens of its answers, in nats; the rows' mean, in which a long answer counts as much as a short one. */
const lossMetric: MetricOfItem = { name: "loss", better: "low", of: (record) => lossOf([record]) };

/** Over the tokens of all rows together, as the log of a training has it. */
const tokenLossMetric: MetricOfItem = {
  name: "token_loss",
  better: "low",
  of: (record) => lossOf([record]),
  total: lossOf,
};

/** The mean negative log-probability of the tokens that were scored, in nats. */
function lossOf(records: readonly ScoredItem[]): number | null {
  let [sum, tokens] = [0, 0];
  for (const { answers } of records) {
    sum += answers[0]?.logLikelihoods?.[0] ?? 0;
    tokens += answers[0]?.logLikelihoods ? answers[0].tokens : 0;
  }
  return tokens === 0 ? null : -sum / tokens;
}
