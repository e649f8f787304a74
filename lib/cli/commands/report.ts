// `retemper report DIR`: builds the report of an experiment again.

import type { Command } from "commander";
import { report } from "../../index.js";
import { addCommonOptions, type Session } from "../session.js";

export function addReportCommand(program: Command, session: Session): Command {
  const command = program
    .command("report")
    .summary("build the report of a run again: report.html and report.md")
    .description("Writes report.html (one file, works offline) and report.md beside a run's results.json.")
    .argument("<folder>", "output folder of a run")
    .option("--no-examples", "leave out answers: for a report that is published where requests were harmful");
  addCommonOptions(command);
  return command.action(async (folder: string, { examples }: { readonly examples: boolean }) => {
    const path = await report(folder, { examples });
    session.renderer.result({ report: path }, path);
  });
}
