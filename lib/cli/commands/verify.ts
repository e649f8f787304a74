// `retemper verify OUT`: reads an output again and compares it with the digests taken while it was written.

import type { Command } from "commander";
import { RetemperError, type VerifyReport, verify } from "../../entries/merge.js";
import { formatBytes, formatCount } from "../quantities.js";
import { addCommonOptions, type Session } from "../session.js";
import { table } from "../table.js";

export function addVerifyCommand(program: Command, session: Session): Command {
  const command = program
    .command("verify")
    .summary("compare an output with its recorded digests")
    .description(
      "Reads every file of a merge's output and compares it with the sha256 in its retemper.json.\n" +
        "Ends with exit code 4 when a file differs, is missing or was added.",
    )
    .argument("<out>", "output folder of a merge")
    .addHelpText("after", "\nExamples:\n  retemper verify out\n  retemper verify out --json | jq .result.ok");
  addCommonOptions(command);
  return command.action(async (out: string) => {
    const { renderer, signal } = session;
    const report = await verify(out, { signal, onProgress: (progress) => renderer.progress(progress) });
    if (report.ok) {
      renderer.result(report, describe(report));
      return;
    }
    renderer.answerBeforeError(report, describe(report));
    throw new RetemperError("BAD_INPUT", `${out} is not what was written: ${report.problems.join("; ")}`, {
      file: out,
      hint: "merge again; if this repeats, suspect the disk",
    });
  });
}

function describe(report: VerifyReport): string {
  const rows = report.files.map(({ path, ok, problem }) => [path, ok ? "ok" : (problem ?? "differs")]);
  const total = `${formatCount(report.files.length)} files, ${formatBytes(report.bytes)}: ${report.ok ? "all as written" : "NOT as written"}`;
  return `${table(["file", "state"], rows)}\n${total}`;
}
