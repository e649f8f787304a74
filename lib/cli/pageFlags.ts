// The options of the page on which lambda is moved: of `retemper play`, and of `retemper serve --ui`.

import type { Command } from "commander";
import { type NamedPrompt, type PlayOptions, playPage, RetemperError, type ServerPart } from "../index.js";
import { addJudgeOptions, type JudgeFlags, judgesOf, phrasesIn } from "./judgeFlags.js";
import { readPrompts } from "./promptFile.js";
import type { Session } from "./session.js";

export interface PageFlags extends JudgeFlags {
  readonly prompts?: string;
  readonly set?: string;
  readonly refusals?: string;
}

export function addPageOptions(command: Command): void {
  command
    .optionsGroup("The page:")
    .option("--prompts <file>", "prompts to flip through: .jsonl, .json, or one text a line")
    .option("--set <file>", 'what "measure this prompt" adds to: a file of JSON lines, as suites read them')
    .option("--refusals <file>", "what refusals begin with, a phrase a line, beside those that the page knows");
  addJudgeOptions(command);
}

export interface OpenedPage {
  readonly part: ServerPart;
  /** Closes the judge's model, where it has one. */
  close(): Promise<void>;
}

/** @throws RetemperError USAGE, BAD_INPUT */
export async function openPage(
  flags: PageFlags,
  session: Session,
  { source, results, prompts }: Pick<PlayOptions, "source" | "results" | "prompts">,
): Promise<OpenedPage> {
  const { set, judge = [] } = flags;
  if (judge.length > 1) {
    throw new RetemperError("USAGE", "the page shows the verdicts of one judge", { hint: "give --judge once" });
  }
  const named = flags.prompts === undefined ? undefined : await readPrompts(flags.prompts, session.stdin);
  const refusals = flags.refusals === undefined ? [] : await phrasesIn(flags.refusals);
  const judges = await judgesOf(flags, session);
  const texts = named?.map(({ prompt }) => textOf(prompt, flags.prompts)) ?? prompts;
  const part = await playPage({ prompts: texts, refusals, set, source, results, judge: judges.judges[0] });
  return { part, close: () => judges.close() };
}

/** What a person asked: a text, or the last message. */
function textOf(prompt: NamedPrompt["prompt"], file: string | undefined): string {
  if (typeof prompt === "string") return prompt;
  const last = prompt.at(-1);
  if (typeof last === "object") return last.content;
  throw new RetemperError("BAD_INPUT", "the page shows texts, and this file has token ids", { file });
}
