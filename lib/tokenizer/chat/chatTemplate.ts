// A model's chat template, rendered as transformers renders it: the same variables, trim_blocks and lstrip_blocks on.
// The date is always the same one, so that a prompt does not depend on the day it is written.

import { RetemperError } from "../../errors.js";
import { Template } from "../jinja/template.js";
import { strftime } from "../jinja/text/strftime.js";
import { PythonError } from "../jinja/values/pythonError.js";
import type { ChatMessage } from "../types.js";
import { Budget } from "./budget.js";

/** `date_string`, and the day of `strftime_now`: the default of Llama 3's template. */
export const TEMPLATE_DATE = new Date(Date.UTC(2024, 6, 26));

/** Published templates have at most some tens of kilobytes. */
const MAX_TEMPLATE = 262_144;

export class ChatTemplate {
  readonly #text: string;
  readonly #file: string;
  readonly #tokens: Readonly<Record<string, string>>;
  #template: Template | undefined;

  /**
   * @param text The Jinja text; it is read when it is first rendered.
   * @param file Where it stands, for errors.
   * @param tokens The special tokens that it may name: bos_token and the like.
   */
  constructor(text: string, file: string, tokens: Readonly<Record<string, string>>) {
    this.#text = text;
    this.#file = file;
    this.#tokens = tokens;
  }

  /**
   * Renders a conversation.
   * @throws RetemperError USAGE for what is no conversation, BAD_INPUT with the template's own text where it refuses, and
   *   for a template that is no Jinja or takes more than it may.
   */
  render(messages: readonly ChatMessage[], addGenerationPrompt: boolean): string {
    checkMessages(messages);
    const budget = new Budget(this.#file);
    const variables = {
      date_string: strftime("%d %b %Y", TEMPLATE_DATE),
      tools: null,
      documents: null,
      ...this.#tokens,
      messages: messages.map(({ prefix: _, ...message }) => message),
      add_generation_prompt: addGenerationPrompt,
    };
    try {
      this.#template ??= this.#read(budget);
      return this.#template.render(variables, TEMPLATE_DATE, budget);
    } catch (error) {
      throw this.#failure(error, budget);
    }
  }

  #read(budget: Budget): Template {
    if (this.#text.length > MAX_TEMPLATE) throw budget.exceeded(`has more than ${MAX_TEMPLATE} characters`);
    return new Template(this.#text, budget);
  }

  #failure(error: unknown, budget: Budget): RetemperError {
    if (error instanceof RetemperError) return error;
    // What `raise_exception` raises: the template's own message.
    if (error instanceof PythonError && error.kind === "TemplateError") {
      return new RetemperError("BAD_INPUT", error.message, {
        hint: `the chat template in ${this.#file} refuses this conversation; change its roles or their order`,
        cause: error,
      });
    }
    // V8's own limits: its stack, and the longest text.
    if (error instanceof RangeError) return budget.exceeded(`takes too much: ${error.message}`);
    const kind = error instanceof PythonError ? `${error.kind}: ` : "";
    return new RetemperError("BAD_INPUT", `the chat template fails: ${kind}${(error as Error).message}`, {
      file: this.#file,
      hint: "the template is broken, or uses a part of Jinja that is not known here; prompts may be given as text",
      cause: error,
    });
  }
}

function checkMessages(messages: readonly ChatMessage[]): void {
  const valid =
    Array.isArray(messages) &&
    messages.every((message) => typeof message?.role === "string" && typeof message.content === "string");
  if (!valid) {
    throw new RetemperError(
      "USAGE",
      "a conversation is a list of messages, each with a role and a content that are texts",
    );
  }
  if (messages.length === 0) throw new RetemperError("USAGE", "a conversation needs at least one message");
}
