// A conversation with a model: the messages so far, and the commands that change them.

import { existsSync } from "node:fs";
import { readTextAtMost } from "../../files/readAtMost.js";
import { writeWhole } from "../../files/writeWhole.js";
import { type ChatMessage, type GenerateOptions, RetemperError } from "../../index.js";
import { type AnswerFlags, answerOptions, parseReal } from "../generationFlags.js";
import { parseInteger } from "../quantities.js";

export const COMMANDS = `/reset            forget the conversation; the system message stays
/system [TEXT]    show, set or (with -) drop the system message
/retry            answer the last message again, with other random draws
/undo             take the last message and its answer back
/set NAME VALUE   temperature, top-k, top-p, repetition-penalty, max-new-tokens or seed
/save FILE        write the conversation: {"messages": [...]}, as generate --prompts reads it
/load FILE        go on with a conversation from such a file
/exit             leave (also Ctrl-D)
A text that begins with a slash is written with two: //like this.
Several lines: between """ and """, or each but the last ended by a backslash.
Ctrl-C stops an answer.`;

const SETTINGS: Readonly<Record<string, { readonly key: keyof AnswerFlags; parse(text: string): number }>> = {
  temperature: { key: "temperature", parse: parseReal("of 0 or more", (value) => value >= 0) },
  "top-k": { key: "topK", parse: parseInteger(0) },
  "top-p": { key: "topP", parse: parseReal("above 0 and at most 1", (value) => value > 0 && value <= 1) },
  "repetition-penalty": { key: "repetitionPenalty", parse: parseReal("above 0", (value) => value > 0) },
  "max-new-tokens": { key: "maxNewTokens", parse: parseInteger(1) },
  seed: { key: "seed", parse: parseInteger(0) },
};

/** What a command leads to: a text to show, an answer to make, or the end. */
export type Outcome = { readonly say: string } | { readonly answer: true } | { readonly leave: true };

export class Conversation {
  #system: string | undefined;
  #messages: ChatMessage[] = [];
  #flags: AnswerFlags;
  /** Answers made so far: each draws other random numbers. */
  #turns = 0;
  #saved: string | undefined;

  constructor(flags: AnswerFlags, system: string | undefined) {
    this.#flags = flags;
    this.#system = system;
  }

  /** As the model's template takes them. */
  get messages(): readonly ChatMessage[] {
    return this.#system === undefined ? this.#messages : [{ role: "system", content: this.#system }, ...this.#messages];
  }

  get options(): GenerateOptions {
    return { ...answerOptions(this.#flags), seed: (this.#flags.seed ?? 0) + this.#turns };
  }

  ask(text: string): void {
    this.#messages.push({ role: "user", content: text });
  }

  answered(text: string): void {
    this.#turns += 1;
    this.#messages.push({ role: "assistant", content: text });
  }

  /** The last message could not be answered: it is as if it had not been asked. */
  withdraw(): void {
    if (this.#messages.at(-1)?.role === "user") this.#messages.pop();
  }

  /**
   * Runs a command, without its slash.
   * @throws RetemperError USAGE for what is no command; what reading and writing files throws.
   */
  async run(command: string): Promise<Outcome> {
    const [, name = "", rest = ""] = /^(\S*)\s*([\s\S]*)$/.exec(command) ?? [];
    switch (name) {
      case "help":
      case "?":
        return { say: COMMANDS };
      case "exit":
      case "quit":
      case "bye":
        return { leave: true };
      case "reset":
        this.#messages = [];
        return { say: "The conversation starts from the beginning." };
      case "system":
        return { say: this.#setSystem(rest) };
      case "undo":
        return { say: this.#undo() };
      case "retry":
        return this.#retry();
      case "set":
        return { say: this.#set(rest) };
      case "save":
        return { say: await this.#save(rest) };
      case "load":
        return { say: await this.#load(rest) };
    }
    throw new RetemperError("USAGE", `there is no command /${name}`, {
      hint: "/help lists them; a text that begins with a slash is written with two",
    });
  }

  #setSystem(text: string): string {
    if (text === "-") this.#system = undefined;
    else if (text !== "") this.#system = text;
    return this.#system === undefined ? "There is no system message." : `System message: ${this.#system}`;
  }

  #undo(): string {
    const asked = this.#messages.findLastIndex(({ role }) => role === "user");
    if (asked < 0) return "There is nothing to take back.";
    this.#messages.length = asked;
    return "The last message is taken back.";
  }

  #retry(): Outcome {
    if (this.#messages.at(-1)?.role === "assistant") this.#messages.pop();
    return this.#messages.at(-1)?.role === "user" ? { answer: true } : { say: "There is nothing to answer." };
  }

  #set(text: string): string {
    const [name = "", value = ""] = text.split(/\s+/);
    const setting = Object.hasOwn(SETTINGS, name) ? SETTINGS[name] : undefined;
    if (setting === undefined) {
      throw new RetemperError("USAGE", `there is no setting ${JSON.stringify(name)}`, {
        hint: `they are ${Object.keys(SETTINGS).join(", ")}`,
      });
    }
    try {
      this.#flags = { ...this.#flags, [setting.key]: setting.parse(value) };
    } catch (error) {
      throw new RetemperError("USAGE", `${name}: ${(error as Error).message}`);
    }
    return `${name} is ${value}.`;
  }

  async #save(file: string): Promise<string> {
    if (file === "") throw new RetemperError("USAGE", "/save needs the name of a file");
    if (existsSync(file) && file !== this.#saved) {
      throw new RetemperError("OUTPUT_EXISTS", "exists already", { file, hint: "give another name" });
    }
    await writeWhole(file, `${JSON.stringify({ messages: this.messages })}\n`);
    this.#saved = file;
    return `Saved to ${file}.`;
  }

  async #load(file: string): Promise<string> {
    const bad = (why: string, cause?: unknown) =>
      new RetemperError("BAD_INPUT", `is no conversation: ${why}`, { file, hint: "/save writes one", cause });
    let value: { readonly messages?: unknown } | null;
    try {
      value = JSON.parse(await readTextAtMost(file, { most: 2 ** 26, what: "a conversation", pipes: true })) as {
        readonly messages?: unknown;
      } | null;
    } catch (error) {
      throw bad((error as Error).message, error);
    }
    const messages = value?.messages;
    if (!Array.isArray(messages)) throw bad("it has no messages");
    for (const message of messages as Partial<ChatMessage>[]) {
      if (typeof message?.role !== "string" || typeof message.content !== "string")
        throw bad("a message has no role or content");
    }
    const [first, ...others] = messages as ChatMessage[];
    this.#system = first?.role === "system" ? first.content : undefined;
    this.#messages = first === undefined || first.role === "system" ? others : [first, ...others];
    return `${this.#messages.length} messages from ${file}.`;
  }
}
