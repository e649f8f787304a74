// `retemper data SET OUT`: the training data of the paper on merging, drawn and split by a seed.

import { join } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import {
  makeTrainingData,
  TRAINING_SETS,
  type TrainingDataOptions,
  type TrainingDataReport,
  type TrainingSetName,
} from "../../index.js";
import { formatCount, parseInteger } from "../quantities.js";
import { addCommonOptions, type Session } from "../session.js";
import { table } from "../table.js";
import { parseSeeds } from "../values.js";

interface DataFlags {
  readonly source?: string;
  readonly testSource?: string;
  readonly rows?: number;
  readonly validation?: number;
  readonly test?: number;
  readonly seed?: number;
  readonly seeds?: readonly number[];
  readonly skipBadRows?: boolean;
  readonly dryRun?: boolean;
  readonly force?: boolean;
}

const HELP = `
Sets, as arXiv 2412.19512 tunes on them (rows to train on, to choose lambda on, to test):
  flan            10,000 and 1,000: zero-shot chain of thought of Flan V2
  magicoder       10,000 and 1,000: Magicoder-OSS-Instruct, as many of each programming language
  chatdoctor      10,000, 200 and 1,000: HealthCareMagic to learn, iCliniq to test
  openfunctions    2,211, 222 and 112: function calls, as instructions; from your files

OUT gets train.jsonl, validation.jsonl, test.jsonl and data.json, which has what they are made from. What is learned is train.jsonl
alone: tune it with --validation 0, or a tenth of it is held out once more.

Examples:
  retemper data magicoder data/code
  retemper data openfunctions data/tools --source openfunctions_train.json --test-source gorilla_openfunctions_v1_test.json
  retemper data openfunctions data/tools --source train.json --test-source test.json --seeds 42,1024,48763   # as the authors
  retemper tune model data/tools/train.jsonl adapter --preset paper --task tools --validation 0
  retemper evaluate model --suite tools --data tools=data/tools/test.jsonl`;

export function addDataCommand(program: Command, session: Session): Command {
  const command = program
    .command("data")
    .summary("the training data of the paper on merging")
    .description("Draws rows for training, for choosing lambda and for testing from published data, by a seed.")
    .argument("<set>", TRAINING_SETS.join(", "), parseSet)
    .argument("<out>", "folder for the rows and data.json")
    .optionsGroup("Where rows come from:")
    .option("--source <data>", "rows to train on: a file, a folder or hf://datasets/… (default: the published ones)")
    .option("--test-source <data>", "rows to test")
    .option("--skip-bad-rows", "leave out rows that are empty or malformed, instead of ending at the first")
    .optionsGroup("Which rows:")
    .option("--rows <n>", "rows to train on (default: the paper's number)", parseInteger(1))
    .option(
      "--validation <n>",
      "rows to choose lambda on (default: the paper's number; a tenth of --rows)",
      parseInteger(0),
    )
    .option("--test <n>", "rows to test (default: the paper's number)", parseInteger(0))
    .option("--seed <n>", "of the draw (default 42)", parseInteger(0))
    .option(
      "--seeds <list>",
      "a split for each tuning, in OUT/seed-N: the same rows, others to choose lambda on",
      parseSeeds,
    )
    .optionsGroup("Output:")
    .option("--dry-run", "read and draw, write nothing")
    .option("--force", "replace a data set that exists")
    .addHelpText("after", HELP);
  addCommonOptions(command);
  return command.action(async (set: TrainingSetName, out: string, flags: DataFlags) => {
    const { renderer, signal } = session;
    const { seeds, ...others } = flags;
    const options: TrainingDataOptions = { ...others, signal, hub: { onNote: (message) => renderer.note(message) } };
    const made: { readonly out: string; readonly report: TrainingDataReport }[] = [];
    for (const splitSeed of seeds ?? [undefined]) {
      const place = splitSeed === undefined ? out : join(out, `seed-${splitSeed}`);
      const report = await makeTrainingData(set, place, { ...options, splitSeed });
      for (const warning of report.warnings) renderer.warn(warning);
      made.push({ out: place, report });
    }
    const results = made.map(({ out: place, report }) => ({ out: place, written: !flags.dryRun, ...report }));
    const texts = made.map(({ out: place, report }) => describe(report, place, flags.dryRun ?? false));
    renderer.result(seeds === undefined ? results[0] : { splits: results }, texts.join("\n\n"));
  });
}

function describe(
  { title, files, sources, groups, leftOut }: TrainingDataReport,
  out: string,
  dryRun: boolean,
): string {
  const rows = Object.entries(files).map(([name, file]) => [name, formatCount(file.rows), file.sha256.slice(0, 16)]);
  const from = sources.map(({ part, source, rows: count, commit }) => {
    const at = commit === undefined || source.includes(commit) ? "" : ` at ${commit}`;
    return `${part} from ${formatCount(count)} rows of ${source}${at}`;
  });
  const left = Object.entries({ "of another kind": leftOut.otherKind, "there already": leftOut.duplicates })
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `${formatCount(count)} ${what}`);
  return [
    `${out}: ${title}${dryRun ? " (nothing written)" : ""}`,
    table(["file", "rows", "sha256"], rows),
    ...from,
    ...(left.length > 0 ? [`left out: ${left.join(", ")}`] : []),
    ...(groups
      ? [
          `to learn: ${Object.entries(groups)
            .map(([name, count]) => `${name} ${formatCount(count)}`)
            .join(", ")}`,
        ]
      : []),
  ].join("\n");
}

function parseSet(name: string): TrainingSetName {
  const found = TRAINING_SETS.find((set) => set === name);
  if (found === undefined) throw new InvalidArgumentError(`There are ${TRAINING_SETS.join(", ")}.`);
  return found;
}
