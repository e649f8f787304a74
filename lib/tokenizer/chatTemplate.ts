// Chooses the chat template of a merge and writes it where its readers look. Templates are untrusted programs:
// they are copied as text and never run.

import { join } from "node:path";
import { parseObject } from "../checkpoint/json.js";
import { RetemperError } from "../errors.js";
import { quote } from "./addedTokens.js";
import { CHAT_TEMPLATES } from "./chatTemplates.js";
import { withMembers } from "./jsonMembers.js";
import { textOf } from "./readTokenizer.js";

/** Largest size of a chat template, in bytes of UTF-8. */
export const TEMPLATE_LIMIT = 1_048_576;
const TEMPLATE_FILE = "chat_template.jinja";
const CONFIG_FILE = "tokenizer_config.json";

export interface FoundTemplate {
  readonly text: string;
  /** Where it stands. */
  readonly file: string;
}

/**
 * A model's default chat template: chat_template.jinja, else that of tokenizer_config.json, else chat_template.json.
 * @throws RetemperError BAD_INPUT for one that is too large or no text.
 */
export async function findChatTemplate(folder: string): Promise<FoundTemplate | undefined> {
  const separate = await textOf(folder, TEMPLATE_FILE, TEMPLATE_LIMIT);
  if (separate !== undefined) return { text: separate, file: join(folder, TEMPLATE_FILE) };
  for (const name of [CONFIG_FILE, "chat_template.json"]) {
    const text = await templateInside(folder, name);
    if (text !== undefined) return { text, file: join(folder, name) };
  }
  return undefined;
}

/** The default template's text alone, as merging compares it. */
export async function readChatTemplate(folder: string): Promise<string | undefined> {
  return (await findChatTemplate(folder))?.text;
}

/** `chat_template` of a JSON file. */
async function templateInside(folder: string, name: string): Promise<string | undefined> {
  const file = join(folder, name);
  const text = await textOf(folder, name);
  const value = text === undefined ? undefined : parseObject(file, text).chat_template;
  if (value === undefined || value === null) return undefined;
  const template = Array.isArray(value) ? namedTemplates(value, file).get("default") : value;
  if (template === undefined) return undefined;
  if (typeof template !== "string") {
    throw new RetemperError("BAD_INPUT", "chat_template is neither a text nor a list of named texts", { file });
  }
  if (Buffer.byteLength(template) > TEMPLATE_LIMIT) {
    throw new RetemperError("BAD_INPUT", `chat_template has more than ${TEMPLATE_LIMIT} bytes`, { file });
  }
  return template;
}

function namedTemplates(list: readonly unknown[], file: string): Map<string, string> {
  return new Map(
    list.map((entry) => {
      const { name, template } = (entry ?? {}) as Record<string, unknown>;
      if (typeof name === "string" && typeof template === "string") return [name, template];
      throw new RetemperError("BAD_INPUT", "an entry of chat_template is not a pair of name and template", { file });
    }),
  );
}

/**
 * The template that the recipe's `chat_template` means: `auto` is the most common one of the models (of equals, the
 * first), a known name its text, anything else the Jinja text itself. Undefined if `auto` finds none.
 * @param folders The models' folders, in the recipe's order.
 * @throws RetemperError BAD_RECIPE for text that is no template.
 */
export async function chooseChatTemplate(choice: string, folders: readonly string[]): Promise<string | undefined> {
  if (choice === "auto") {
    const counts = new Map<string, number>();
    for (const folder of folders) {
      const template = await readChatTemplate(folder);
      if (template !== undefined) counts.set(template, (counts.get(template) ?? 0) + 1);
    }
    // Maps keep their order and sort is stable, so the first of equals comes first.
    return [...counts].sort(([, x], [, y]) => y - x)[0]?.[0];
  }
  if (Object.hasOwn(CHAT_TEMPLATES, choice)) return CHAT_TEMPLATES[choice as keyof typeof CHAT_TEMPLATES];
  if (choice.length < 20 || !choice.includes("{")) {
    throw new RetemperError("BAD_RECIPE", `chat_template: ${quote(choice)} is neither a known name nor a template`, {
      hint: `expected auto, ${Object.keys(CHAT_TEMPLATES).join(", ")}, or a Jinja text of at least 20 characters`,
    });
  }
  if (Buffer.byteLength(choice) > TEMPLATE_LIMIT) {
    throw new RetemperError("BAD_RECIPE", `chat_template has more than ${TEMPLATE_LIMIT} bytes`);
  }
  return choice;
}

/**
 * The files that put a template in place: chat_template.jinja if the source has one or has no configuration, and the
 * configuration's own chat_template where it has one or is the only place. Of named templates, `default` is replaced.
 * @param folder The folder the tokenizer's files come from.
 * @param config Text of its tokenizer_config.json, with changes made before.
 */
export async function chatTemplateFiles(
  template: string,
  folder: string,
  config: string | undefined,
): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const separate = (await textOf(folder, TEMPLATE_FILE, TEMPLATE_LIMIT)) !== undefined;
  if (separate || config === undefined) files.set(TEMPLATE_FILE, template);
  if (config === undefined) return files;
  const file = join(folder, CONFIG_FILE);
  const present = parseObject(file, config).chat_template ?? undefined;
  if (separate && present === undefined) return files;
  let value: unknown = template;
  if (Array.isArray(present)) {
    const named = namedTemplates(present, file).set("default", template);
    value = [...named].map(([name, text]) => ({ name, template: text }));
  }
  files.set(CONFIG_FILE, withMembers(config, new Map([["chat_template", JSON.stringify(value)]])));
  return files;
}
