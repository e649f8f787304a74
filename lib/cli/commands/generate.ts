// `retemper generate MODEL`: answers to prompts, for machines: JSON lines out, resumed where a run was stopped.

import type { Command } from "commander";
import {
  type AnswerRecord,
  type GenerateFileReport,
  type GenerateOptions,
  type GenerateProgress,
  type GenerationFailure,
  generateFile,
  type NamedPrompt,
  RetemperError,
  recordOf,
  type TextGenerator,
} from "../../index.js";
import {
  type AnswerFlags,
  addAnswerOptions,
  addEngineOptions,
  addRecipeOptions,
  answerOptions,
  describeEngine,
  type EngineFlags,
  openGenerator,
  type RecipeFlags,
} from "../generationFlags.js";
import { readPrompts } from "../promptFile.js";
import { formatCount, formatDuration, parseInteger } from "../quantities.js";
import type { Renderer } from "../render.js";
import { addCommonOptions, type Session } from "../session.js";

interface GenerateFlags extends EngineFlags, RecipeFlags, AnswerFlags {
  readonly prompts?: string;
  readonly prompt?: readonly string[];
  readonly chat?: boolean;
  readonly system?: string;
  readonly out?: string;
  readonly force?: boolean;
  readonly n?: number;
  readonly batch?: number;
  readonly logprobs?: boolean;
}

const HELP = `
Prompts, one a line of a .jsonl file (or a list of them in a .json file; a .txt file has one text a line; - is stdin):
  {"prompt": "text"}                                  encoded with special tokens, as it is
  {"messages": [{"role": "user", "content": "..."}]}  through the model's chat template
  {"ids": [1, 15043]}                                 token ids, as they are
An "id" beside them comes back with the answers. --chat makes a user's message of each text.

Answers, one a line: {"index", "id", "sample", "lambda", "text", "finish", "promptTokens", "newTokens", "ids", "logprobs"}.
Without --out they go to stdout as they come. With --out they are written as they come, and a run that was stopped is
started again with the same command: what is answered is not asked again. When all are there they are in the order of the
prompts, the same bytes however often the run was stopped. OUT.facts.json says how they were made.

The same prompt, seed and settings give the same answer, alone or in any batch.

Examples:
  retemper generate path/to/model --prompt "The sea is" --max-new-tokens 20 | jq -r .text
  retemper generate path/to/model --prompts questions.jsonl --chat --out answers.jsonl
  retemper generate recipe.yml --lambda 0.1:0.9:0.1 --prompts questions.jsonl --chat --out answers.jsonl
  retemper generate path/to/model --prompts code.jsonl --n 50 --temperature 0.6 --top-p 0.9 --top-k 50 --out samples.jsonl`;

export function addGenerateCommand(program: Command, session: Session): Command {
  const command = program
    .command("generate")
    .summary("answer prompts, many at once; resumes where it was stopped")
    .description("Generates answers to prompts, many at once, and writes them as JSON lines.")
    .argument("[model]", "folder of a model, name on the hub, or a recipe (a virtual merge)")
    .addHelpText("after", HELP)
    .optionsGroup("Prompts and answers:")
    .option("--prompts <file>", "file of prompts: .jsonl, .json, .txt, or - for stdin")
    .option("--prompt <text>", "a prompt (may be repeated)", (text, before: string[] = []) => [...before, text])
    .option("--chat", "make a user's message of each text")
    .option("--system <text>", "with --chat: begin each conversation with this system message")
    .option("--out <file>", "write answers to this file, and resume what is there")
    .option("--force", "replace the answers that the file holds")
    .option("--n <n>", "samples of each prompt (default 1); the prompt is read once for all", parseInteger(1))
    .option("--logprobs", "each new token's log-probability, before sampling's settings")
    .option("--batch <n>", "sequences computed at once (default: by memory)", parseInteger(1));
  addAnswerOptions(command);
  addRecipeOptions(command, "every prompt with each of these values, in one batch");
  addEngineOptions(command);
  command.option("--model <name>", "the same as the argument");
  addCommonOptions(command);
  return command.action(async (path: string | undefined, flags: GenerateFlags) => {
    const prompts = await promptsOf(flags, session);
    const model = await openGenerator(path, flags, session);
    try {
      const { n, batch, logprobs } = flags;
      const onProgress = progressOf(session.renderer);
      const failures: GenerationFailure[] = [];
      const onFailure = (failure: GenerationFailure) => {
        failures.push(failure);
        session.renderer.warn(`prompt ${failure.index} has no answer: ${failure.error.message}`);
      };
      const { signal } = session;
      const options = { ...answerOptions(flags), n, batch, logprobs, signal, onProgress, onFailure };
      if (flags.out === undefined) session.endWithReader();
      else session.goesOnWith({ without: ["--force"] });
      if (flags.out === undefined) await toStdout(model, prompts, options, failures, session);
      else await toFile(model, prompts, flags.out, options, failures, flags, session);
    } finally {
      await model.close();
    }
  });
}

async function promptsOf(flags: GenerateFlags, { stdin }: Session): Promise<NamedPrompt[]> {
  const { prompts: file, prompt: texts = [], chat, system } = flags;
  if (file !== undefined && texts.length > 0) {
    throw new RetemperError("USAGE", "--prompts and --prompt both give prompts", { hint: "use one of them" });
  }
  if (file === undefined && texts.length === 0) {
    throw new RetemperError("USAGE", "there are no prompts", { hint: "give --prompts FILE or --prompt TEXT" });
  }
  if (system !== undefined && !chat) {
    throw new RetemperError("USAGE", "--system is part of a conversation", { hint: "add --chat" });
  }
  const prompts = file === undefined ? texts.map((prompt) => ({ prompt })) : await readPrompts(file, stdin);
  if (!chat) return prompts;
  const begin = system === undefined ? [] : [{ role: "system", content: system }];
  return prompts.map((named) => {
    const { prompt } = named;
    return typeof prompt === "string" ? { ...named, prompt: [...begin, { role: "user", content: prompt }] } : named;
  });
}

async function toStdout(
  model: TextGenerator,
  prompts: readonly NamedPrompt[],
  options: GenerateOptions,
  failures: readonly GenerationFailure[],
  { renderer }: Session,
): Promise<void> {
  const started = performance.now();
  renderer.note(`answers by ${describeEngine(model)}`);
  const counts = { answers: 0, promptTokens: 0, newTokens: 0 };
  for await (const answer of model.generate(
    prompts.map(({ prompt }) => prompt),
    options,
  )) {
    const record = recordOf(answer, prompts[answer.index]?.id);
    counts.answers += 1;
    counts.promptTokens += answer.promptTokens;
    counts.newTokens += answer.ids.length;
    if (renderer.json) renderer.event({ event: "answer", ...record });
    else renderer.record(record);
  }
  const seconds = (performance.now() - started) / 1000;
  conclude({ ...counts, seconds, engine: model.facts }, "", failures, renderer);
}

async function toFile(
  model: TextGenerator,
  prompts: readonly NamedPrompt[],
  out: string,
  options: GenerateOptions,
  failures: readonly GenerationFailure[],
  flags: GenerateFlags,
  { renderer }: Session,
): Promise<void> {
  const onAnswer = ({ index, sample, lambda }: AnswerRecord) => {
    const event = { event: "answer", index, sample, lambda };
    renderer.event(event);
  };
  const report = await generateFile(model, prompts, out, { ...options, force: flags.force, onAnswer });
  conclude(report, describe(report, model), failures, renderer);
}

/** The result; with answers that are missing, which only a server leaves so, it is a failure too. */
function conclude(result: object, text: string, failures: readonly GenerationFailure[], renderer: Renderer): void {
  const [first] = failures;
  if (first === undefined) {
    renderer.result(result, text);
    return;
  }
  renderer.answerBeforeError({ ...result, failures: failures.length }, text);
  const what = `${formatCount(failures.length)} ${failures.length === 1 ? "prompt has" : "prompts have"} no answer`;
  throw first.error.retold(`${what}; the first: ${first.error.message}`, {
    hint: "the same command asks again for what is missing, where --out keeps what is there",
  });
}

function describe(
  { out, answers, kept, newTokens, seconds, factsFile }: GenerateFileReport,
  model: TextGenerator,
): string {
  const before = kept > 0 ? `, ${formatCount(kept)} of them were there` : "";
  const rate = newTokens > 0 ? `, ${formatCount(Math.round(newTokens / seconds))} new tokens a second` : "";
  return [
    `${out}: ${formatCount(answers)} answers${before}; ${factsFile} says how they were made`,
    `${formatDuration(seconds)}${rate}, by ${describeEngine(model)}`,
  ].join("\n");
}

/** Answers done of all, and the speed since the start. */
function progressOf(renderer: Renderer): (progress: GenerateProgress) => void {
  const started = performance.now();
  let before = Number.NaN; // answers of an earlier run
  return ({ done, total, promptTokens, newTokens }) => {
    if (Number.isNaN(before)) before = done;
    const seconds = (performance.now() - started) / 1000;
    const made = done - before;
    renderer.progress({
      phase: "generate",
      done,
      total,
      bytesPerSecond: 0,
      secondsLeft: made > 0 ? (seconds / made) * (total - done) : undefined,
      amount: `${formatCount(done)} / ${formatCount(total)} answers`,
      rate: `${formatCount(Math.round(newTokens / seconds))} tokens/s, prompts ${formatCount(promptTokens)}`,
    });
  };
}
