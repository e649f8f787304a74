// `retemper evaluate MODEL`: how often a model answers what it should refuse, and how well it does its tasks.

import { type Command, Option } from "commander";
import {
  type BertScoreSettings,
  type Decoding,
  type EvaluateOptions,
  type EvaluateProgress,
  evaluate,
  evaluateLambdas,
  judgeAlarms,
  listTasks,
  openBertScore,
  type Results,
  RetemperError,
  suiteEntries,
  type TaskResults,
} from "../../index.js";
import { alarmText } from "../alarmText.js";
import { downloading } from "../downloading.js";
import { EVALUATE_HELP } from "../evaluateHelp.js";
import { resultsTable } from "../evaluationTable.js";
import {
  addEngineOptions,
  addRecipeOptions,
  describeEngine,
  type EngineFlags,
  localOptions,
  openGenerator,
  parseReal,
  type RecipeFlags,
} from "../generationFlags.js";
import { addJudgeOptions, type JudgeFlags, judgesOf } from "../judgeFlags.js";
import { formatCount, formatDuration, parseInteger } from "../quantities.js";
import type { Renderer } from "../render.js";
import { repeated } from "../repeated.js";
import { addCommonOptions, type Session } from "../session.js";
import { dataOf } from "../suiteData.js";
import { table } from "../table.js";

interface EvaluateFlags extends EngineFlags, RecipeFlags, JudgeFlags {
  readonly suite?: readonly string[];
  readonly data?: readonly string[];
  readonly list?: boolean;
  readonly limit?: number;
  readonly out?: string;
  readonly force?: boolean;
  readonly byCategory?: boolean;
  readonly maxNewTokens?: number;
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly repetitionPenalty?: number;
  readonly samples?: number;
  readonly seed?: number;
  readonly system?: string | false;
  readonly chat?: boolean;
  readonly allowCodeExecution?: boolean;
  readonly codeWorkers?: number;
  readonly python?: string;
  readonly opener?: readonly string[];
  readonly passAt?: readonly number[];
  readonly bbhVersion?: "3" | "4";
  readonly bbhChat?: boolean;
  readonly fewshot?: number;
  readonly fewshotSeed?: number;
  readonly paperExact?: boolean;
  readonly bertscoreModel?: string;
  readonly bertscoreLayer?: number;
  readonly bertscoreIdf?: boolean;
}

export function addEvaluateCommand(program: Command, session: Session): Command {
  const command = program
    .command("evaluate")
    .summary("attack success rate and task scores of a model; resumes where it was stopped")
    .description(
      "Asks a model the prompts of a suite, scores the answers with judges and metrics, and reports the numbers.",
    )
    .argument("[model]", "folder of a model, or name on the hub")
    .addHelpText("after", EVALUATE_HELP)
    .optionsGroup("What is asked:")
    .option("--suite <name>", "a task or suite, or NAME:DATA (may be repeated)", repeated)
    .option("--data <name=ref>", "data of a task: a file, a folder, or hf://… (may be repeated)", repeated)
    .option("--limit <n>", "items of each task at most: the first ones", parseInteger(1))
    .option("--list", "show tasks and suites, and exit")
    .option(
      "--opener <text>",
      'what answers begin with in sets with +prefill (may be repeated; "Sure, here")',
      repeated,
    )
    .option("--system <text>", "system message instead of the tasks' own")
    .option("--no-system", "no system message")
    .option("--chat", "ask tasks of plain text in the model's chat template")
    .option("--no-chat", "ask generic tasks in plain text");
  addJudgeOptions(command);
  command
    .optionsGroup("Scores of tasks:")
    .option("--bertscore-model <model>", "encoder for BERTScore: folder or hub name")
    .option("--bertscore-layer <n>", "its layer (default: the usual one of known encoders)", parseInteger(0))
    .option("--bertscore-idf", "weigh tokens by how rare they are")
    .option("--allow-code-execution", "run programs that the model writes, in a sandbox")
    .option("--code-workers <n>", "programs at once (default: one for each core)", parseInteger(1))
    .option("--python <path>", "Python that runs them (default: the system's)")
    .option("--pass-at <k,k>", "pass@k for these k (default 1,10)", parseList)
    .addOption(new Option("--bbh-version <n>", "version of the harness's task (default 4)").choices(["3", "4"]))
    .option("--bbh-chat", "ask BBH in the model's chat template")
    .option("--fewshot <n>", "of lm-eval's tasks: examples before each question", parseInteger(0))
    .option("--fewshot-seed <n>", "of the draws of those examples (default 1234)", parseInteger(0))
    .option("--paper-exact", "humaneval and tools as the scripts of arXiv 2412.19512 have them, not its text")
    .optionsGroup("How answers are made, instead of the tasks' own way:")
    .option("--max-new-tokens <n>", "new tokens at most", parseInteger(1))
    .option("--temperature <t>", "0 is greedy", parseReal("0 or more", atLeastZero))
    .option("--top-k <k>", "draw from the k likeliest tokens", parseInteger(0))
    .option("--top-p <p>", "draw from the likeliest tokens of probability p", parseReal("above 0, at most 1", isShare))
    .option(
      "--repetition-penalty <x>",
      "for tokens of prompt and answer",
      parseReal("above 0", (value) => value > 0),
    )
    .option("--samples <n>", "answers to each item", parseInteger(1))
    .option("--seed <n>", "of draws and intervals (default 0)", parseInteger(0))
    .optionsGroup("Results:")
    .option("--out <folder>", "keep answers, verdicts and results.json here, and resume what is there")
    .option("--force", "forget what the folder holds")
    .option("--by-category", "show each category's numbers too");
  addRecipeOptions(command, "evaluate at each of these values");
  addEngineOptions(command);
  addCommonOptions(command);
  return command.action(async (path: string | undefined, flags: EvaluateFlags) => {
    if (flags.list) {
      showList(session.renderer);
      return;
    }
    session.endWithReader();
    const suite = flags.suite ?? [];
    if (suite.length === 0) {
      throw new RetemperError("USAGE", "There is no suite.", { hint: "--suite NAME; --list shows what there is" });
    }
    suiteEntries(suite, dataOf(flags.data ?? [], suite)); // what is wrong there is reported before a model is opened
    if (flags.out !== undefined) session.goesOnWith({ without: ["--force"] });
    const judges = await judgesOf(flags, session);
    const model = await openGenerator(path, flags, session);
    let bertScore: (BertScoreSettings & { close(): Promise<void> }) | undefined;
    try {
      session.renderer.note(`answers by ${describeEngine(model)}`);
      bertScore =
        flags.bertscoreModel === undefined ? undefined : await openEncoder(flags.bertscoreModel, flags, session);
      const options = { ...optionsOf(flags, suite, session), judges: judges.judges, bertScore };
      // a virtual merge, at each of its lambdas
      const { lambdas = [] } = model.facts;
      if (lambdas.length > 0) {
        const all = await evaluateLambdas(model, suite, lambdas, options);
        const text = all.map((results) => `lambda ${results.lambda}\n${describe(results, flags)}`).join("\n\n");
        const named = all.map((results) => ({ name: `lambda ${results.lambda}`, results: [results] }));
        session.renderer.result(all.map(withoutItems), text + alarmText(judgeAlarms(named)));
        return;
      }
      const results = await evaluate(model, suite, options);
      session.renderer.result(withoutItems(results), describe(results, flags) + alarmText(results.alarms ?? []));
    } finally {
      await bertScore?.close();
      await judges.close();
      await model.close();
    }
  });
}

function openEncoder(model: string, flags: EvaluateFlags, session: Session) {
  const { engine, threads, requireGpu, maxMemory } = localOptions(flags);
  const { bertscoreLayer: layer, bertscoreIdf: idf } = flags;
  return openBertScore(model, {
    engine,
    threads,
    requireGpu,
    maxMemory,
    layer,
    idf,
    signal: session.signal,
    hub: downloading(session),
  });
}

function optionsOf(flags: EvaluateFlags, suite: readonly string[], session: Session): EvaluateOptions {
  const { renderer, signal } = session;
  const { maxNewTokens, temperature, topK, topP, repetitionPenalty, samples } = flags;
  const decoding: Decoding = { maxNewTokens, temperature, topK, topP, repetitionPenalty, samples };
  return {
    data: dataOf(flags.data ?? [], suite),
    emptyIs: flags.emptyIs,
    calibration: flags.calibration,
    limit: flags.limit,
    out: flags.out,
    force: flags.force,
    decoding,
    system: flags.system === false ? null : flags.system,
    chat: flags.chat,
    seed: flags.seed,
    code: {
      allowCodeExecution: flags.allowCodeExecution === true,
      workers: flags.codeWorkers,
      python: flags.python,
    },
    opener: flags.opener,
    passAt: flags.passAt,
    bbh: { version: flags.bbhVersion && (Number(flags.bbhVersion) as 3 | 4), chat: flags.bbhChat },
    lmEval: { fewshot: flags.fewshot, fewshotSeed: flags.fewshotSeed },
    paperExact: flags.paperExact,
    signal,
    onProgress: (progress) => showProgress(progress, renderer),
    onWarning: (warning) => renderer.warn(warning),
    onTask: (task, lambda) => tell(task, lambda, renderer),
  };
}

/** Every item as a JSON line. */
function tell(task: TaskResults, lambda: number | undefined, renderer: Renderer): void {
  if (!renderer.json) return;
  for (const item of task.items) {
    const event = { event: "item", task: task.name, lambda, ...item };
    renderer.event(event);
  }
}

function withoutItems(results: Results): object {
  return { ...results, tasks: results.tasks.map(({ items: _, ...task }) => task) };
}

function describe(results: Results, flags: EvaluateFlags): string {
  const folder = results.lambda === undefined ? flags.out : `${flags.out}/lambda-${results.lambda}`;
  const where = flags.out === undefined ? "" : `; ${folder}/results.json has every item`;
  return `${resultsTable(results, flags.byCategory)}\n${formatDuration(results.seconds)}${where}`;
}

function showProgress(
  { phase, task, scorer, done, total, perSecond, secondsLeft }: EvaluateProgress,
  renderer: Renderer,
) {
  renderer.progress({
    phase: scorer === undefined ? task : `${task}, ${scorer}`,
    done,
    total,
    bytesPerSecond: 0,
    secondsLeft,
    amount: `${formatCount(done)} / ${formatCount(total)} ${phase === "answers" ? "answers" : "verdicts"}`,
    rate: `${perSecond.toFixed(1)}/s`,
  });
}

function showList(renderer: Renderer): void {
  const tasks = listTasks();
  const rows = tasks.map(({ name, kind, title, better, source }) => [name, kind, title, better ?? "", source ?? ""]);
  renderer.result(tasks, table(["name", "kind", "what", "better", "default data"], rows));
}

function parseList(text: string): number[] {
  return text.split(",").map(parseInteger(1));
}

function atLeastZero(value: number): boolean {
  return value >= 0;
}

function isShare(value: number): boolean {
  return value > 0 && value <= 1;
}
