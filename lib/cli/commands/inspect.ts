// `retemper inspect MODEL`: the tensors of a checkpoint, their dtypes and sizes, and the family it belongs to. With --compare, what
// a tuning changed of each.

import type { Command } from "commander";
import { compareTensors, inspect, type ModelFacts, RetemperError, type TensorComparison } from "../../entries/merge.js";
import { comparedText } from "../comparedText.js";
import { downloading } from "../downloading.js";
import { formatBytes, formatCount, parseInteger } from "../quantities.js";
import { addCommonOptions, type Session } from "../session.js";
import { table } from "../table.js";

const HELP = `
With --compare, models are the aligned one (A), the fine-tuned one (F) and perhaps the unaligned one (U). Of each tensor: norms of
D = F - A and V = A - U, their share of A's norm, effective ranks (e to the entropy of the squared singular values' shares), the
cosine of D and V (below 0: the tuning undoes the alignment), and the share of elements that both changed in the same direction.

Examples:
  retemper inspect path/to/model
  retemper inspect base+adapter --json | jq .result
  retemper inspect --compare aligned aligned+adapter base`;

interface Flags {
  readonly compare?: boolean;
  readonly rank: boolean;
  readonly threads?: number;
  readonly html?: string;
}

/** Writes a comparison as a page; the command of merging alone has none. */
export type WriteComparison = (comparison: TensorComparison, file: string) => Promise<void>;

export function addInspectCommand(program: Command, session: Session, write?: WriteComparison): Command {
  const command = program
    .command("inspect")
    .summary("show a model's tensors, or what a tuning changed of them")
    .description("Shows a model's tensors, their dtypes and sizes, its family and layers. Reads headers only.")
    .argument("<models...>", "folder, name on the hub, or base+adapter; with --compare: A F, or A F U")
    .optionsGroup("Comparing models:")
    .option("--compare", "compare a fine-tuned model with the aligned one, and with what the alignment changed")
    .option("--no-rank", "leave effective ranks out, which need all singular values of each matrix")
    .option("--threads <n>", "worker threads (default: one for each core)", parseInteger(1));
  if (write) command.option("--html <file>", "write the numbers with heat maps of layers and modules as a page");
  command.addHelpText("after", HELP);
  addCommonOptions(command);
  return command.action(async (models: readonly string[], flags: Flags) => {
    const { compare = false, rank, threads, html } = flags;
    const { signal } = session;
    const [model = "", other, unaligned] = models;
    if (!compare) {
      if (other !== undefined) throw wrongCount("inspect shows one model", "to compare models say --compare");
      for (const [name, given] of Object.entries({ "--no-rank": !rank, "--threads": threads, "--html": html })) {
        if (given) throw wrongCount(`${name} is of --compare`, "leave it out, or compare models");
      }
      session.endWithReader();
      const facts = await inspect(model, { signal, hub: downloading(session) });
      session.renderer.result(facts, describe(facts));
      return;
    }
    if (other === undefined || models.length > 3) {
      throw wrongCount(
        `--compare takes two or three models, not ${models.length}`,
        "the aligned one, the fine-tuned one and perhaps the unaligned one, in this order",
      );
    }
    const found = await compareTensors(model, other, {
      ...{ unaligned, ranks: rank, threads, signal },
      hub: downloading(session),
    });
    if (html !== undefined) await write?.(found, html);
    session.renderer.result(found, comparedText(found) + (html === undefined ? "" : `\n\nwrote ${html}`));
  });
}

function wrongCount(message: string, hint: string): RetemperError {
  return new RetemperError("USAGE", message, { hint });
}

function describe(facts: ModelFacts): string {
  const tensors = table(
    ["tensor", "dtype", "shape", "size"],
    facts.tensors.map(({ name, dtype, shape, bytes }) => [name, dtype, `[${shape.join(", ")}]`, formatBytes(bytes)]),
    [3],
  );
  const dtypes = table(
    ["dtype", "tensors", "parameters", "size"],
    Object.entries(facts.dtypes).map(([dtype, sum]) => [
      dtype,
      formatCount(sum.tensors),
      formatCount(sum.parameters),
      formatBytes(sum.bytes),
    ]),
    [1, 2, 3],
  );
  const notes = [...facts.notes, ...(facts.adapter?.warnings ?? [])].map((note) => `- ${note}`);
  const parts = [tensors, dtypes, table(["", ""], summary(facts)).trimStart(), notes.join("\n")];
  return parts.filter((part) => part !== "").join("\n\n");
}

function summary(facts: ModelFacts): [string, string][] {
  const rows: [string, string | number | undefined][] = [
    [facts.kind, facts.reference],
    ["folder", facts.folder === facts.reference ? undefined : facts.folder],
    ["family", facts.family],
    ["parameters", formatCount(facts.parameters)],
    [
      "size",
      `${formatBytes(facts.bytes)} in ${formatCount(facts.files.length)} file${facts.files.length === 1 ? "" : "s"}`,
    ],
    ["layers", facts.layers || undefined],
    ["hidden size", facts.hiddenSize],
    ["vocabulary", facts.vocabulary === undefined ? undefined : formatCount(facts.vocabulary)],
    ["embeddings", facts.kind === "model" ? (facts.tied ? "tied" : "untied") : undefined],
    ["quantised", facts.quantisation],
    ["adapter", facts.adapter && describeAdapter(facts.adapter)],
  ];
  return rows.flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
}

function describeAdapter({
  rank,
  alpha,
  rsLora,
  dora,
  parameters,
  effects,
}: NonNullable<ModelFacts["adapter"]>): string {
  const facts = [
    rank !== undefined && `rank ${rank}`,
    alpha !== undefined && `alpha ${alpha}`,
    rsLora && "rsLoRA",
    dora && "DoRA",
    `${formatCount(parameters)} parameters`,
    effects && `changes ${effects.lowRank + effects.replace + effects.add} tensors`,
  ];
  return facts.filter((fact) => typeof fact === "string").join(", ");
}
