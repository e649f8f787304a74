// A model's chat template, rendered as transformers renders it: the same variables, trim_blocks and lstrip_blocks on.
// The date is always the same one, so that a prompt does not depend on the day it is written.

import { RetemperError } from "../../errors.js";
import type { ChatMessage } from "../types.js";
import { BoundedInterpreter } from "./boundedInterpreter.js";
import { Budget } from "./budget.js";
import { Environment, isText, type Node, parse, tokenize } from "./jinja.js";
import { prepareNodes } from "./prepareNodes.js";
import { strftime } from "./pythonText.js";

/** `date_string`, and the day of `strftime_now`: the one that Llama 3's template takes where it is told none. */
export const TEMPLATE_DATE = new Date(Date.UTC(2024, 6, 26));

/** Published templates have at most some tens of kilobytes. */
const MAX_TEMPLATE = 262_144;
/** Longer runs of white space would take the library quadratic time to read. */
const LONG_SPACE = /\s{2000}/;
const MAX_RANGE = 100_000;

/** Thrown by `raise_exception`. */
class Raised extends Error {}

export class ChatTemplate {
  readonly #text: string;
  readonly #file: string;
  readonly #tokens: Readonly<Record<string, string>>;
  #program: Node | undefined;

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
    try {
      this.#program ??= this.#parse(budget);
      const environment = this.#environment(messages, addGenerationPrompt, budget);
      const result = new BoundedInterpreter(environment, budget).evaluate(this.#program, environment);
      return isText(result) ? result.value : "";
    } catch (error) {
      throw this.#failure(error, budget);
    }
  }

  #parse(budget: Budget): Node {
    if (this.#text.length > MAX_TEMPLATE) throw budget.exceeded(`has more than ${MAX_TEMPLATE} characters`);
    if (LONG_SPACE.test(this.#text)) throw budget.exceeded("has 2,000 spaces in a row");
    return prepareNodes(parse(tokenize(this.#text, { lstrip_blocks: true, trim_blocks: true })));
  }

  #environment(messages: readonly ChatMessage[], addGenerationPrompt: boolean, budget: Budget): Environment {
    const environment = new Environment();
    const globals: Readonly<Record<string, unknown>> = {
      true: true,
      True: true,
      false: false,
      False: false,
      none: null,
      None: null,
      range: (...bounds: unknown[]) => range(bounds, budget),
      raise_exception: (message: unknown) => {
        throw new Raised(String(message));
      },
      strftime_now: (format: unknown) => strftime(String(format), TEMPLATE_DATE),
      date_string: strftime("%d %b %Y", TEMPLATE_DATE),
      tools: null,
      documents: null,
      ...this.#tokens,
      messages,
      add_generation_prompt: addGenerationPrompt,
    };
    for (const [name, value] of Object.entries(globals)) environment.set(name, value);
    return environment;
  }

  #failure(error: unknown, budget: Budget): RetemperError {
    if (error instanceof RetemperError) return error;
    if (error instanceof Raised) {
      return new RetemperError("BAD_INPUT", error.message, {
        hint: `the chat template in ${this.#file} refuses this conversation; change its roles or their order`,
        cause: error,
      });
    }
    // V8's own limits: its stack, and the longest text.
    if (error instanceof RangeError) return budget.exceeded(`takes too much: ${error.message}`);
    return new RetemperError("BAD_INPUT", `the chat template fails: ${(error as Error).message}`, {
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

/** Python's `range`, as a list. */
function range(bounds: readonly unknown[], budget: Budget): number[] {
  if (bounds.length === 0 || bounds.length > 3 || !bounds.every(Number.isInteger)) {
    throw new TypeError("range() takes one to three integers");
  }
  const numbers = bounds as number[];
  const [start, stop] = (numbers.length === 1 ? [0, numbers[0]] : numbers) as [number, number];
  const step = numbers[2] ?? 1;
  if (step === 0) throw new TypeError("range() step must not be zero");
  const count = Math.max(0, Math.ceil((stop - start) / step));
  if (count > MAX_RANGE) throw budget.exceeded(`counts to more than ${MAX_RANGE}`);
  budget.spend(count);
  return Array.from({ length: count }, (_, index) => start + index * step);
}
