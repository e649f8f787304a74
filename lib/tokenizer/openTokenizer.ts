// Opens the tokenizer in a model's folder: everything that can be wrong with its files is found here.

import { join, resolve } from "node:path";
import { RetemperError } from "../errors.js";
import { findChatTemplate } from "./chatTemplate.js";
import { parseTokenizer } from "./readTokenizer.js";
import type { Tokenizer } from "./types.js";

/**
 * Opens the tokenizer of a model: its tokenizer.json, with what tokenizer_config.json and the files beside it add, and its
 * chat template. Ids, texts and prompts are those of transformers for the same files.
 * @param folder A folder with a tokenizer.json.
 * @throws RetemperError BAD_INPUT, naming the file, when there is no tokenizer.json or one that cannot be used.
 * @example
 * ```ts
 * import { openTokenizer } from "retemper";
 *
 * const tokenizer = await openTokenizer("models/aligned");
 * const ids = tokenizer.encode("How is the weather?");
 * console.log(tokenizer.decode(ids)); // How is the weather?
 *
 * const messages = [{ role: "user", content: "How is the weather?" }];
 * const prompt = tokenizer.applyChatTemplate(messages, { addGenerationPrompt: true });
 * console.log(prompt.endsWith("<|im_start|>assistant\n")); // true
 * ```
 */
export async function openTokenizer(folder: string): Promise<Tokenizer> {
  const path = resolve(folder);
  const parsed = await parseTokenizer(path);
  const template = await findChatTemplate(path);
  const file = join(path, "tokenizer.json");
  // With the translator of patterns, which takes a while to load.
  const { buildTokenizer } = await import("./buildTokenizer.js");
  try {
    return buildTokenizer(parsed, template, file);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    // Steps inside steps by the thousand, or lists of millions where a few are meant.
    throw new RetemperError("BAD_INPUT", `is too large or too deep: ${cause.message}`, { file, cause });
  }
}
