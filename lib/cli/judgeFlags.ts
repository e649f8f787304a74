// The judges that a command line names: `--judge keyword`, `--judge wildguard:path`, `--judge mine=pattern:model`.

import { type Command, Option } from "commander";
import { ioError } from "../files/ioError.js";
import { readTextAtMost } from "../files/readAtMost.js";
import {
  adapterFidelity,
  type Classifier,
  classifierJudge,
  type EmptyIs,
  JUDGE_NAMES,
  type Judge,
  type JudgeModel,
  type KeywordJudgeOptions,
  keywordJudge,
  type NamedJudgeOptions,
  namedJudge,
  openClassifier,
  PHRASE_LISTS,
  patternJudge,
  RetemperError,
} from "../index.js";
import { downloading } from "./downloading.js";
import { type EngineFlags, localOptions, openGenerator, parseReal } from "./generationFlags.js";
import { repeated } from "./repeated.js";
import type { Session } from "./session.js";

export interface JudgeFlags extends EngineFlags {
  readonly emptyIs?: EmptyIs;
  readonly calibration?: string;
  readonly judge?: readonly string[];
  readonly judgeMatchCase?: boolean;
  readonly judgeBy?: NamedJudgeOptions["by"];
  readonly judgeThreshold?: number;
  readonly judgeTemplate?: string;
  readonly judgePattern?: string;
  readonly judgeHarmful?: readonly string[];
  readonly judgeInput?: "pair" | "response";
}

export interface OpenedJudges {
  readonly judges: readonly Judge[];
  /** Closes the models that were opened. */
  close(): Promise<void>;
}

const KINDS = `keyword, keyword:gcg, keyword:qi, keyword:FILE, classifier:MODEL, pattern:MODEL, and ${JUDGE_NAMES.join(", ")}, each also with :MODEL`;

export function addJudgeOptions(command: Command): void {
  command
    .optionsGroup("Judges:")
    .option("--judge <judge>", "a judge of safety (default keyword; may be repeated)", repeated)
    .option(
      "--judge-match-case",
      "of keyword:FILE: capital letters must match (those of the papers' lists always must)",
    )
    .addOption(
      new Option("--empty-is <what>", "what an empty answer counts as (default: what each judge says)").choices([
        "refusal",
        "attack",
        "missing",
      ]),
    )
    .option("--calibration <file>", "labelled answers (rows of answer, label, prompt), to correct the judges' rates by")
    .addOption(
      new Option("--judge-by <what>", "read judges by the probabilities of their words, or by what they write").choices(
        ["probabilities", "answers"],
      ),
    )
    .option(
      "--judge-threshold <p>",
      "from which probability on a verdict is yes (default 0.5)",
      parseReal("above 0 and at most 1", (p) => p > 0 && p <= 1),
    )
    .option("--judge-template <file>", "of a judge by pattern: text with {prompt} and {response}")
    .option("--judge-pattern <regex>", "of a judge by pattern: its first group says yes or no, safe or unsafe")
    .option("--judge-harmful <label>", "of a classifier: a label that means harm (may be repeated)", repeated)
    .addOption(new Option("--judge-input <what>", "of a classifier (default pair)").choices(["pair", "response"]));
}

/**
 * Judges by their words. Models are opened when they have something to judge, after the evaluated one has answered.
 * @throws RetemperError USAGE, BAD_INPUT
 */
export async function judgesOf(flags: JudgeFlags, session: Session): Promise<OpenedJudges> {
  const opened: { close(): Promise<void> }[] = [];
  const model = (source: string): JudgeModel => {
    return async () => {
      // --endpoint is where the evaluated model is; a judge behind a server has its own address
      const generator = await openGenerator(
        source,
        { ...flags, endpoint: undefined, lambda: undefined, lambdas: undefined, fidelity: adapterFidelity(source) },
        session,
      );
      opened.push(generator);
      return generator;
    };
  };
  const judges: Judge[] = [];
  const classifier = async (source: string) => {
    const { engine, threads, requireGpu, maxMemory } = localOptions(flags);
    const one = await openClassifier(source, {
      ...{ engine, threads, requireGpu, maxMemory },
      signal: session.signal,
      hub: downloading(session),
    });
    opened.push(one);
    return one;
  };
  for (const words of flags.judge ?? ["keyword"]) judges.push(await judgeOf(words, flags, { model, classifier }));
  return {
    judges,
    close: async () => {
      for (const generator of opened) await generator.close();
    },
  };
}

interface Openers {
  model(source: string): JudgeModel;
  classifier(source: string): Promise<Classifier>;
}

async function judgeOf(words: string, flags: JudgeFlags, { model, classifier }: Openers): Promise<Judge> {
  const [, name, kind, rest] = /^(?:([\w.-]+)=)?(\w+)(?::(.+))?$/s.exec(words) ?? [];
  const named = namedJudge(words.slice(name === undefined ? 0 : name.length + 1));
  if (named) {
    const { judgeBy: by, judgeThreshold: threshold } = flags;
    return named.open(model(named.source), { name, by, threshold });
  }
  switch (kind) {
    case "keyword":
      return keywordJudge({
        name,
        phrases: await phrasesOf(rest),
        ignoreCase: flags.judgeMatchCase ? false : undefined,
      });
    case "classifier": {
      if (rest === undefined) throw unknown(words);
      const { judgeHarmful: harmful, judgeInput: input } = flags;
      return classifierJudge(await classifier(rest), { name, harmful, input });
    }
    case "pattern": {
      const { judgeTemplate, judgePattern } = flags;
      if (rest === undefined || judgeTemplate === undefined || judgePattern === undefined) {
        throw new RetemperError("USAGE", "A judge by pattern needs a model, --judge-template and --judge-pattern.", {
          hint: "--judge pattern:MODEL --judge-template FILE --judge-pattern 'verdict: (safe|unsafe)'",
        });
      }
      const template = await readText(judgeTemplate);
      return patternJudge(model(rest), { name, source: rest, template, pattern: judgePattern });
    }
    default:
      throw unknown(words);
  }
}

function unknown(words: string): RetemperError {
  return new RetemperError("USAGE", `There is no judge ${JSON.stringify(words)}.`, { hint: `there are ${KINDS}` });
}

async function phrasesOf(words: string | undefined): Promise<KeywordJudgeOptions["phrases"]> {
  if (words === undefined || words === "refusals" || Object.hasOwn(PHRASE_LISTS, words)) {
    return words as KeywordJudgeOptions["phrases"];
  }
  return phrasesIn(words);
}

/** The phrases of a file, one a line. @throws RetemperError BAD_INPUT, IO */
export async function phrasesIn(file: string): Promise<string[]> {
  return (await readText(file)).split(/\r?\n/).filter((line) => line.trim() !== "");
}

async function readText(file: string): Promise<string> {
  return readTextAtMost(file, { most: 2 ** 24, what: "a judge's phrases or template", pipes: true }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw ioError(error, file, "cannot read");
      const hint = "check the path; it is relative to the working directory";
      throw new RetemperError("BAD_INPUT", error.message, { file, hint, cause: error });
    },
  );
}
