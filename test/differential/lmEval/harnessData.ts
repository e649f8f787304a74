// Rows in the columns of the data sets that tasks name, made up here: short, with characters that are easily read wrongly.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BBH_SUBTASKS } from "../../../lib/evaluate/tasks/bbh.js";

type Rows = readonly Readonly<Record<string, unknown>>[];

const rows = (count: number, make: (at: number) => Readonly<Record<string, unknown>>): Rows =>
  Array.from({ length: count }, (_, at) => make(at));
const THINGS = ["lamp", "río", "「box」", "cup of tea", 'it\'s "blue"', "x = 3;", "Ωmega 𝒜", "tab\there"];
const thing = (at: number) => THINGS[at % THINGS.length] as string;

const arc = (at: number) => ({
  id: `q${at}`,
  question: `Which of these is a ${thing(at)} (${at})?`,
  choices: {
    text: [thing(at), `not ${thing(at + 1)}`, "neither", `the ${thing(at + 2)} that lies farther away`].slice(
      0,
      3 + (at % 2),
    ),
    label: (at % 3 === 0 ? ["1", "2", "3", "4"] : ["A", "B", "C", "D"]).slice(0, 3 + (at % 2)),
  },
  answerKey: at % 3 === 0 ? String(1 + (at % 3)) : "ABC"[at % 3],
});

const SETS: readonly (readonly [path: string, configuration: string, splits: Readonly<Record<string, Rows>>])[] = [
  [
    "openai/gsm8k",
    "main",
    {
      train: rows(12, (at) => ({
        question: `A ${thing(at)} has ${at} red and ${at + 2} blue parts. How many?`,
        answer: `${at} + ${at + 2} = <<${at}+${at + 2}=${2 * at + 2}>>${2 * at + 2}\n#### ${2 * at + 2}`,
      })),
      test: rows(8, (at) => ({
        question: `Tom buys ${at} of ${thing(at)} at $300. What does he pay?`,
        answer: `He pays ${at * 300}.\n#### ${(at * 300).toLocaleString("en")}`,
      })),
    },
  ],
  ...["ARC-Easy", "ARC-Challenge"].map(
    (name, more) =>
      ["allenai/ai2_arc", name, { train: rows(2, arc), validation: rows(2, arc), test: rows(7 + more, arc) }] as const,
  ),
  [
    "Rowan/hellaswag",
    "",
    {
      train: rows(1, (at) => hellaswag(at)),
      validation: rows(7, (at) => hellaswag(at)),
    },
  ],
  [
    "cais/mmlu",
    "anatomy",
    {
      dev: rows(5, (at) => mmlu(at)),
      test: rows(9, (at) => mmlu(at + 5)),
    },
  ],
  [
    "cais/mmlu",
    "astronomy",
    {
      dev: rows(5, (at) => mmlu(at + 1)),
      test: rows(4, (at) => mmlu(at + 7)),
    },
  ],
  [
    "truthfulqa/truthful_qa",
    "multiple_choice",
    {
      validation: rows(7, (at) => ({
        question: `What is a ${thing(at)}?`,
        mc1_targets: {
          choices: [`A ${thing(at)} is a ${thing(at + 1)}.`, "I have no comment.", "Nobody's."],
          labels: [1, 0, 0],
        },
        mc2_targets: {
          choices: [`It is ${thing(at)}.`, `It is a ${thing(at + 3)}.`, "No.", "That\\'s it."].slice(0, 3 + (at % 2)),
          labels: [1, at % 2, 0, 1].slice(0, 3 + (at % 2)),
        },
      })),
    },
  ],
  [
    "allenai/winogrande",
    "winogrande_xl",
    {
      train: rows(2, (at) => winogrande(at)),
      validation: rows(7, (at) => winogrande(at)),
    },
  ],
  [
    "SaylorTwift/bbh",
    "boolean_expressions",
    {
      test: rows(6, (at) => ({
        input: `not ( ${at % 2 === 0} ) and ${at} is ${at % 3 === 0} is`,
        target: at % 2 === 0 ? "False" : "True",
      })),
    },
  ],
  [
    "google-research-datasets/mbpp",
    "full",
    {
      // each twice: once answered rightly, once not
      test: [0, 100].flatMap((more) => [
        {
          ...{
            task_id: 11 + more,
            text: `Write a function to add two numbers, ${more}.`,
            test_setup_code: "",
            challenge_test_list: [],
          },
          code: "def add(a, b):\r\n  return a + b",
          test_list: ["assert add(1, 2) == 3", "assert add(-1, 1) == 0", "assert add(0.5, 0) == 0.5"],
        },
        {
          ...{
            task_id: 12 + more,
            text: `Write a function to sort a list, ${more}.`,
            test_setup_code: "",
            challenge_test_list: [],
          },
          code: "def in_order(x):\r\n  return sorted(x)",
          test_list: [
            "assert in_order([2, 1]) == [1, 2]",
            "assert set(in_order([])) == set()",
            "assert in_order(['b', 'a'])[0] == 'a'",
          ],
        },
        {
          ...{
            task_id: 13 + more,
            text: `Write a class of pairs, ${more}.`,
            test_setup_code: "",
            challenge_test_list: [],
          },
          code: "class Pair:\r\n  def __init__(self, a):\r\n    self.a = a\r\ndef first(p):\r\n  return p.a",
          test_list: [
            "assert first(Pair(1)) == 1",
            "assert first(Pair('x')) == 'x'",
            "assert first(Pair(None)) is None",
          ],
        },
      ]),
    },
  ],
  [
    "google/IFEval",
    "",
    {
      train: rows(6, (at) => ({
        ...{ key: at, prompt: `Write ${at} words about a ${thing(at)}.` },
        instruction_id_list: ["punctuation:no_comma", "length_constraints:number_words"].slice(0, 1 + (at % 2)),
        kwargs: [{}, { relation: "at least", num_words: at }].slice(0, 1 + (at % 2)),
      })),
    },
  ],
  ["retemper/words", "", { train: rows(4, (at) => words(at)), test: rows(6, (at) => words(at + 1)) }],
];

function hellaswag(at: number) {
  return {
    ...{
      ind: at,
      activity_label: `Cleaning [title] a ${thing(at)}`,
      ctx_a: `A man holds a ${thing(at)}.`,
      ctx_b: at % 2 ? "the  man" : "ÉLAN [step] goes",
    },
    endings: [`puts it [title] down.`, ` throws it [substeps] at ${thing(at + 1)}.`, "sings  loudly.", "is gone"],
    label: String(at % 4),
  };
}

function mmlu(at: number) {
  return {
    question: ` Where is the ${thing(at)}? `,
    subject: "anatomy",
    choices: [thing(at), thing(at + 1), "nowhere", "here"],
    answer: at % 4,
  };
}

function winogrande(at: number) {
  return {
    sentence: `The ${thing(at)} did not fit into the ${thing(at + 1)} because _ was too large.`,
    ...{ option1: `the ${thing(at)}`, option2: "it", answer: String(1 + (at % 2)) },
  };
}

/** Of a task of our own: short texts with a number, a word and a list. */
function words(at: number) {
  return {
    ...{
      text: `The ${thing(at)} is number ${at}, and ${"very ".repeat(at)}far.`,
      word: ` ${thing(at + 1)}`,
      place: at % 3,
    },
    names: [thing(at), "other", "third one"],
    missing: null,
  };
}

/** Writes every set: ORG--NAME/CONFIGURATION/SPLIT.jsonl. */
export function writeData(folder: string): void {
  for (const [path, configuration, splits] of SETS) {
    const place = join(folder, path.replace("/", "--"), configuration);
    mkdirSync(place, { recursive: true });
    for (const [split, of] of Object.entries(splits)) {
      writeFileSync(join(place, `${split}.jsonl`), of.map((row) => `${JSON.stringify(row)}\n`).join(""));
    }
  }
}

/** Two questions for each subtask of BIG-Bench Hard, as the harness finds them and as one file a subtask. */
export function writeBbhData(folder: string): void {
  for (const subtask of BBH_SUBTASKS) {
    // subtasks may share their examples, so that their questions must differ
    const rows = [
      {
        input: `Where is {{ it }} & "that" <b>$1</b> of ${subtask}?\nOptions:\n(A) here\n(B) $& there`,
        target: "True",
      },
      { input: `True and {% not %} ${subtask} is`, target: "False" },
    ];
    const text = rows.map((row) => `${JSON.stringify(row)}\n`).join("");
    const place = join(dataOf(folder, "SaylorTwift/bbh"), subtask);
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, "test.jsonl"), text);
    writeFileSync(join(folder, `${subtask}.jsonl`), text);
  }
}

/** What of `--data` belongs to a task whose set this is. */
export function dataOf(folder: string, path: string): string {
  return join(folder, path.replace("/", "--"));
}
