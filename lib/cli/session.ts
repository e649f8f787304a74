// What every command gets: where to render and when to stop. Commands parse, call the library, and render.

import { type Command, Option } from "commander";
import type { Again } from "./commandAgain.js";
import type { Renderer } from "./render.js";

export interface Session {
  readonly renderer: Renderer;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /** Exit status when a signal stopped the command, else undefined. */
  readonly stopStatus: () => number | undefined;
  /** Called by a command whose answers are for the reader of stdout alone: it is stopped when that has gone away. */
  readonly endWithReader: () => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Help and version texts, which are ours; everything else goes through the renderer, which escapes what a terminal would act on. */
  readonly write: (text: string) => void;
  readonly writeError: (text: string) => void;
  readonly stdin: NodeJS.ReadableStream & AsyncIterable<Uint8Array | string> & { readonly isTTY?: boolean };
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean };
  /** Lets Ctrl-C (SIGINT) do something else than end the command, until the function that it gives is called. */
  readonly takeInterrupts: (handler: () => void) => () => void;
  /** Called by a command that keeps what it has done: where a signal stops it, the error says how to go on. */
  readonly goesOnWith: (again: Again) => void;
}

/** Adds the options that all commands share; `program.ts` applies them before a command runs. */
export function addCommonOptions(command: Command): Command {
  return command
    .optionsGroup("Output of the command:")
    .option("--json", "one JSON object a line on stdout, the last one is the result or the error")
    .option("--quiet", "no progress and no notes")
    .addOption(new Option("--no-quiet").hideHelp())
    .option("-v, --verbose", "say more; with an error, show where it happened (may be repeated)");
}
