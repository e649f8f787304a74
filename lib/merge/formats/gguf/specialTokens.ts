// Which tokens begin, end and pad a text, and whether the first and the last are added: as PyPI gguf reads them from
// tokenizer.json, tokenizer_config.json and config.json.

import type { JsonObject } from "../../../checkpoint/json.js";
import type { GgufEntry } from "../../../plan/gguf/container.js";

const KINDS = ["bos", "eos", "unk", "sep", "pad", "cls", "mask"] as const;
type Kind = (typeof KINDS)[number] | "eot";
/** Where GGUF's name is not the kind's. */
const KEYS: Readonly<Partial<Record<Kind, string>>> = { unk: "unknown", sep: "seperator", pad: "padding" };

export interface TokenizerWords {
  readonly tokenizer: JsonObject;
  readonly settings: JsonObject;
  readonly config: JsonObject;
}

/** Entries of the ids, then of what is added. */
export function specialTokens({ tokenizer, settings, config }: TokenizerWords, vocabulary: number): GgufEntry[] {
  const added = Array.isArray(tokenizer.added_tokens) ? (tokenizer.added_tokens as JsonObject[]) : [];
  const idOf = (text: string | undefined) => added.find(({ content }) => content === text)?.id;
  const named: Named = new Map(KINDS.map((kind) => [kind, contentOf(settings[`${kind}_token`])]));
  named.set("bos", named.get("bos") ?? named.get("cls"));
  named.set("eos", named.get("eos") ?? named.get("sep"));
  const adds = new Map<Kind, boolean>();
  for (const processor of processorsOf(tokenizer)) {
    if (processor.type === "ByteLevel") {
      // It adds nothing. To be said: of some pre-tokenizers llama.cpp takes that a text begins with BOS.
      adds.set("bos", adds.get("bos") ?? false);
      adds.set("eos", adds.get("eos") ?? false);
    } else if (processor.type === "TemplateProcessing") readTemplate(processor, named, adds);
  }
  for (const kind of KINDS) {
    const own = settings[`add_${kind}_token`];
    // What tokenizer.json does counts.
    if (typeof own === "boolean" && !adds.has(kind)) adds.set(kind, own);
  }
  const entries: GgufEntry[] = [];
  for (const kind of [...KINDS, "eot"] as const) {
    const id = [idOf(named.get(kind)), config[`${kind}_token_id`]].find((one) => typeof one === "number");
    if (id === undefined || !Number.isInteger(id) || (id as number) < 0 || (id as number) >= vocabulary) continue;
    entries.push({ key: `tokenizer.ggml.${KEYS[kind] ?? kind}_token_id`, type: "u32", value: id as number });
  }
  for (const kind of ["bos", "eos", "sep"] as const) {
    const value = adds.get(kind);
    if (value !== undefined) entries.push({ key: `tokenizer.ggml.add_${kind}_token`, type: "bool", value });
  }
  return entries;
}

type Named = Map<Kind, string | undefined>;

/** The template of one text names what is added around it; that of a pair, whether a separator stands between. */
function readTemplate({ single, pair }: JsonObject, named: Named, adds: Map<Kind, boolean>): void {
  const [first, last] = around(single);
  if (first !== undefined) {
    if (named.get("bos") === undefined) named.set("bos", first);
    adds.set("bos", first === named.get("bos") || first === named.get("cls"));
  }
  if (last !== undefined) {
    // A text that ends with another token than the named end: the named one ends a turn.
    if (last !== named.get("eos") && named.get("eos") !== undefined) named.set("eot", named.get("eos"));
    named.set("eos", last);
    adds.set("eos", true);
  }
  const steps = Array.isArray(pair) ? (pair as JsonObject[]) : [];
  const at = (id: string) => steps.findIndex((step) => (step.Sequence as JsonObject | undefined)?.id === id);
  const [between, ...more] = at("A") < 0 ? [] : steps.slice(at("A") + 1, Math.max(at("B"), 0)).map(specialId);
  if (between === undefined && more.length === 0) return;
  const ends = [named.get("sep"), named.get("eos")];
  const isEnd = (id: string | undefined) => id !== undefined && ends.includes(id);
  adds.set("sep", (isEnd(between) && last === undefined) || (more.length === 1 && isEnd(more[0])));
}

function processorsOf({ post_processor }: JsonObject): readonly JsonObject[] {
  const processor = post_processor as JsonObject | null | undefined;
  if (!processor) return [];
  return Array.isArray(processor.processors) ? (processor.processors as JsonObject[]) : [processor];
}

/** The tokens that a template puts first and last. */
function around(single: unknown): readonly (string | undefined)[] {
  return Array.isArray(single) && single.length > 1 ? [single[0], single.at(-1)].map(specialId) : [];
}

function specialId(step: JsonObject | undefined): string | undefined {
  const id = (step?.SpecialToken as JsonObject | undefined)?.id;
  return typeof id === "string" ? id : undefined;
}

/** A token is a text, or an object with it. */
function contentOf(token: unknown): string | undefined {
  if (typeof token === "string") return token;
  const content = (token as JsonObject | null | undefined)?.content;
  return typeof content === "string" ? content : undefined;
}
