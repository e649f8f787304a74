// `retemper push OUT NAME`: a model, an adapter or a report to a repository of the hub.

import { type Command, InvalidArgumentError } from "commander";
import { type PushOptions, type PushReport, push } from "../../index.js";
import { formatBytes, formatCount } from "../quantities.js";
import { addCommonOptions, type Session } from "../session.js";
import { table } from "../table.js";

interface PushFlags {
  readonly private?: boolean;
  readonly revision?: string;
  readonly pr?: boolean;
  readonly message?: string;
  readonly description?: string;
  readonly kind?: "model" | "dataset";
  readonly into?: string;
  readonly dryRun?: boolean;
}

const EXAMPLES = `
The repository is made where it does not exist. All files become visible by one commit, or none. What a break left is gone on with by
the same command: parts that are there are not sent again. HF_TOKEN has the token, which must be one that may write; HF_ENDPOINT is
the address of another hub.

Examples:
  retemper push out org/name --private
  retemper push results/models/chosen org/name --revision v2
  retemper push adapter org/adapter --pr --message "Tuned on the new rows"
  retemper push results org/report                       # report.html and report.md, as a data set
  retemper push results/report.html org/name --kind model --into report`;

export function addPushCommand(program: Command, session: Session): Command {
  const command = program
    .command("push")
    .summary("upload a model, an adapter or a report to the hub")
    .description("Checks that it is whole, uploads what the hub lacks, and names all files by one commit.")
    .argument("<out>", "folder of a model, an adapter or a run, or a report.html")
    .argument("<name>", "repository: org/name")
    .addHelpText("after", EXAMPLES)
    .option("--private", "make a private repository; refuse one that is public")
    .option("--revision <branch>", "branch, made where it does not exist; refs/pr/N for an open pull request")
    .option("--pr", "open a pull request instead of committing to main")
    .option("--message <text>", "first line of the commit's message")
    .option("--description <text>", "what follows it")
    .option("--kind <kind>", "model or dataset (default: dataset for a report, else model)", parseKind)
    .option("--into <folder>", "folder of the repository (default: its root)")
    .option("--dry-run", "check and list, send nothing");
  addCommonOptions(command);
  return command.action(async (out: string, name: string, flags: PushFlags) => {
    const { renderer, signal, env, goesOnWith } = session;
    goesOnWith({});
    const { pr, ...others } = flags;
    const options: PushOptions = {
      ...others,
      ...(pr !== undefined && { pullRequest: pr }),
      signal,
      hub: { env, onNote: (message) => renderer.note(message) },
      onProgress: (progress) => renderer.progress(progress),
    };
    const report = await push(out, name, options);
    for (const warning of report.warnings) renderer.warn(warning);
    renderer.result(report, describe(report));
  });
}

function describe(report: PushReport): string {
  const { files, leftOut, deleted, bytes, sentBytes, made, repository, commitUrl, pullRequest } = report;
  const rows = files.map((file) => [file.path, formatBytes(file.bytes), file.state]);
  const changed = files.some(({ state }) => state === "sent" || state === "there") || deleted.length > 0;
  const count = `${formatCount(files.length)} file${files.length === 1 ? "" : "s"}, ${formatBytes(bytes)}`;
  const ends = [
    ...leftOut.map(({ path, why }) => `left out: ${path} (${why})`),
    ...deleted.map((path) => `taken away: ${path} (it would be loaded in place of these)`),
  ];
  if (commitUrl === undefined)
    return [table(["file", "size", "state"], rows), ...ends, `${count}: nothing was sent`].join("\n");
  return [
    table(["file", "size", "state"], rows),
    ...ends,
    `${count}; ${formatBytes(sentBytes)} of large files sent${made ? `; ${repository} is new` : ""}`,
    pullRequest ?? `${changed ? "" : "nothing is new: "}${commitUrl}`,
  ].join("\n");
}

function parseKind(kind: string): "model" | "dataset" {
  if (kind === "model" || kind === "dataset") return kind;
  throw new InvalidArgumentError("There are model and dataset.");
}
