// Sets of requests: what attacks a model (safety) and what only looks like it (over-refusal). Known public sets are
// recognised; any other file with a column of prompts does as well.

import { RetemperError } from "../../errors.js";
import { CATEGORY_COLUMNS, findColumn, findOptionalColumn, PROMPT_COLUMNS, textOf } from "../data/columns.js";
import { type LoadedRows, type LoadRowsOptions, loadRows } from "../data/loadRows.js";
import type { Row } from "../data/rows.js";
import type { Decoding, Item, Task } from "../types.js";
import { chatPrompt, decodingOf, type SystemText, type TaskContext } from "./context.js";
import {
  bestOfDecoding,
  type Forms,
  isOfForm,
  openerAt,
  openerOf,
  openersOf,
  readStress,
  stressOf,
  withOpener,
} from "./stress.js";

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
  /** Of a file: the category of each of its rows, where that is not one cell as it stands; undefined: the cell. */
  categoriesOf?(file: { readonly name: string; readonly rows: readonly Row[] }): (row: Row) => string | undefined;
  /** The request of a row, where it is more than one cell. */
  requestOf?(row: Row, prompt: string): string;
  /** What that request has beside the prompt, where a judge reads it apart. */
  contextOf?(row: Row): string | undefined;
  /** Whether a row's request is harmful: in a set of both, refusing it is right. */
  harmfulRow?(row: Row): boolean;
  /** Which rows are asked, of a file that also holds others, and in words. */
  readonly asks?: { readonly of: (row: Row) => boolean; readonly words: string } | undefined;
  /** Of files that have the same requests in several forms. */
  readonly forms?: Forms | undefined;
  /** The column that names a request, the same in all of its forms. */
  readonly idColumn?: string | undefined;
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

/** A user's own forms of the same requests, such as translations: a column says which. */
const OWN_FORMS: Forms = {
  of: ({ variant }) => (typeof variant === "string" ? variant : undefined),
};

/** Any file of prompts. */
export const ANY_PROMPTS: Readonly<Record<"safety" | "over-refusal", PromptSet>> = {
  safety: {
    name: "safety",
    kind: "safety",
    title: "any file of requests that should be refused",
    forms: OWN_FORMS,
    decoding: PLAIN,
  },
  "over-refusal": {
    name: "over-refusal",
    kind: "over-refusal",
    title: "any file of requests that should be answered",
    forms: OWN_FORMS,
    decoding: PLAIN,
  },
};

/** @throws RetemperError BAD_INPUT for a missing column, an empty cell or no row to ask, and what loading throws */
export async function loadPromptSet(
  set: PromptSet,
  source: string | readonly string[],
  context: TaskContext,
  name = set.name,
  variant: readonly string[] = [],
): Promise<Task> {
  const words = readStress(variant, set);
  const given = openerAt(words, openersOf(context.opener));
  const references = typeof source === "string" ? [source] : source;
  const loaded: LoadedRows[] = [];
  for (const reference of references) loaded.push(await loadRows(reference, { ...set.load, hub: context.hub }));
  const files = loaded.flatMap((one) => one.files);
  const items: Item[] = [];
  const leftOut = new Map<string, number>();
  const seen = new Set<string>();
  for (const { name: file, path, rows } of files) {
    const asked = rows.flatMap((row, index) => {
      if ((set.asks && !set.asks.of(row)) || !isOfForm(row, set, words.form)) return [];
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
    const ids = idsOf(askedRows, set.idColumn);
    const categoryOf = set.categoriesOf?.({ name: file, rows });
    for (const [place, { row, index }] of asked.entries()) {
      const prompt = promptOf(row, prompts, path, index);
      const request = set.requestOf?.(row, prompt) ?? prompt;
      if (set.once && seen.has(request)) continue;
      seen.add(request);
      const before = set.contextOf?.(row);
      const category = categoryOf?.(row) ?? (categories && textOf(row, categories, path, index));
      const harmful = set.harmfulRow?.(row);
      const opener = openerOf(row, words.opener, given, path);
      const id = ids?.[place] ?? String(index);
      const plain = chatPrompt(request, set.system, context);
      items.push({
        id: files.length > 1 ? `${file}/${id}` : id,
        prompt: opener === undefined ? plain : withOpener(plain, opener),
        request,
        ...(before !== undefined && { parts: { context: before, behavior: prompt } }),
        ...(opener !== undefined && { opener }),
        category: harmful === undefined ? category : harmful ? "unsafe" : "safe",
      });
    }
  }
  const data = loaded.map(({ facts }) => facts);
  const all = data.reduce((sum, { rows }) => sum + rows, 0);
  const where = references.join(" and ");
  if (items.length === 0) {
    const forms = new Set(files.flatMap(({ rows }) => rows.flatMap((row) => set.forms?.of(row) ?? [])));
    if (words.form !== undefined) {
      throw new RetemperError("BAD_INPUT", `No row of ${where} is of the variant ${words.form}.`, {
        hint: forms.size > 0 ? `there are ${[...forms].sort().join(", ")}` : "its rows name no variant",
      });
    }
    const what = set.asks
      ? `is one that ${name} asks: ${set.asks.words}`
      : `can be asked: ${[...leftOut.keys()].join(", ")}`;
    throw new RetemperError("BAD_INPUT", `No row of ${where} ${what}.`, {
      hint: `is it a file of ${set.title}? docs/evaluate.md says which columns are read`,
    });
  }
  const decoding = decodingOf(set.decoding, context);
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
    decoding: words.bestOf === undefined ? decoding : bestOfDecoding(decoding, context.decoding, words.bestOf, name),
    scorers: [],
    metrics: [], // of the judges
    ...(variant.length > 0 && { stress: stressOf(words, variant, set.name, given) }),
  };
}

/** Names of the rows' requests, where each has one of its own. */
function idsOf(rows: readonly Row[], column: string | undefined): string[] | undefined {
  if (column === undefined) return undefined;
  const ids = rows.flatMap((row) => (row[column] === undefined || row[column] === null ? [] : [String(row[column])]));
  return new Set(ids).size === rows.length ? ids : undefined;
}

/** The cell's text; of a list of turns, as FastChat's rows (SORRY-Bench) have them, the first. */
function promptOf(row: Row, column: string, file: string, index: number): string {
  const cell = row[column];
  const first = Array.isArray(cell) ? cell.find((turn) => typeof turn === "string" && turn.trim() !== "") : undefined;
  return typeof first === "string" ? first : textOf(row, column, file, index);
}
