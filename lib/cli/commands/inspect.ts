// `retemper inspect MODEL`: the tensors of a checkpoint, their dtypes and sizes, and the family it belongs to.

import type { Command } from "commander";
import { inspect, type ModelFacts } from "../../entries/merge.js";
import { downloading } from "../downloading.js";
import { formatBytes, formatCount } from "../quantities.js";
import { addCommonOptions, type Session } from "../session.js";
import { table } from "../table.js";

export function addInspectCommand(program: Command, session: Session): Command {
  const command = program
    .command("inspect")
    .summary("show a model's tensors")
    .description("Shows a model's tensors, their dtypes and sizes, its family and layers. Reads headers only.")
    .argument("<model>", "folder, name on the hub, or base+adapter")
    .addHelpText(
      "after",
      "\nExamples:\n  retemper inspect path/to/model\n  retemper inspect base+adapter --json | jq .result",
    );
  addCommonOptions(command);
  return command.action(async (model: string) => {
    session.endWithReader();
    const facts = await inspect(model, { signal: session.signal, hub: downloading(session) });
    session.renderer.result(facts, describe(facts));
  });
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
