// OpenFunctions: a question, functions to choose from, and the call that answers it.

import { RetemperError } from "../../errors.js";
import { findColumn, textOf } from "../data/columns.js";
import { loadRows } from "../data/loadRows.js";
import { lineOf, type Row } from "../data/rows.js";
import type { Item, Task } from "../types.js";
import { chatPrompt, decodingOf, type TaskContext } from "./context.js";
import { bertScoreScorer, callScorer } from "./scorers.js";

const SYSTEM = { text: "You are a helpful assistant.", joint: "\n" };
const QUESTIONS = ["question", "Instruction", "instruction", "prompt"];
const FUNCTIONS = ["function", "Functions", "functions"];
const ANSWERS = ["model_answer", "Output", "answer", "response", "output"];

/** A function as OpenFunctions describes it: a name, words, and JSON Schema of its parameters, or a list of them. */
interface FunctionDescription {
  readonly name?: unknown;
  readonly api_call?: unknown;
  readonly api_name?: unknown;
  readonly description?: unknown;
  readonly parameters?: unknown;
}

/**
 * The instruction that a question and its functions make; also what a tuning on this task is given.
 * @example
 * ```ts
 * import { toolPrompt } from "retemper";
 *
 * const weather = { name: "weather", description: "The forecast", parameters: { town: { type: "string" } } };
 * const prompt = toolPrompt("How is the weather in Corran?", [weather]);
 * console.log(prompt.split("\n")[1]); // Question: How is the weather in Corran?
 * ```
 */
export function toolPrompt(question: string, functions: readonly unknown[]): string {
  const described = functions.map((one) => describe((isObject(one) ? one : {}) as FunctionDescription));
  return [
    "Construct a function call that answers the question, with the function below.",
    `Question: ${question}`,
    ...described,
    "Answer with the call alone, as one string with keyword arguments: name(argument=value, ...).",
  ].join("\n");
}

export async function loadToolCalls(context: TaskContext): Promise<Task> {
  const source = context.data.tools;
  if (source === undefined) {
    throw new RetemperError("USAGE", "The task tools needs a file of OpenFunctions.", {
      hint: "--data tools=gorilla_openfunctions_v1_test.json",
    });
  }
  const { facts, files } = await loadRows(source, { hub: context.hub });
  const items: Item[] = [];
  for (const { path, rows } of files) {
    const [questions, answers] = [
      findColumn(rows, QUESTIONS, "the questions", path),
      findColumn(rows, ANSWERS, "the calls", path),
    ];
    // a file without functions is one of finished prompts
    const functions = FUNCTIONS.find((name) => rows.every((row) => row[name] !== undefined));
    for (const [index, row] of rows.entries()) {
      const question = textOf(row, questions, path, index);
      const request =
        functions === undefined ? question : toolPrompt(question, functionsOf(row, functions, path, index));
      items.push({
        id: files.length > 1 ? `${path}/${index}` : String(index),
        prompt: chatPrompt(request, SYSTEM, context),
        request,
        references: callsOf(row, answers, path, index),
      });
    }
  }
  const bert = context.encoder && bertScoreScorer(context.encoder);
  return {
    name: "tools",
    kind: "task",
    data: [facts],
    warnings: [],
    items: items.slice(0, context.limit),
    ask: "generate",
    decoding: decodingOf({ maxNewTokens: context.paperExact ? 16 : 256, temperature: 0 }, context),
    scorers: [callScorer(), ...(bert ? [bert] : [])],
    metrics: [
      ...(bert ? [bertMetric] : []),
      {
        name: "call_match",
        better: "high",
        of: ({ values }) => {
          const match = values.call?.[0]?.match;
          return match === undefined || match === null ? null : Number(match);
        },
      },
    ],
  };
}

/** The F1 of BERTScore. */
export const bertMetric = {
  name: "bertscore_f1",
  better: "high",
  of: ({ values }) => {
    const f1 = values.bertscore?.[0]?.f1;
    return typeof f1 === "number" ? f1 : null;
  },
} as const satisfies Task["metrics"][number];

/** The functions of a row: objects, or JSON of them. */
export function functionsOf(row: Row, column: string, file: string, index: number): unknown[] {
  const cell = row[column];
  const list = Array.isArray(cell) ? cell : [cell];
  return list.map((one) => {
    if (typeof one !== "string") return one;
    try {
      return JSON.parse(one) as unknown;
    } catch (error) {
      throw new RetemperError("BAD_INPUT", `row ${index + 1}: a function is no JSON`, {
        file,
        line: lineOf(row),
        cause: error,
      });
    }
  });
}

/** The calls that answer a row. @throws RetemperError BAD_INPUT where there is none */
export function callsOf(row: Row, column: string, file: string, index: number): string[] {
  const cell = row[column];
  const list = (Array.isArray(cell) ? cell : [cell]).filter((one) => typeof one === "string" && one.trim() !== "");
  if (list.length > 0) return list as string[];
  throw new RetemperError("BAD_INPUT", `row ${index + 1}: there is no call to compare with`, {
    file,
    line: lineOf(row),
  });
}

function describe({ name, api_call, api_name, description, parameters }: FunctionDescription): string {
  const lines = parametersOf(parameters).map(
    ([key, { type, description: words }], at) => `${at + 1}. ${key} (type: ${type ?? "any"}) - ${words ?? ""}`,
  );
  const required = isObject(parameters) && Array.isArray(parameters.required) ? parameters.required : [];
  return [
    `Function to be used: ${api_call ?? api_name ?? name ?? ""}`,
    `Description: ${description ?? ""}`,
    ...(lines.length > 0 ? ["Parameters:", ...lines] : []),
    ...(required.length > 0 ? [`Required: ${required.join(", ")}`] : []),
  ].join("\n");
}

/** Parameters by name, from a schema, its properties alone, or a list of named ones. */
function parametersOf(parameters: unknown): [string, Readonly<Record<string, unknown>>][] {
  if (Array.isArray(parameters)) return parameters.filter(isObject).map((one) => [String(one.name ?? ""), one]);
  const schema = isObject(parameters) ? parameters : {};
  return Object.entries(isObject(schema.properties) ? schema.properties : schema).filter(
    (entry): entry is [string, Readonly<Record<string, unknown>>] => isObject(entry[1]),
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
