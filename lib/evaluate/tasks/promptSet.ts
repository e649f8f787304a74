// Sets of requests: what attacks a model (safety) and what only looks like it (over-refusal). Known public sets are
// recognised; any other file with a column of prompts does as well.

import { RetemperError } from "../../errors.js";
import { CATEGORY_COLUMNS, findColumn, findOptionalColumn, PROMPT_COLUMNS, textOf } from "../data/columns.js";
import { type LoadedRows, type LoadRowsOptions, loadRows } from "../data/loadRows.js";
import type { Row } from "../data/rows.js";
import type { Decoding, Item, Task } from "../types.js";
import { chatPrompt, decodingOf, type SystemText, type TaskContext } from "./context.js";

/** What is known of a public set. No prompt of any of them is in this repository. */
export interface PromptSet {
  readonly name: string;
  readonly kind: "safety" | "over-refusal";
  readonly title: string;
  /** Where the set is published, for a user who gives no file; several references are read one after the other. */
  readonly source?: string | readonly string[] | undefined;
  readonly load?: LoadRowsOptions | undefined;
  readonly promptColumns?: readonly string[] | undefined;
  readonly categoryColumns?: readonly string[] | undefined;
  /** Of a file: the category of each of its rows, where that is not one cell as it stands. */
  categoriesOf?(file: { readonly name: string; readonly rows: readonly Row[] }): (row: Row) => string | undefined;
  /** The request of a row, where it is more than one cell. */
  requestOf?(row: Row, prompt: string): string;
  /** Whether a row's request is harmful: in a set of both, refusing it is right. */
  harmfulRow?(row: Row): boolean;
  /** Which rows are asked, of a file that also holds others, and in words. */
  readonly asks?: { readonly of: (row: Row) => boolean; readonly words: string } | undefined;
  /** Rows that a reader would expect to be asked and that are not: why, in words. */
  leavesOut?(row: Row): string | undefined;
  /** Whether a request that stands in several rows is asked once. */
  readonly once?: boolean | undefined;
  /** Numbers of rows that published versions have. */
  readonly rows?: readonly number[] | undefined;
  readonly decoding: Decoding;
  readonly system?: SystemText | undefined;
}

/** Greedy, no penalty: how judges' papers ask. */
export const PLAIN: Decoding = { maxNewTokens: 512, temperature: 0 };

/** Column of rows that were taken for what a model answered to them; it holds whose answers these were. */
const SELECTED_BY = "selectedBy";

/** Any file of prompts. */
export const ANY_PROMPTS: Readonly<Record<"safety" | "over-refusal", PromptSet>> = {
  safety: { name: "safety", kind: "safety", title: "any file of requests that should be refused", decoding: PLAIN },
  "over-refusal": {
    name: "over-refusal",
    kind: "over-refusal",
    title: "any file of requests that should be answered",
    decoding: PLAIN,
  },
};

/** @throws RetemperError BAD_INPUT for a missing column, an empty cell or no row to ask, and what loading throws */
export async function loadPromptSet(
  set: PromptSet,
  source: string | readonly string[],
  context: TaskContext,
  name = set.name,
): Promise<Task> {
  const references = typeof source === "string" ? [source] : source;
  const loaded: LoadedRows[] = [];
  for (const reference of references) loaded.push(await loadRows(reference, { ...set.load, hub: context.hub }));
  const files = loaded.flatMap((one) => one.files);
  const items: Item[] = [];
  const leftOut = new Map<string, number>();
  const seen = new Set<string>();
  for (const { name: file, path, rows } of files) {
    const asked = rows.flatMap((row, index) => {
      if (set.asks && !set.asks.of(row)) return [];
      const why = set.leavesOut?.(row);
      if (why === undefined) return [{ row, index }];
      leftOut.set(why, (leftOut.get(why) ?? 0) + 1);
      return [];
    });
    if (asked.length === 0) continue;
    const askedRows = asked.map(({ row }) => row);
    const prompts = findColumn(askedRows, set.promptColumns ?? PROMPT_COLUMNS, "the prompts", path);
    const categories = findOptionalColumn(
      askedRows,
      (set.categoryColumns ?? CATEGORY_COLUMNS).filter((column) => column !== prompts),
    );
    const categoryOf = set.categoriesOf?.({ name: file, rows });
    for (const { row, index } of asked) {
      const prompt = promptOf(row, prompts, path, index);
      const request = set.requestOf?.(row, prompt) ?? prompt;
      if (set.once && seen.has(request)) continue;
      seen.add(request);
      const category = categoryOf ? categoryOf(row) : categories && textOf(row, categories, path, index);
      const harmful = set.harmfulRow?.(row);
      items.push({
        id: files.length > 1 ? `${file}/${index}` : String(index),
        prompt: chatPrompt(request, set.system, context),
        request,
        category: harmful === undefined ? category : harmful ? "unsafe" : "safe",
      });
    }
  }
  const data = loaded.map(({ facts }) => facts);
  const all = data.reduce((sum, { rows }) => sum + rows, 0);
  const where = references.join(" and ");
  if (items.length === 0) {
    const what = set.asks
      ? `is one that ${name} asks: ${set.asks.words}`
      : `can be asked: ${[...leftOut.keys()].join(", ")}`;
    throw new RetemperError("BAD_INPUT", `No row of ${where} ${what}.`, {
      hint: `is it a file of ${set.title}? docs/evaluate.md says which columns are read`,
    });
  }
  const warnings = [...leftOut].map(([why, count]) => `${count} of ${all} rows of ${where} are left out: ${why}.`);
  if (set.rows && !set.rows.includes(all)) {
    warnings.push(
      `${where} has ${all} rows, and ${set.title} ${set.rows.join(" or ")}: its numbers compare with no others.`,
    );
  }
  if (!context.model.chatTemplate) {
    warnings.push("The model has no chat template: requests are asked as plain text.");
  }
  const selectors = new Set(files.flatMap(({ rows }) => rows.map((row) => row[SELECTED_BY])));
  const [selectedBy] = [...selectors].filter((one) => typeof one === "string");
  return {
    name,
    kind: set.kind,
    ...(selectedBy !== undefined && { selectedBy }),
    data,
    warnings,
    items: items.slice(0, context.limit),
    ask: "generate",
    decoding: decodingOf(set.decoding, context),
    scorers: [],
    metrics: [], // of the judges
  };
}

/** The cell's text; of a list of turns, as FastChat's rows (SORRY-Bench) have them, the first. */
function promptOf(row: Row, column: string, file: string, index: number): string {
  const cell = row[column];
  const first = Array.isArray(cell) ? cell.find((turn) => typeof turn === "string" && turn.trim() !== "") : undefined;
  return typeof first === "string" ? first : textOf(row, column, file, index);
}
