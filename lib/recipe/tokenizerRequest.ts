// What a recipe asks of the output's tokenizer and chat template.

import { describe, shorten } from "./describe.js";
import type { Path } from "./located.js";
import { type ModelContext, readModel } from "./modelValue.js";
import type { RecipeShape, TokenizerShape } from "./shape.js";
import { nearest, suggestion } from "./suggest.js";
import type { TokenizerChoice, TokenizerRequest, TokenSource } from "./types.js";
import { toBoolean } from "./values.js";

/** Chat templates that a recipe may name. */
export const CHAT_TEMPLATES = ["auto", "alpaca", "chatml", "exaone", "llama3", "mistral"] as const;
/** Shorter text is taken for a misspelt name, not for a template. */
const SHORTEST_TEMPLATE = 20;

/** `tokenizer` or `tokenizer_source`; undefined if the recipe has neither, or after a problem. */
export function readTokenizer(shape: RecipeShape, context: ModelContext): TokenizerRequest | undefined {
  const source = shape.tokenizer_source ?? undefined;
  const { tokenizer } = shape;
  if (source !== undefined && tokenizer) {
    context.problems.add(
      ["tokenizer_source"],
      "`tokenizer_source` and `tokenizer` exclude each other",
      "write the source as `tokenizer: {source: …}`",
      "key",
    );
    return undefined;
  }
  if (source !== undefined) {
    const choice = readChoice(source, ["tokenizer_source"], context);
    return choice === undefined ? undefined : { source: choice, tokens: {} };
  }
  return tokenizer ? readSection(tokenizer, context) : undefined;
}

function readSection(section: TokenizerShape, context: ModelContext): TokenizerRequest | undefined {
  const { problems } = context;
  const source = readChoice(section.source ?? "union", ["tokenizer", "source"], context);
  const tokens: Record<string, { readonly source?: TokenSource; readonly force: boolean }> = {};
  for (const [token, entry] of Object.entries(section.tokens ?? {})) {
    const path = ["tokenizer", "tokens", token];
    const force = toBoolean(entry.force ?? false);
    if (force === undefined) {
      problems.add([...path, "force"], `expected true or false, received ${describe(entry.force)}`);
      continue;
    }
    const wanted = entry.source ?? undefined;
    const from = wanted === undefined ? undefined : readTokenSource(wanted, [...path, "source"], context);
    tokens[token] = from === undefined ? { force } : { source: from, force };
  }
  // 0 is how older recipes say "no padding".
  const pad = section.pad_to_multiple_of === 0 ? undefined : (section.pad_to_multiple_of ?? undefined);
  if (pad !== undefined && !(typeof pad === "number" && Number.isSafeInteger(pad) && pad > 0)) {
    problems.add(["tokenizer", "pad_to_multiple_of"], `expected a whole number above 0, received ${describe(pad)}`);
  }
  if (source === undefined) return undefined;
  return { source, tokens, ...(typeof pad === "number" ? { padToMultipleOf: pad } : {}) };
}

function readChoice(raw: unknown, path: Path, context: ModelContext): TokenizerChoice | undefined {
  if (raw === "union" || raw === "base") return { kind: raw };
  const model = readModel(raw, path, context);
  return model === undefined ? undefined : { kind: "model", model };
}

function readTokenSource(raw: unknown, path: Path, context: ModelContext): TokenSource | undefined {
  const { problems, lenient } = context;
  if (typeof raw !== "object" || raw === null || Array.isArray(raw) || !("kind" in raw)) {
    const model = readModel(raw, path, context);
    return model === undefined ? undefined : { kind: "model", model };
  }
  const { kind, ...rest } = raw as { kind: unknown } & Record<string, unknown>;
  const allowed = kind === "zero" ? [] : ["model", "token", "token_id"];
  for (const key of Object.keys(rest)) {
    if (allowed.includes(key) || lenient) continue;
    problems.add([...path, key], `unknown key \`${shorten(key)}\``, suggestion(key, ["kind", ...allowed]), "key");
  }
  if (kind === "zero") return { kind };
  if (kind !== "model_token") {
    const hint = suggestion(String(kind), ["zero", "model_token"]);
    problems.add([...path, "kind"], `unknown kind of token source, ${describe(kind)}`, hint);
    return undefined;
  }
  const model = readModel(rest.model, [...path, "model"], context);
  return model === undefined ? undefined : readModelToken(rest, model, path, context);
}

function readModelToken(
  { token = null, token_id: id = null }: Record<string, unknown>,
  model: NonNullable<ReturnType<typeof readModel>>,
  path: Path,
  { problems }: ModelContext,
): TokenSource | undefined {
  if (token !== null && typeof token !== "string") {
    problems.add([...path, "token"], `expected text, received ${describe(token)}`, "put the token in quotes");
    return undefined;
  }
  if (id !== null && !(typeof id === "number" && Number.isSafeInteger(id) && id >= 0)) {
    problems.add([...path, "token_id"], `expected a whole number, 0 or more, received ${describe(id)}`);
    return undefined;
  }
  // With neither or both, the reference takes the model's own row for this token.
  if ((token === null) === (id === null)) {
    const count = token === null ? "neither" : "both";
    problems.warn(
      `tokenizer: a model_token source with ${count} of \`token\` and \`token_id\` means the row of the same token in ${model.text}`,
    );
    return { kind: "model", model };
  }
  return token === null ? { kind: "model_token", model, tokenId: id as number } : { kind: "model_token", model, token };
}

/** `chat_template`: a known name or a Jinja text. */
export function readChatTemplate(shape: RecipeShape, { problems }: ModelContext): string | undefined {
  const template = shape.chat_template ?? undefined;
  if (template === undefined) return undefined;
  const known: readonly string[] = CHAT_TEMPLATES;
  if (known.includes(template) || (template.length >= SHORTEST_TEMPLATE && template.includes("{"))) return template;
  const near = nearest(template, known);
  problems.add(
    ["chat_template"],
    `\`${shorten(template)}\` is neither a known template nor a Jinja text`,
    near === undefined
      ? `known: ${known.join(", ")}; a Jinja text has at least ${SHORTEST_TEMPLATE} characters and a {`
      : `did you mean \`${near}\`?`,
  );
  return undefined;
}
