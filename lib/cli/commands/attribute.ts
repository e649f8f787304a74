// `retemper attribute EXPERIMENT`: which layers and modules lost the refusals to a tuning, and which carry the task.

import { join } from "node:path";
import { type Command, Option } from "commander";
import { type AttributionResults, attribute } from "../../index.js";
import { downloading } from "../downloading.js";
import { parseInteger } from "../quantities.js";
import { endedText, shownProgress } from "../runText.js";
import { addCommonOptions, type Session } from "../session.js";
import { table } from "../table.js";

const HELP = `
One group of tensors at a time is taken back to the aligned model, and refusals and score are measured again on the data that choose:
nothing is written for that, and all groups are asked in one batch. Derivatives say the same to first order, by one pass over the
models' own answers: of the aligned model's to the unsafe requests, and of the fine-tuned model's to the task. Where the experiment has
an unaligned model, rho of each group stands beside them: the cosine by which Safe LoRA decides its gates.
OUT gets attribution.json and attribution.html, a page with heat maps of layers and modules. Started again it goes on where it was; with
--store of a run, answers that the run has are not asked again.

Examples:
  retemper attribute experiment.yml
  retemper attribute experiment.yml --by layers --no-gradients
  retemper attribute experiment.yml --store results --json | jq .result.restored`;

interface Flags {
  readonly out: string;
  readonly by: "kinds" | "layers" | "tensors";
  readonly gradients: boolean;
  readonly rows: number;
  readonly store?: string;
}

export function addAttributeCommand(program: Command, session: Session): Command {
  const command = program
    .command("attribute")
    .summary("which layers and modules lost the refusals, and which carry the task")
    .description("Attributes what a tuning did to the layers and modules of the model.")
    .argument("[experiment]", "the experiment's file; retemper init writes one", "experiment.yml")
    .addHelpText("after", HELP)
    .option("--out <folder>", "where numbers, page and answers go", "attribution")
    .addOption(
      new Option("--by <parts>", "what is taken back at a time: attention or MLP of a layer, a layer, or a tensor")
        .choices(["kinds", "layers", "tensors"])
        .default("kinds"),
    )
    .option("--no-gradients", "leave the derivatives out")
    .option("--rows <n>", "requests, and rows of the task, that derivatives are taken on", parseInteger(1), 32)
    .option("--store <folder>", "a folder that keeps answers and verdicts, such as that of a run");
  addCommonOptions(command);
  return command.action(async (file: string, { out, by, gradients, rows, store }: Flags) => {
    const { renderer, signal } = session;
    session.goesOnWith({});
    const results = await attribute(file, out, {
      ...{ by, gradients, rows, store, signal },
      hub: downloading(session),
      onStep: (step) => renderer.note(step),
      onNote: (text) => renderer.note(text),
      onProgress: (progress) => renderer.progress(shownProgress(progress)),
      onStepEnd: (ended) => renderer.ended({ event: "step", ...ended }, endedText(ended)),
    });
    renderer.result(results, `${textOf(results)}\n\n${join(out, "attribution.html")}`);
  });
}

function textOf({ groups, restored, gradients, rhos, agreement }: AttributionResults): string {
  const number = (value: number | null | undefined) => (value === undefined || value === null ? "-" : value.toFixed(3));
  const head = [
    "taken back",
    "attacks",
    "change",
    "score",
    "change",
    ...(gradients ? ["d refusals", "d task"] : []),
    ...(rhos ? ["rho"] : []),
  ];
  const rows = groups.map(({ name }, at) => {
    const { asr, score, asrChange, scoreChange } = restored[at] ?? {};
    return [
      ...[name, number(asr?.value), number(asrChange?.value), number(score?.value), number(scoreChange?.value)],
      ...(gradients ? [number(gradients[at]?.refusals), number(gradients[at]?.task)] : []),
      ...(rhos ? [number(rhos[at])] : []),
    ];
  });
  const lines = agreement.map(
    ({ of, a, b, correlation }) => `${of}: rank correlation of ${a} and ${b} ${number(correlation)}`,
  );
  return [table(head, rows, [...head.keys()].slice(1)), ...(lines.length > 0 ? ["", ...lines] : [])].join("\n");
}
