// `retemper pull NAME`: a model or an adapter of the hub, into the cache.

import type { Command } from "commander";
import { type PulledRepository, type PullReport, pull } from "../../entries/merge.js";
import { downloading } from "../downloading.js";
import { formatBytes, formatCount, formatDuration } from "../quantities.js";
import { addCommonOptions, type Session } from "../session.js";

export interface PullFlags {
  readonly transformersCache?: string;
  readonly verify?: boolean;
  readonly base: boolean;
}

const EXAMPLES = `
What came before a break is kept: the same command goes on there.
HF_TOKEN has the token for gated and private models, HF_ENDPOINT the address of a mirror, HF_HUB_CACHE or HF_HOME the cache's place.

Examples:
  retemper pull HuggingFaceTB/SmolLM2-135M-Instruct
  retemper pull org/name@v2
  retemper pull org/name-GGUF/name-q4_k_m.gguf
  retemper pull org/adapter --no-base`;

export function addPullCommand(program: Command, session: Session): Command {
  const command = program
    .command("pull")
    .summary("download a model from the hub")
    .description(
      "Downloads a model or an adapter, and only the files that are needed, into the cache that Python's huggingface_hub shares. The other commands do so by themselves for models that are not here.",
    )
    .argument("<name>", "org/name, org/name@revision, or org/name/file.gguf")
    .addHelpText("after", EXAMPLES)
    .option("--verify", "read what the cache has already, and download again what does not have its digest")
    .option("--no-base", "of an adapter: without the model under it")
    .option("--transformers-cache <folder>", "cache of downloaded models");
  addCommonOptions(command);
  return command.action(async (name: string, { transformersCache, verify, base }: PullFlags) => {
    const { signal, renderer, goesOnWith } = session;
    goesOnWith({});
    const report = await pull(name, { signal, transformersCache, verify, base, hub: downloading(session) });
    renderer.result(report, describe(report));
  });
}

function describe(report: PullReport): string {
  const lines = [line(report), ...(report.base ? [line(report.base)] : [])];
  return [...lines, `in ${formatDuration(report.seconds)}`].join("\n");
}

function line({ model, commit, folder, files, bytes, downloaded }: PulledRepository): string {
  if (files.length === 0) return `${model} at ${commit}, as the cache has it: ${folder}`;
  const what = `${formatCount(files.length)} file${files.length === 1 ? "" : "s"}, ${formatBytes(bytes)}`;
  return `${model} at ${commit}: ${what}, ${formatBytes(downloaded)} downloaded: ${folder}`;
}
