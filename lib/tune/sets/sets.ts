// The four data sets that the paper of merging tunes on (arXiv 2412.19512, appendix A): where they are published, how their
// rows become prompts and responses, and how many of them there are.

import { RetemperError } from "../../errors.js";
import { textOf } from "../../evaluate/data/columns.js";
import type { Row } from "../../evaluate/data/rows.js";
import { callsOf, functionsOf, toolPrompt } from "../../evaluate/tasks/toolCalls.js";

export const TRAINING_SETS = ["flan", "magicoder", "chatdoctor", "openfunctions"] as const;
export type TrainingSetName = (typeof TRAINING_SETS)[number];

/** A row that `tune` learns and tasks ask. */
export interface MadeRow {
  readonly system: string;
  readonly prompt: string;
  readonly response: string;
  /** All acceptable calls, of rows that are asked. */
  readonly answer?: readonly string[];
  /** Its programming language. */
  readonly language?: string;
}

/** From a row of a file to what is learned of it; undefined for a row of another kind (few-shot, no chain of thought). */
export type MakeRow = (row: Row, index: number) => MadeRow | undefined;

export interface Source {
  /** Published files, at a commit; undefined where the user has to give them. */
  readonly reference?: string | undefined;
  /** Of a data set: only these files. */
  readonly only?: RegExp | undefined;
  /** What the user has to give. */
  readonly what: string;
  /** @throws RetemperError BAD_INPUT for columns that are missing */
  readonly maker: (rows: readonly Row[], file: string) => MakeRow;
}

export interface TrainingSet {
  readonly title: string;
  readonly counts: { readonly train: number; readonly validation: number; readonly test: number };
  readonly train: Source;
  /** Undefined where the task has a test of its own (BBH, HumanEval). */
  readonly test?: Source | undefined;
  /** Rows that are there already are left out. */
  readonly distinct: boolean;
  /** Groups of which as many rows each are drawn. */
  readonly evenly?: ((row: MadeRow) => string) | undefined;
}

const HELPFUL = "You are a helpful assistant.";
const DOCTOR = "If you are a doctor, please answer the medical questions based on the patient's description.";

export const SETS: Readonly<Record<TrainingSetName, TrainingSet>> = {
  flan: {
    title: "Flan V2, zero-shot chain of thought",
    counts: { train: 10_000, validation: 1000, test: 0 },
    train: {
      reference: "hf://datasets/SirNeural/flan_v2@efaf67c09d87488a0483747396d3486ce5a51620",
      only: /^cot_zs_(no)?opt_train\.jsonl\.gz$/,
      what: "rows of the Flan collection: columns inputs and targets",
      maker: flanRows,
    },
    distinct: true, // both files have the rows that offer no options
  },
  magicoder: {
    title: "Magicoder-OSS-Instruct, uniform over languages",
    counts: { train: 10_000, validation: 1000, test: 0 },
    train: {
      reference:
        "hf://datasets/ise-uiuc/Magicoder-OSS-Instruct-75K@5f839b1f368a76b161028bb9edff055db34022b2" +
        "/data-oss_instruct-decontaminated.jsonl",
      what: "rows of Magicoder-OSS-Instruct-75K: columns lang, problem and solution",
      maker: codeRows,
    },
    distinct: true,
    evenly: ({ language }) => language ?? "",
  },
  chatdoctor: {
    title: "ChatDoctor: HealthCareMagic to learn, iCliniq to test",
    counts: { train: 10_000, validation: 200, test: 1000 },
    train: {
      reference:
        "hf://datasets/lavita/ChatDoctor-HealthCareMagic-100k@91560dbee82c704027391ddd0b80b25075b203a4?split=train",
      what: "rows of HealthCareMagic-100k: columns input and output",
      maker: (rows, file) => doctorRows(rows, file, ["output", "answer", "response"]),
    },
    test: {
      reference: "hf://datasets/lavita/ChatDoctor-iCliniq@3a7ef3c28d43c4b58c08ebdaf292bb9450df3b5a?split=train",
      what: "rows of iCliniq: columns input and answer_icliniq",
      maker: (rows, file) => doctorRows(rows, file, ["answer_icliniq", "output", "answer", "response"]),
    },
    distinct: true,
  },
  openfunctions: {
    title: "OpenFunctions v1, as instructions",
    counts: { train: 2211, validation: 222, test: 112 },
    train: {
      what: "training rows of OpenFunctions v1 (columns Instruction, Functions and Output, or instruction and output)",
      maker: callRows,
    },
    test: {
      what: "test rows of OpenFunctions v1 (gorilla_openfunctions_v1_test.json)",
      maker: callRows,
    },
    distinct: false, // the published rows, as they are
  },
};

/** Where a file says what its rows are (Flan's mixtures do), the others are left out. */
function flanRows(rows: readonly Row[], file: string): MakeRow {
  const prompts = neededColumn(rows, ["inputs", "input", "instruction", "prompt"], "the prompts", file);
  const answers = neededColumn(rows, ["targets", "target", "output", "response"], "the responses", file);
  const templates = columnOf(rows, ["_template_type", "template_type"]);
  const mixtures = columnOf(rows, ["_task_source", "task_source", "task"]);
  const isCot = (row: Row) => /cot|chain/i.test(String(row[mixtures as string]));
  const named = mixtures !== undefined && rows.some(isCot);
  return (row, index) => {
    if (templates !== undefined && !/^zs/i.test(String(row[templates]))) return undefined;
    if (named && !isCot(row)) return undefined;
    return {
      system: HELPFUL,
      prompt: textOf(row, prompts, file, index),
      response: textOf(row, answers, file, index),
    };
  };
}

function codeRows(rows: readonly Row[], file: string): MakeRow {
  const languages = neededColumn(rows, ["lang", "language"], "the programming languages", file);
  const prompts = neededColumn(rows, ["problem", "instruction", "prompt"], "the problems", file);
  const answers = neededColumn(rows, ["solution", "output", "response"], "the solutions", file);
  return (row, index) => ({
    system: HELPFUL,
    prompt: textOf(row, prompts, file, index),
    response: textOf(row, answers, file, index),
    language: textOf(row, languages, file, index),
  });
}

/** The instruction of the published rows is the same everywhere: it is the system prompt. */
function doctorRows(rows: readonly Row[], file: string, answerColumns: readonly string[]): MakeRow {
  const prompts = neededColumn(rows, ["input", "question", "prompt"], "the patients' questions", file);
  const answers = neededColumn(rows, answerColumns, "the doctors' answers", file);
  return (row, index) => ({
    system: DOCTOR,
    prompt: textOf(row, prompts, file, index),
    response: textOf(row, answers, file, index),
  });
}

/** A row with functions is written out as the task asks it; one without is an instruction already. */
function callRows(rows: readonly Row[], file: string): MakeRow {
  const questions = neededColumn(rows, ["question", "Instruction", "instruction", "prompt"], "the questions", file);
  const answers = neededColumn(rows, ["model_answer", "Output", "answer", "response", "output"], "the calls", file);
  const functions = columnOf(rows, ["function", "Functions", "functions"]);
  return (row, index) => {
    const question = textOf(row, questions, file, index);
    const calls = callsOf(row, answers, file, index);
    const [first = ""] = calls;
    return {
      system: HELPFUL,
      prompt: functions === undefined ? question : toolPrompt(question, functionsOf(row, functions, file, index)),
      response: first,
      answer: calls,
    };
  };
}

/** @throws RetemperError USAGE with the names that there are */
export function trainingSet(name: string): TrainingSet {
  if (Object.hasOwn(SETS, name)) return SETS[name as TrainingSetName];
  throw new RetemperError("USAGE", `There is no training set ${JSON.stringify(name)}.`, {
    hint: `there are ${TRAINING_SETS.join(", ")}`,
  });
}

/** A column that a row lacks is still the column: the row is named when it is read. */
function columnOf(rows: readonly Row[], candidates: readonly string[]): string | undefined {
  return candidates.find((name) => rows.some((row) => row[name] !== undefined && row[name] !== null));
}

function neededColumn(rows: readonly Row[], candidates: readonly string[], what: string, file: string): string {
  const column = columnOf(rows, candidates);
  if (column !== undefined) return column;
  const there = [...new Set(rows.slice(0, 100).flatMap((row) => Object.keys(row)))];
  throw new RetemperError("BAD_INPUT", `no column holds ${what}: expected ${candidates.join(", ")}`, {
    file,
    hint: `the file has ${there.map((name) => JSON.stringify(name)).join(", ") || "no columns"}`,
  });
}
