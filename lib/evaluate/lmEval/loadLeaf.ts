// One task of lm-evaluation-harness: its rows as items, and what their answers are worth.

import { RetemperError } from "../../errors.js";
import { decodingOf, type TaskContext } from "../tasks/context.js";
import type { Continuation, Decoding, Item, Task } from "../types.js";
import { loadDocuments } from "./asking/documents.js";
import { FewshotSampler } from "./asking/fewshot.js";
import { Fields } from "./asking/fields.js";
import { decodingOfTask } from "./asking/generation.js";
import { Prompts } from "./asking/prompts.js";
import { FunctionName } from "./files/readTaskFile.js";
import type { TaskConfig } from "./files/taskConfig.js";
import { Functions } from "./functions/functions.js";
import type { Document, ProgramMetric } from "./functions/types.js";
import { type Filter, filtersOf } from "./scoring/filters.js";
import { itemValuesOf } from "./scoring/itemValues.js";
import { metricsOf, type TaskMetric } from "./scoring/metrics.js";

export interface Leaf {
  readonly config: TaskConfig;
  readonly data: Task["data"];
  readonly warnings: readonly string[];
  readonly items: readonly Item[];
  readonly decoding: Decoding;
  readonly filters: readonly Filter[];
  readonly metrics: readonly TaskMetric[];
  /** By the items' ids. */
  readonly documents: ReadonlyMap<string, Document>;
  readonly valuesOf: ReturnType<typeof itemValuesOf>;
  /** Whether answers are programs, which are run. */
  readonly runs: boolean;
}

/**
 * @param reference its data, where they are not those that it names
 * @param grouped whether it stands among others: then its name is in its items' ids
 */
export async function loadLeaf(
  config: TaskConfig,
  reference: string | undefined,
  context: TaskContext,
  grouped: boolean,
): Promise<Leaf> {
  const functions = new Functions(config);
  await functions.look(namesIn(config));
  // a task that says 0 has no examples, whatever the user wants, as there
  const fewshot = config.numFewshot === 0 && config.saysFewshot ? 0 : (context.lmEval?.fewshot ?? config.numFewshot);
  const { asked, examples, columns, data } = await loadDocuments(config, functions, {
    reference,
    fewshot,
    hub: context.hub,
  });
  const [first] = asked;
  if (!first) throw new RetemperError("BAD_INPUT", `${config.name} has no rows.`, { file: config.file });
  const fields = new Fields(config, functions, columns);
  const isChoice = config.outputType === "multiple_choice";
  const choicesAsk = config.docToChoice !== undefined && typeof fields.text(first) === "number";
  const severalTargets = Array.isArray(fields.target(first));
  const metrics = metricsOf(config, functions);
  const filters = filtersOf(config, functions);
  const prompts = new Prompts({
    ...{ config, fields, choicesAsk, count: fewshot },
    sampler:
      fewshot > 0 ? new FewshotSampler(config.fewshot.sampler, examples, context.lmEval?.fewshotSeed) : undefined,
    examplesHoldAsked: config.fewshot.split === config.testSplit,
    system: context.system ?? undefined,
    chat: context.chat === true ? context.model : undefined,
  });
  const programs = metrics.find(({ config: { metric } }) => metric instanceof FunctionName);
  const program = programs && functions.metric(programs.config.metric as FunctionName, "metric_list");
  const documents = new Map<string, Document>();
  const items = asked.slice(0, context.limit).map((document, index): Item => {
    const id = grouped ? `${config.name}/${index}` : String(index);
    documents.set(id, document);
    const contexts = config.outputType === "loglikelihood_rolling" ? [""] : prompts.of(document);
    const [prompt = ""] = contexts;
    const common = { id, prompt, request: requestOf(fields, document), ...(grouped && { category: config.name }) };
    if (config.outputType === "generate_until") {
      return {
        ...common,
        references: referencesOf(fields, config, document),
        ...(program && programOf(program, filters, fields, document)),
      };
    }
    const delimiter = context.chat === true ? "" : config.targetDelimiter;
    const target = () => fields.string(fields.target(document));
    if (config.outputType === "loglikelihood")
      return { ...common, continuations: [{ context: prompt, text: target() }] };
    if (!isChoice) return { ...common, continuations: [{ context: null, text: target() }] };
    const choices = fields.choices(document);
    const continuations: Continuation[] = choicesAsk
      ? contexts.map((one) => ({ context: one, text: `${delimiter}${target()}` }))
      : choices.map((choice) => ({ context: prompt, text: `${delimiter}${choice}` }));
    if (metrics.some(({ name }) => name === "acc_mutual_info")) {
      continuations.push(...choices.map((choice) => ({ context: "", text: `${delimiter}${choice}` })));
    }
    return { ...common, continuations };
  });
  return {
    ...{ config, data, items, filters, metrics, documents },
    decoding: config.outputType === "generate_until" ? decodingOf(decodingOfTask(config), context) : {},
    valuesOf: itemValuesOf({ config, functions, fields, metrics, choicesAsk, severalTargets }),
    runs: program !== undefined,
    warnings: functions.warnings,
  };
}

/** The row's own question, without what stands before it. */
function requestOf(fields: Fields, document: Document): string {
  const text = fields.text(document);
  return typeof text === "number" ? (fields.choices(document)[text] ?? "") : text;
}

/** For results and judges; what is compared is made anew of the row. */
function referencesOf(fields: Fields, { docToChoice }: TaskConfig, document: Document): string[] {
  const target = fields.target(document);
  if (docToChoice !== undefined && typeof target === "number") return [fields.choices(document)[target] ?? ""];
  return Array.isArray(target) ? target.map((one) => fields.string(one)) : [fields.string(target)];
}

function programOf(
  { program }: ProgramMetric,
  [filter]: readonly Filter[],
  fields: Fields,
  document: Document,
): Pick<Item, "program" | "check"> {
  const tests = fields.string(fields.target(document));
  const answered = (answer: string) => {
    const left = filter?.apply([answer], document) ?? answer;
    return String(Array.isArray(left) ? left[0] : left);
  };
  return {
    program: (answer) => program(answered(answer), tests, document).source,
    check: program("", tests, document).check,
  };
}

/** The functions that a task names, wherever. */
function namesIn(value: unknown): FunctionName[] {
  if (value instanceof FunctionName) return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(namesIn);
}
