// From a row to what stands before the answer: description, examples, question; as one text, or as the turns of a chat.

import { RetemperError } from "../../../errors.js";
import type { ChatMessage, Prompt } from "../../../generate/types.js";
import { strip } from "../../metrics/pythonText.js";
import type { TaskConfig } from "../files/taskConfig.js";
import type { Document } from "../functions/types.js";
import type { FewshotSampler } from "./fewshot.js";
import type { Fields, Target } from "./fields.js";

/** A turn, and what follows it where all turns are one text. */
interface Turn extends ChatMessage {
  readonly after: string;
}

export interface PromptSettings {
  readonly config: TaskConfig;
  readonly fields: Fields;
  readonly sampler: FewshotSampler | undefined;
  /** Examples before each question. */
  readonly count: number;
  /** Whether each choice is a context of its own. */
  readonly choicesAsk: boolean;
  /** Whether rows that are asked may be among the examples. */
  readonly examplesHoldAsked: boolean;
  /** Before the task's own description. */
  readonly system: string | undefined;
  readonly chat: { readonly systemRole: boolean } | undefined;
}

interface Question {
  readonly text: string | number;
  readonly choices: readonly string[] | undefined;
  readonly prefix: string | undefined;
}

export class Prompts {
  readonly #settings: PromptSettings;

  constructor(settings: PromptSettings) {
    this.#settings = settings;
  }

  /** The row's context; of a task whose choices ask, one for each choice. */
  of(document: Document): Prompt[] {
    const { config, fields, choicesAsk } = this.#settings;
    const before = [...this.#description(document), ...this.#examples(document)];
    const question: Question = {
      text: fields.text(document),
      choices: config.docToChoice === undefined ? undefined : fields.choices(document),
      prefix: fields.words(document, config.genPrefix),
    };
    const texts = choicesAsk ? (question.choices ?? []) : [this.#words(question.text)];
    const delimiter = choicesAsk ? "" : config.targetDelimiter;
    return texts.map((text) => this.#whole([...before, ...turnsOf(text, undefined, question.prefix, delimiter, "")]));
  }

  #description(document: Document): Turn[] {
    const { config, fields, system } = this.#settings;
    const own = fields.words(document, config.description) ?? "";
    const content = system === undefined ? own : joined(system, own, config.fewshot.fewshotDelimiter);
    return content === "" ? [] : [{ role: "system", content, after: "" }];
  }

  #examples(document: Document): Turn[] {
    const { config, fields, sampler, count, choicesAsk, examplesHoldAsked } = this.#settings;
    const { fewshot } = config;
    const examples = sampler?.sample(count, examplesHoldAsked ? document : undefined) ?? [];
    return examples.flatMap((example) => {
      const text = fields.text(example, fewshot.docToText ?? config.docToText);
      const choices = fewshot.docToChoice === undefined ? undefined : fields.choices(example, fewshot.docToChoice);
      const target = fields.target(example, fewshot.docToTarget ?? config.docToTarget);
      const asks = choicesAsk ? (choices?.[text as number] as string) : this.#words(text);
      const answer = this.#answer(target, choicesAsk ? undefined : choices);
      const prefix = fields.words(example, fewshot.genPrefix);
      return turnsOf(asks, answer, prefix, fewshot.targetDelimiter, fewshot.fewshotDelimiter);
    });
  }

  #answer(target: Target, choices: readonly string[] | undefined): string {
    if (typeof target === "string") return target;
    const { config } = this.#settings;
    const answer = typeof target === "number" ? choices?.[target] : target[0];
    if (typeof answer === "string") return answer;
    throw new RetemperError(
      "BAD_INPUT",
      `${config.name}: the answer of an example is no text: ${String(answer ?? target)}`,
      {
        file: config.file,
      },
    );
  }

  #words(text: string | number): string {
    if (typeof text === "string") return text;
    const { config } = this.#settings;
    throw new RetemperError("BAD_INPUT", `${config.name}: doc_to_text gives the number ${text} and not a text`, {
      file: config.file,
    });
  }

  #whole(turns: readonly Turn[]): Prompt {
    const { chat } = this.#settings;
    if (!chat) return turns.map(({ content, after }) => content + after).join("");
    const said = chat.systemRole ? turns : turns.filter(({ role }) => role !== "system");
    // what the answer begins with is gone on with
    return said.map(({ role, content }, at) => ({
      ...{ role, content },
      ...(role === "assistant" && at === said.length - 1 && { prefix: true }),
    }));
  }
}

/** A question, and its answer or what the answer begins with. */
function turnsOf(
  text: string,
  answer: string | undefined,
  prefix: string | undefined,
  delimiter: string,
  after: string,
): Turn[] {
  const answered = answer !== undefined && answer !== "";
  const parted = prefix ? needsDelimiter(text, prefix) : answered;
  const turns: Turn[] = [{ role: "user", content: text, after: parted ? delimiter : "" }];
  if (answered) turns.push({ role: "assistant", content: joined(prefix ?? "", answer, " "), after });
  else if (prefix) turns.push({ role: "assistant", content: prefix, after: "" });
  return turns;
}

/** Two texts with a delimiter between them, where both are there and neither has white space at that place. */
export function joined(before: string, after: string, delimiter: string): string {
  return before !== "" && after !== "" && needsDelimiter(before, after) ? before + delimiter + after : before + after;
}

function needsDelimiter(before: string, after: string): boolean {
  return before !== "" && !isBlank(before.slice(-1)) && !isBlank(after.slice(0, 1));
}

/** Whether a character is white space, as `str.isspace` has it. */
function isBlank(character: string): boolean {
  return character !== "" && strip(character) === "";
}
