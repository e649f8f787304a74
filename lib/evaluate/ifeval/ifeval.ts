// IFEval: prompts with instructions that a program can check (Zhou et al., 2023, arXiv 2311.07911), scored as
// lm-evaluation-harness's task ifeval.

import { createHash } from "node:crypto";
import { RetemperError } from "../../errors.js";
import { textOf } from "../data/columns.js";
import { loadRows } from "../data/loadRows.js";
import { lineOf, type Row } from "../data/rows.js";
import { chatPrompt, decodingOf, type TaskContext } from "../tasks/context.js";
import type { Item, MetricOfItem, ScoredItem, Scorer, Task } from "../types.js";
import { followed } from "./followed.js";
import { type Check, INSTRUCTIONS, type InstructionArguments, makeCheck } from "./instructions.js";

const SOURCE = "hf://datasets/google/IFEval?split=train";
const PROMPTS = 541;

export async function loadIfeval(context: TaskContext): Promise<Task> {
  const source = context.data.ifeval ?? SOURCE;
  const { facts, files } = await loadRows(source, { split: "train", hub: context.hub });
  const checks = new Map<string, readonly Check[]>();
  const asked = createHash("sha256");
  const items = files.flatMap(({ path, rows }) =>
    rows.map((row, index): Item => {
      const request = textOf(row, "prompt", path, index);
      const key = row.key === undefined ? String(index) : textOf(row, "key", path, index);
      const id = files.length > 1 ? `${path}/${key}` : key;
      if (checks.has(id))
        throw new RetemperError("BAD_INPUT", `row ${index + 1}: the key ${key} occurs twice`, placeOf(row, path));
      checks.set(id, checksOf(row, path, index));
      asked.update(JSON.stringify([id, row.instruction_id_list, row.kwargs], plainNumber));
      return { id, prompt: chatPrompt(request, undefined, context), request };
    }),
  );
  return {
    name: "ifeval",
    kind: "task",
    data: [facts],
    warnings: facts.rows === PROMPTS ? [] : [`${source} has ${facts.rows} prompts, and IFEval ${PROMPTS}.`],
    items: items.slice(0, context.limit),
    ask: "generate",
    decoding: decodingOf({ maxNewTokens: 1280, temperature: 0 }, context),
    scorers: [instructionScorer(checks, asked.digest("hex"))],
    metrics: METRICS,
    primary: "prompt_level_strict_acc",
  };
}

/**
 * The checks of a row of IFEval's columns `instruction_id_list` and `kwargs`.
 * @throws RetemperError BAD_INPUT that names the row and the instruction
 */
export function checksOf(row: Row, path: string, index: number): readonly Check[] {
  const fail = (problem: string) =>
    new RetemperError("BAD_INPUT", `row ${index + 1}: ${problem}`, {
      ...placeOf(row, path),
      hint: "IFEval's columns are key, prompt, instruction_id_list and kwargs",
    });
  const { instruction_id_list: kinds, kwargs } = row;
  if (!Array.isArray(kinds) || kinds.length === 0) throw fail("instruction_id_list is no list of instructions");
  if (!Array.isArray(kwargs) || kwargs.length !== kinds.length) {
    throw fail(`kwargs is no list of ${kinds.length}, one for each instruction`);
  }
  return kinds.map((kind, at) => {
    try {
      return makeCheck(String(kind), (kwargs[at] ?? {}) as InstructionArguments);
    } catch (cause) {
      throw fail(`${String(kind)}: ${(cause as Error).message}`);
    }
  });
}

function placeOf(row: Row, file: string) {
  return { file, line: lineOf(row) };
}

/** Of Parquet's 64-bit numbers, which JSON does not have. */
function plainNumber(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}

/** @param digest of all instructions: a prompt says nothing of them, and verdicts are kept by what their scorer says of itself */
function instructionScorer(checks: ReadonlyMap<string, readonly Check[]>, digest: string): Scorer {
  return {
    name: "ifeval",
    facts: { reference: "lm-evaluation-harness 0.4.13, ifeval 4.0", instructions: INSTRUCTIONS.length, digest },
    async *score(exchanges, { signal }) {
      for (const [index, { item, answer }] of exchanges.entries()) {
        signal?.throwIfAborted();
        const { strict, loose } = followed(checks.get(item.id) ?? [], answer.text);
        const values = { instructions: strict.length, strict: count(strict), loose: count(loose) };
        // which ones, as the data have them in order: 1 followed, 0 not
        yield { index, values, detail: `strict ${signs(strict)}, loose ${signs(loose)}` };
      }
    },
  };
}

function count(list: readonly boolean[]): number {
  return list.filter(Boolean).length;
}

function signs(list: readonly boolean[]): string {
  return list.map((one) => (one ? "1" : "0")).join("");
}

/** The four numbers of the paper: of whole prompts, and of single instructions, whatever prompt they are of. */
const METRICS: readonly MetricOfItem[] = (["strict", "loose"] as const).flatMap((form) => [
  {
    name: `prompt_level_${form}_acc`,
    better: "high",
    of: (record) => {
      const [right, all] = sumOf([record], form);
      return all === 0 ? null : Number(right === all);
    },
  },
  {
    name: `inst_level_${form}_acc`,
    better: "high",
    of: (record) => share([record], form),
    total: (records) => share(records, form),
  },
]);

function share(records: readonly ScoredItem[], form: "strict" | "loose"): number | null {
  const [right, all] = sumOf(records, form);
  return all === 0 ? null : right / all;
}

/** Over the first answer to each item. */
function sumOf(records: readonly ScoredItem[], form: "strict" | "loose"): [right: number, all: number] {
  let [right, all] = [0, 0];
  for (const { values } of records) {
    const value = values.ifeval?.[0];
    if (!value) continue;
    right += Number(value[form]);
    all += Number(value.instructions);
  }
  return [right, all];
}
