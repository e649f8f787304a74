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
  const named = new Map<Kind, string | undefined>(KINDS.map((kind) => [kind, contentOf(settings[`${kind}_token`])]));
  const adds = new Map<Kind, boolean>();
  const template = templateOf(tokenizer);
  if (template) {
    const [first, last] = [template[0], template.at(-1)].map(specialId);
    if (first !== undefined) adds.set("bos", first === named.get("bos") || first === named.get("cls"));
    if (last !== undefined) {
      // A text that ends with another token than the named end: the named one ends a turn.
      if (last !== named.get("eos") && named.get("eos") !== undefined) named.set("eot", named.get("eos"));
      named.set("eos", last);
      adds.set("eos", true);
    }
  }
  for (const kind of KINDS) {
    const own = settings[`add_${kind}_token`];
    if (typeof own === "boolean") adds.set(kind, own);
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

/** The steps of the template of one text, where there are some around it. */
function templateOf({ post_processor }: JsonObject): readonly JsonObject[] | undefined {
  const processor = post_processor as JsonObject | null | undefined;
  const all = Array.isArray(processor?.processors) ? (processor.processors as JsonObject[]) : [processor];
  const single = all.find((one) => one?.type === "TemplateProcessing")?.single;
  return Array.isArray(single) && single.length > 1 ? (single as JsonObject[]) : undefined;
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
