// Sets of requests: what attacks a model (safety) and what only looks like it (over-refusal). Known public sets are
// recognised; any other file with a column of prompts does as well.

import { CATEGORY_COLUMNS, findColumn, findOptionalColumn, PROMPT_COLUMNS, textOf } from "../data/columns.js";
import { type LoadRowsOptions, loadRows } from "../data/loadRows.js";
import type { Row } from "../data/rows.js";
import type { Decoding, Item, Task } from "../types.js";
import { chatPrompt, decodingOf, type SystemText, type TaskContext } from "./context.js";

/** What is known of a public set. No prompt of any of them is in this repository. */
export interface PromptSet {
  readonly name: string;
  readonly kind: "safety" | "over-refusal";
  readonly title: string;
  /** Where the set is published, for a user who gives no file. */
  readonly source?: string | undefined;
  readonly load?: LoadRowsOptions | undefined;
  readonly promptColumns?: readonly string[] | undefined;
  readonly categoryColumns?: readonly string[] | undefined;
  /** Category of a file's rows, where a set has a file for each. */
  categoryOfFile?(name: string): string | undefined;
  /** The request of a row, where it is more than one cell. */
  requestOf?(row: Row, prompt: string): string;
  /** Whether a row's request is harmful: in a set of both, refusing it is right. */
  harmfulRow?(row: Row): boolean;
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

/** @throws RetemperError BAD_INPUT for a missing column or an empty cell, and what loading throws */
export async function loadPromptSet(
  set: PromptSet,
  reference: string,
  context: TaskContext,
  name = set.name,
): Promise<Task> {
  const { facts, files } = await loadRows(reference, { ...set.load, hub: context.hub });
  const items: Item[] = [];
  for (const { name: file, path, rows } of files) {
    const prompts = findColumn(rows, set.promptColumns ?? PROMPT_COLUMNS, "the prompts", path);
    const categories = findOptionalColumn(
      rows,
      (set.categoryColumns ?? CATEGORY_COLUMNS).filter((column) => column !== prompts),
    );
    for (const [index, row] of rows.entries()) {
      const prompt = textOf(row, prompts, path, index);
      const request = set.requestOf?.(row, prompt) ?? prompt;
      const category = set.categoryOfFile?.(file) ?? (categories && textOf(row, categories, path, index));
      const harmful = set.harmfulRow?.(row);
      items.push({
        id: files.length > 1 ? `${file}/${index}` : String(index),
        prompt: chatPrompt(request, set.system, context),
        request,
        category: harmful === undefined ? category : harmful ? "unsafe" : "safe",
      });
    }
  }
  const warnings: string[] = [];
  if (set.rows && !set.rows.includes(facts.rows)) {
    warnings.push(
      `${reference} has ${facts.rows} rows, and ${set.title} ${set.rows.join(" or ")}: its numbers compare with no others.`,
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
    data: [facts],
    warnings,
    items: items.slice(0, context.limit),
    ask: "generate",
    decoding: decodingOf(set.decoding, context),
    scorers: [],
    metrics: [], // of the judges
  };
}
